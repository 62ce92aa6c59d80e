//! The order book: which depth to ask for, and the answer's levels.

use serde::Deserialize;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{GetOrderBook, Level, OrderBook};
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::Error;

/// A book as every API gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Depth {
    last_update_id: u64,
    /// When the matching engine made it, which futures alone say.
    #[serde(rename = "T", default)]
    transacted: Option<Millis>,
    bids: Vec<(Exact, Exact)>,
    asks: Vec<(Exact, Exact)>,
}

impl Depth {
    /// The contract's book, no deeper than was asked for.
    pub(crate) fn book(self, symbol: String, command: &GetOrderBook) -> OrderBook {
        let wanted = usize::try_from(command.depth).unwrap_or(usize::MAX);
        let side = |levels: Vec<(Exact, Exact)>| {
            levels
                .into_iter()
                .take(wanted)
                .map(|(price, quantity)| Level {
                    price: price.into_string(),
                    quantity: quantity.into_string(),
                })
                .collect()
        };
        OrderBook {
            symbol,
            bids: side(self.bids),
            asks: side(self.asks),
            sequence: Some(self.last_update_id.to_string()),
            at: self.transacted.map(|time| time.0),
        }
    }
}

/// Most levels that a command may ask for.
const MAX_DEPTH: u32 = 5_000;

/// The least of an API's depths, in order and each with its weight, that holds what is asked for; the
/// deepest where none does.
pub(crate) fn depth(depths: &[(u32, u32)], command: &GetOrderBook) -> Result<(u32, u32), Error> {
    if !(1..=MAX_DEPTH).contains(&command.depth) {
        return Err(Error::invalid("depth", "a depth is 1 to 5000"));
    }
    let holds = |(limit, _): &&(u32, u32)| *limit >= command.depth;
    let chosen = depths.iter().find(holds).or(depths.last());
    chosen
        .copied()
        .ok_or_else(|| Error::unsupported("an order book"))
}
