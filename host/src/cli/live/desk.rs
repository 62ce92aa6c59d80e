//! The instrument that is traded, and sizes and prices that fit it.

use reqwest::Method;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::Stop;
use super::private::VENUE;
use crate::cli::api_client::Api;

/// Listed instruments that are looked at for one that fits.
const TRIED: usize = 8;

/// An instrument with a market.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) symbol: String,
    pub(super) endpoint: String,
    pub(super) instrument: Value,
    pub(super) tick: Decimal,
    pub(super) lot: Decimal,
    /// A quantity that every rule allows at the prices used here.
    pub(super) quantity: Decimal,
    pub(super) bid: Decimal,
    pub(super) ask: Decimal,
}

/// A value of an answer as a number.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    value.as_str()?.parse().ok()
}

impl Desk {
    /// The instrument named, or the first that takes market and limit orders and has both sides in its book:
    /// spot before others.
    pub(super) async fn open(api: &Api, named: Option<&str>) -> Result<Self, Stop> {
        let mut path = format!("/v1/instruments?venue={VENUE}");
        if let Some(symbol) = named {
            path.push_str(&format!("&symbol={symbol}"));
        }
        let answer = api.call(Method::GET, &path, None).await?;
        let listed = answer.json();
        let has = |field: &Value, wanted: &str| {
            field
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one == wanted))
        };
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        let mut fitting: Vec<Value> = items
            .into_iter()
            .filter(|one| one["status"] == "trading" && has(&one["order_types"], "limit"))
            .collect();
        fitting.sort_by_key(|one| one["product"] != "spot");
        for instrument in fitting.into_iter().take(TRIED) {
            if let Some(desk) = Self::at(api, instrument).await? {
                return Ok(desk);
            }
        }
        Err(Stop::fail(
            format!("GET {path}, and the tickers of what it lists"),
            format!("{} {}", answer.status, answer.text),
            "an instrument that is traded, takes limit orders and has a bid and an ask",
        ))
    }

    async fn at(api: &Api, instrument: Value) -> Result<Option<Self>, Stop> {
        let text = |name: &str| instrument[name].as_str().unwrap_or_default().to_owned();
        let (symbol, endpoint) = (text("symbol"), text("endpoint"));
        let ticker = ticker(api, &symbol).await?;
        let (Some(bid), Some(ask)) = (decimal(&ticker["bid"]), decimal(&ticker["ask"])) else {
            return Ok(None);
        };
        let step = |name: &str| decimal(&instrument[name]["step"]).filter(|step| !step.is_zero());
        let tick = step("price").unwrap_or(Decimal::new(1, 8));
        let lot = step("quantity").unwrap_or(Decimal::new(1, 8));
        let mut desk = Self {
            symbol,
            endpoint,
            instrument,
            tick,
            lot,
            quantity: Decimal::ZERO,
            bid,
            ask,
        };
        desk.quantity = desk.least();
        Ok(Some(desk))
    }

    /// Twice what the rules want at least at a price a fifth below the market, so that it holds as the market moves.
    fn least(&self) -> Decimal {
        let bounds = |name: &str, part: &str| decimal(&self.instrument[name][part]);
        let mut least = bounds("quantity", "min").unwrap_or(self.lot).max(self.lot);
        if let Some(market) = bounds("market_quantity", "min") {
            least = least.max(market);
        }
        if let Some(notional) = bounds("notional", "min") {
            let low = self.bid * Decimal::new(80, 2);
            let size = contract_size(&self.instrument);
            let worth = if self.instrument["payoff"] == "inverse" {
                size
            } else {
                low * size
            };
            if !worth.is_zero() {
                least = least.max(notional / worth);
            }
        }
        self.on_lot(least * Decimal::TWO, RoundingStrategy::AwayFromZero)
    }

    pub(super) fn on_lot(&self, quantity: Decimal, rounding: RoundingStrategy) -> Decimal {
        on_step(quantity, self.lot, rounding)
    }

    /// This share of the best bid, in percent: below the market.
    pub(super) fn below(&self, percent: i64) -> Decimal {
        on_step(
            self.bid * Decimal::new(percent, 2),
            self.tick,
            RoundingStrategy::ToZero,
        )
    }

    /// A price that takes what rests at the best ask, and a little more.
    pub(super) fn taking(&self) -> Decimal {
        on_step(
            self.ask * Decimal::new(1_005, 3),
            self.tick,
            RoundingStrategy::AwayFromZero,
        )
    }

    pub(super) fn takes(&self, time_in_force: &str) -> bool {
        let times = self.instrument["times_in_force"].as_array();
        times.is_some_and(|times| times.iter().any(|time| time == time_in_force))
    }

    pub(super) fn takes_market(&self) -> bool {
        let types = self.instrument["order_types"].as_array();
        types.is_some_and(|types| types.iter().any(|one| one == "market"))
    }

    /// Reads the market anew.
    pub(super) async fn refresh(&mut self, api: &Api) -> Result<(), Stop> {
        let ticker = ticker(api, &self.symbol).await?;
        if let (Some(bid), Some(ask)) = (decimal(&ticker["bid"]), decimal(&ticker["ask"])) {
            (self.bid, self.ask) = (bid, ask);
        }
        Ok(())
    }
}

fn contract_size(instrument: &Value) -> Decimal {
    decimal(&instrument["contract_size"]).unwrap_or(Decimal::ONE)
}

pub(super) async fn ticker(api: &Api, symbol: &str) -> Result<Value, Stop> {
    let path = format!("/v1/tickers?venue={VENUE}&symbol={symbol}");
    let answer = api.call(Method::GET, &path, None).await?;
    Ok(answer.json()["items"][0].clone())
}

fn on_step(value: Decimal, step: Decimal, rounding: RoundingStrategy) -> Decimal {
    ((value / step).round_dp_with_strategy(0, rounding) * step).normalize()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn desk(instrument: Value) -> Desk {
        let mut desk = Desk {
            symbol: "BTC/USDT".into(),
            endpoint: "spot".into(),
            instrument,
            tick: Decimal::new(5, 1),
            lot: Decimal::new(1, 3),
            quantity: Decimal::ZERO,
            bid: Decimal::from(100),
            ask: Decimal::from(101),
        };
        desk.quantity = desk.least();
        desk
    }

    #[test]
    fn a_size_meets_the_least_notional_below_the_market_with_room_to_spare() {
        let spot =
            desk(json!({"notional": {"min": "10"}, "contract_size": "1", "payoff": "delivery"}));
        assert_eq!(spot.quantity, Decimal::new(25, 2));
        let inverse =
            desk(json!({"notional": {"min": "100"}, "contract_size": "10", "payoff": "inverse"}));
        assert_eq!(inverse.quantity, Decimal::from(20));
        let bare = desk(json!({"quantity": {"min": "0.0015"}}));
        assert_eq!(bare.quantity, Decimal::new(3, 3));
    }

    #[test]
    fn prices_are_on_the_tick_and_on_their_side_of_the_market() {
        let desk = desk(json!({}));
        assert_eq!(desk.below(91), Decimal::from(91));
        assert_eq!(desk.taking(), Decimal::new(102, 0));
    }
}
