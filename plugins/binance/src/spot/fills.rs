//! The account's fills by time, of an instrument or of one order.

use std::borrow::Cow;

use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::query::Query;
use switchyard_sdk::time::Millis;
use switchyard_sdk::trading::{Fill, Fills, Liquidity, ListFills};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method, OrderRef, Side, Timestamp};
use switchyard_sdk::{Context, Step, json};

use super::orders::WireOrder;
use super::{PACE, error_codes, read, signed};
use crate::enums::naming;
use crate::failures;
use crate::names::Names;
use crate::walk::{Range, Row, Stride, Walk};

/// A trade of the account. Like an order, it travels between steps as a list of its fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTrade<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    id: u64,
    order_id: u64,
    price: Exact,
    qty: Exact,
    commission: Exact,
    #[serde(borrow)]
    commission_asset: Cow<'a, str>,
    time: Millis,
    is_buyer: bool,
    is_maker: bool,
}

impl Serialize for WireTrade<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_tuple(10)?;
        fields.serialize_element(&self.symbol)?;
        fields.serialize_element(&self.id)?;
        fields.serialize_element(&self.order_id)?;
        fields.serialize_element(self.price.as_str())?;
        fields.serialize_element(self.qty.as_str())?;
        fields.serialize_element(self.commission.as_str())?;
        fields.serialize_element(&self.commission_asset)?;
        fields.serialize_element(&self.time.0)?;
        fields.serialize_element(&self.is_buyer)?;
        fields.serialize_element(&self.is_maker)?;
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
    /// Trades are listed by Binance's order id only, and this one is yet to be found.
    Find(&'a OrderRef),
    List(Progress<'a>),
}

fn stage<'a>(
    command: &'a ListFills,
    state: Option<&'a [u8]>,
    range: Range,
) -> Result<Stage<'a>, Error> {
    if let Some(state) = state {
        return Ok(Stage::List(json::read(state)?));
    }
    Ok(match &command.order {
        None => Stage::List(Progress {
            order: None,
            walk: Walk::through(range, PACE),
        }),
        Some(order) => match &order.venue_id {
            Some(id) => Stage::List(Progress {
                order: Some(id.clone()),
                walk: Walk::by_id(range),
            }),
            None => Stage::Find(order),
        },
    })
}

pub(crate) fn encode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let symbol = &cx.instrument()?.venue_symbol;
    let progress = match stage(command, state, range)? {
        Stage::Find(order) => {
            let query = Query::on("/api/v3/order").with("symbol", symbol);
            let query = naming(query, order, "orderId", "origClientOrderId")?;
            return Ok(vec![signed(cx, Method::Get, query, 4)?]);
        }
        Stage::List(progress) => progress,
    };
    let mut base = Query::on("/api/v3/myTrades").with("symbol", symbol);
    if progress.order.is_some() {
        let order = OrderRef {
            venue_id: progress.order,
            client_id: None,
        };
        base = naming(base, &order, "orderId", "origClientOrderId")?;
    }
    progress
        .walk
        .queries(&base, range, PACE, "fromId")
        .into_iter()
        .map(|query| signed(cx, Method::Get, query, 20))
        .collect()
}

pub(crate) fn decode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    state: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Fills>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let progress = match stage(command, state, range)? {
        Stage::Find(_) => {
            let order: WireOrder<'_> = read(cx, responses)?;
            return proceed(&Progress {
                order: Some(order.order_id.to_string()),
                walk: Walk::by_id(range),
            });
        }
        Stage::List(progress) => progress,
    };
    let answers = responses
        .iter()
        .map(|response| failures::accept(cx, &error_codes::SPOT, response, false))
        .collect::<Result<Vec<Vec<WireTrade<'_>>>, _>>()?;
    match progress.walk.take(cx.now, range, PACE, answers)? {
        Stride::More(walk) => proceed(&Progress {
            order: progress.order,
            walk,
        }),
        Stride::Done(trades, read_until) => {
            let mut names = Names::new(cx);
            let client_id = command
                .order
                .as_ref()
                .and_then(|order| order.client_id.as_ref());
            let fills = trades
                .into_iter()
                .map(|trade| fill(trade, client_id, &mut names))
                .collect();
            Ok(Step::Done(Fills { fills, read_until }))
        }
    }
}

fn proceed(progress: &Progress<'_>) -> Result<Step<Fills>, Error> {
    serde_json::to_vec(progress)
        .map(Step::Continue)
        .map_err(|error| Error::malformed(error.to_string()))
}

fn fill(trade: WireTrade<'_>, client_id: Option<&String>, names: &mut Names<'_, '_>) -> Fill {
    Fill {
        symbol: names.of(&trade.symbol),
        venue_fill_id: trade.id.to_string(),
        venue_order_id: trade.order_id.to_string(),
        client_id: client_id.cloned(),
        side: if trade.is_buyer {
            Side::Buy
        } else {
            Side::Sell
        },
        quantity: trade.qty.into_string(),
        price: trade.price.into_string(),
        fee: Some(trade.commission.into_string()),
        fee_asset: Some(trade.commission_asset.into_owned()),
        liquidity: Some(if trade.is_maker {
            Liquidity::Maker
        } else {
            Liquidity::Taker
        }),
        at: trade.time.0,
    }
}
