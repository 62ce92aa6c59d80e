//! The account's trades, of an instrument or of one order: how far they are listed, and the fills they are.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::query::Query;
use switchyard_sdk::time::Millis;
use switchyard_sdk::trading::{Fill, Fills, Liquidity, ListFills};
use switchyard_sdk::types::{Error, OrderRef, Side, Timestamp};
use switchyard_sdk::{Context, Step, json};

use crate::enums::is_number;
use crate::names::Names;
use crate::walk::{Pace, Range, Row, Stride, Walk, state};

/// A trade of the account, whose side is written as `S`. Like an order, it travels between steps as a list
/// of its fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireTrade<'a, S> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    id: u64,
    order_id: u64,
    /// Spot says whether the account bought, futures name the side.
    #[serde(alias = "isBuyer")]
    side: S,
    price: Exact,
    /// In the instrument's quantity unit.
    qty: Exact,
    /// What was paid; the futures documents' examples have rebates below zero.
    commission: Exact,
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    commission_asset: Cow<'a, str>,
    time: Millis,
    #[serde(alias = "isMaker")]
    maker: bool,
}

impl<S: Serialize> Serialize for WireTrade<'_, S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        (
            &self.symbol,
            self.id,
            self.order_id,
            &self.side,
            self.price.as_str(),
            self.qty.as_str(),
            self.commission.as_str(),
            &self.commission_asset,
            self.time.0,
            self.maker,
        )
            .serialize(serializer)
    }
}

impl<S> Row for WireTrade<'_, S> {
    fn id(&self) -> u64 {
        self.id
    }

    fn time(&self) -> Result<Timestamp, Error> {
        Ok(self.time.0)
    }
}

impl<S> WireTrade<'_, S> {
    fn fill(
        self,
        client_id: Option<&String>,
        names: &mut Names<'_, '_>,
        side: impl Fn(&S) -> Result<Side, Error>,
    ) -> Result<Fill, Error> {
        Ok(Fill {
            symbol: names.of(&self.symbol)?,
            venue_fill_id: self.id.to_string(),
            venue_order_id: self.order_id.to_string(),
            client_id: client_id.cloned(),
            side: side(&self.side)?,
            quantity: self.qty.into_string(),
            price: self.price.into_string(),
            fee: Some(self.commission.into_string()),
            fee_asset: Some(self.commission_asset.into_owned()),
            liquidity: Some(if self.maker {
                Liquidity::Maker
            } else {
                Liquidity::Taker
            }),
            at: self.time.0,
        })
    }
}

/// How far a listing has come.
#[derive(Serialize, Deserialize)]
pub(crate) struct Progress<'a, S> {
    /// The order whose fills are wanted.
    pub(crate) order: Option<String>,
    #[serde(borrow)]
    pub(crate) walk: Walk<WireTrade<'a, S>>,
}

/// What the next step is about.
pub(crate) enum Stage<'a, S> {
    /// Trades are listed by Binance's order id only, and this one is yet to be found.
    Find(&'a OrderRef),
    List(Progress<'a, S>),
}

impl<'a, S: Deserialize<'a>> Stage<'a, S> {
    /// Where a listing stands; one that begins does so with the walk that `begin` gives for its order.
    pub(crate) fn of(
        command: &'a ListFills,
        state: Option<&'a [u8]>,
        begin: impl Fn(Option<&str>) -> Walk<WireTrade<'a, S>>,
    ) -> Result<Self, Error> {
        if let Some(state) = state {
            return json::read(state).map(Self::List);
        }
        let id = match &command.order {
            None => None,
            Some(order) => match &order.venue_id {
                Some(id) if is_number(id) => Some(id),
                _ => return Ok(Self::Find(order)),
            },
        };
        Ok(Self::List(Progress {
            walk: begin(id.map(String::as_str)),
            order: id.cloned(),
        }))
    }
}

impl<'a, S: Serialize> Progress<'a, S> {
    /// The queries of the next step, each `base` with the order and the page it is about.
    pub(crate) fn queries(&self, base: Query, range: Range, pace: Pace) -> Vec<Query> {
        let base = base.with_some("orderId", self.order.as_deref());
        self.walk.queries(&base, range, pace, "fromId")
    }

    /// Leads to the next step.
    pub(crate) fn proceed(&self) -> Result<Step<Fills>, Error> {
        state(self).map(Step::Continue)
    }

    /// Takes in the answers to [`Self::queries`]; `side` reads how a trade's side is written.
    pub(crate) fn take(
        self,
        cx: &Context<'_>,
        command: &ListFills,
        range: Range,
        pace: Pace,
        answers: Vec<Vec<WireTrade<'a, S>>>,
        side: impl Fn(&S) -> Result<Side, Error>,
    ) -> Result<Step<Fills>, Error> {
        let order = self.order;
        match self.walk.take(cx.now, range, pace, answers)? {
            Stride::More(walk) => Progress { order, walk }.proceed(),
            Stride::Done(trades, read_until) => {
                let mut names = Names::new(cx);
                let order = command.order.as_ref();
                let client_id = order.and_then(|order| order.client_id.as_ref());
                let fills = trades
                    .into_iter()
                    .map(|trade| trade.fill(client_id, &mut names, &side))
                    .collect::<Result<_, _>>()?;
                Ok(Step::Done(Fills { fills, read_until }))
            }
        }
    }
}
