//! The account's fills by time, of an instrument or of one order.

use std::borrow::Cow;

use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::time::Millis;
use switchyard_sdk::trading::{Fill, Fills, Liquidity, ListFills};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method, OrderRef, Timestamp};
use switchyard_sdk::{Context, Step, json};

use super::algo::{self, WireAlgo};
use super::dialect::Dialect;
use super::orders::WireOrder;
use super::{read, read_lists, signed, state};
use crate::enums::{is_number, naming, side};
use crate::names::Names;
use crate::walk::{Range, Row, Stride, Walk};

/// Most trades that one request gives.
const PAGE: usize = 1_000;

/// A trade of the account. Like an order, it travels between steps as a list of its fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTrade<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    id: u64,
    order_id: u64,
    #[serde(borrow)]
    side: Cow<'a, str>,
    price: Exact,
    /// In the instrument's quantity unit.
    qty: Exact,
    /// What was paid; the documents' examples have rebates below zero.
    commission: Exact,
    #[serde(borrow)]
    commission_asset: Cow<'a, str>,
    time: Millis,
    maker: bool,
}

impl Serialize for WireTrade<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_tuple(10)?;
        fields.serialize_element(&self.symbol)?;
        fields.serialize_element(&self.id)?;
        fields.serialize_element(&self.order_id)?;
        fields.serialize_element(&self.side)?;
        fields.serialize_element(self.price.as_str())?;
        fields.serialize_element(self.qty.as_str())?;
        fields.serialize_element(self.commission.as_str())?;
        fields.serialize_element(&self.commission_asset)?;
        fields.serialize_element(&self.time.0)?;
        fields.serialize_element(&self.maker)?;
        fields.end()
    }
}

impl Row for WireTrade<'_> {
    fn id(&self) -> u64 {
        self.id
    }

    fn time(&self) -> Result<Timestamp, Error> {
        Ok(self.time.0)
    }
}

/// How far a listing has come.
#[derive(Serialize, Deserialize)]
struct Progress<'a> {
    /// The order whose fills are wanted.
    order: Option<String>,
    #[serde(borrow)]
    walk: Walk<WireTrade<'a>>,
}

/// What the next step is about.
enum Stage<'a> {
    /// Trades are listed by the order's id only, and this one is yet to be found.
    Find(&'a OrderRef),
    List(Progress<'a>),
}

fn stage<'a>(
    cx: &Context<'_>,
    dialect: &Dialect,
    command: &'a ListFills,
    state: Option<&'a [u8]>,
    range: Range,
) -> Result<Stage<'a>, Error> {
    if let Some(state) = state {
        return Ok(Stage::List(json::read(state)?));
    }
    let list = |order| {
        // By windows of time even for one order: by id alone Binance looks back seven days.
        Stage::List(Progress {
            order,
            walk: Walk::through(range, dialect.pace(cx.now, PAGE)),
        })
    };
    Ok(match &command.order {
        None => list(None),
        Some(order) => match &order.venue_id {
            Some(id) if is_number(id) => list(Some(id.clone())),
            _ => Stage::Find(order),
        },
    })
}

pub(crate) fn encode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let range = Range::new(command.since, command.before, command.limit)?;
    let progress = match stage(cx, dialect, command, state, range)? {
        Stage::Find(order) => {
            if let Some(id) = algo::id_of(order) {
                return Ok(vec![algo::about(cx, dialect, Method::Get, id)?]);
            }
            let query = dialect.query_symbol(cx, "/v1/order")?;
            let query = naming(query, order, "orderId", "origClientOrderId")?;
            return Ok(vec![signed(cx, dialect, Method::Get, query, 1)?]);
        }
        Stage::List(progress) => progress,
    };
    let base = dialect
        .query_symbol(cx, "/v1/userTrades")?
        .with_some("orderId", progress.order.as_deref());
    progress
        .walk
        .queries(&base, range, dialect.pace(cx.now, PAGE), "fromId")
        .into_iter()
        .map(|query| signed(cx, dialect, Method::Get, query, dialect.page_weight))
        .collect()
}

pub(crate) fn decode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    from: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Fills>, Error> {
    let dialect = Dialect::of(cx)?;
    let range = Range::new(command.since, command.before, command.limit)?;
    let pace = dialect.pace(cx.now, PAGE);
    let progress = match stage(cx, dialect, command, from, range)? {
        Stage::Find(order) => {
            let id = if algo::id_of(order).is_some() {
                let algo: WireAlgo<'_> = read(cx, dialect, responses)?;
                match algo.actual_order() {
                    Some(id) => id.to_owned(),
                    // Not triggered, so nothing can have filled.
                    None => {
                        return Ok(Step::Done(Fills {
                            fills: Vec::new(),
                            read_until: None,
                        }));
                    }
                }
            } else {
                let order: WireOrder<'_> = read(cx, dialect, responses)?;
                order.order_id.to_string()
            };
            return proceed(&Progress {
                order: Some(id),
                walk: Walk::through(range, pace),
            });
        }
        Stage::List(progress) => progress,
    };
    let answers = read_lists(cx, dialect, responses)?;
    match progress.walk.take(cx.now, range, pace, answers)? {
        Stride::More(walk) => proceed(&Progress {
            order: progress.order,
            walk,
        }),
        Stride::Done(trades, read_until) => {
            let mut names = Names::new(cx);
            let order = command.order.as_ref();
            let client_id = order.and_then(|order| order.client_id.as_ref());
            let fills = trades
                .into_iter()
                .map(|trade| fill(trade, client_id, &mut names))
                .collect::<Result<_, _>>()?;
            Ok(Step::Done(Fills { fills, read_until }))
        }
    }
}

fn proceed(progress: &Progress<'_>) -> Result<Step<Fills>, Error> {
    Ok(Step::Continue(state(progress)?))
}

fn fill(
    trade: WireTrade<'_>,
    client_id: Option<&String>,
    names: &mut Names<'_, '_>,
) -> Result<Fill, Error> {
    Ok(Fill {
        symbol: names.of(&trade.symbol),
        venue_fill_id: trade.id.to_string(),
        venue_order_id: trade.order_id.to_string(),
        client_id: client_id.cloned(),
        side: side(&trade.side)?,
        quantity: trade.qty.into_string(),
        price: trade.price.into_string(),
        fee: Some(trade.commission.into_string()),
        fee_asset: Some(trade.commission_asset.into_owned()),
        liquidity: Some(if trade.maker {
            Liquidity::Maker
        } else {
            Liquidity::Taker
        }),
        at: trade.time.0,
    })
}
