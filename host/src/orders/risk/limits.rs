//! What an order is worth, and which limits that oversteps. Pure.

use std::fmt::Display;

use crate::config::RiskSettings;
use crate::market::Ticker;
use crate::model::{Decimal, Instrument, Payoff, Side};
use crate::orders::validate::FieldProblem;

/// A limit, by the setting it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitKind {
    Notional,
    Collar,
    OpenOrders,
    Rate,
}

impl LimitKind {
    pub(super) fn setting_name(self) -> &'static str {
        match self {
            Self::Notional => "max_notional",
            Self::Collar => "price_collar_percent",
            Self::OpenOrders => "max_open_orders",
            Self::Rate => "max_orders_per_second",
        }
    }
}

/// A limit that an order oversteps.
#[derive(Debug, Clone)]
pub(super) struct Overstep {
    pub(super) kind: LimitKind,
    pub(super) problem: FieldProblem,
}

/// Whether what is sent makes an order worth more, or changes its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::orders) struct Grows {
    pub(in crate::orders) value: bool,
    pub(in crate::orders) price: bool,
}

/// What is to be sent, as far as limits are concerned.
#[derive(Debug, Clone, Copy)]
pub(in crate::orders) struct Exposure {
    pub(in crate::orders) side: Side,
    pub(in crate::orders) quantity: Decimal,
    /// None for market orders.
    pub(in crate::orders) price: Option<Decimal>,
    pub(in crate::orders) grows: Grows,
}

impl Exposure {
    /// That of a new order.
    pub(in crate::orders) fn new(side: Side, quantity: Decimal, price: Option<Decimal>) -> Self {
        Self {
            side,
            quantity,
            price,
            grows: Grows {
                value: true,
                price: true,
            },
        }
    }

    /// Whether the limits cannot be told without the market's price.
    pub(super) fn needs_market(&self, limits: &RiskSettings, instrument: &Instrument) -> bool {
        let collar = limits.price_collar_percent.is_some() && self.price.is_some();
        let is_priced = self.price.is_some() || instrument.payoff == Payoff::Inverse;
        let value = limits.max_notional.is_some() && !is_priced;
        (collar && self.grows.price) || (value && self.grows.value)
    }

    /// The best price on the side of the book that it meets, or else the last one.
    pub(super) fn price_met(&self, ticker: &Ticker) -> Option<Decimal> {
        let opposite = match self.side {
            Side::Buy => ticker.ask,
            Side::Sell => ticker.bid,
        };
        let is_price = |price: &Decimal| price.is_positive();
        opposite
            .filter(is_price)
            .or_else(|| ticker.last.filter(is_price))
    }

    /// What it is worth, and in which asset that is counted.
    fn value<'a>(
        &self,
        instrument: &'a Instrument,
        market: Option<Decimal>,
    ) -> Option<(Decimal, &'a str)> {
        let size = self.quantity.exact_product(instrument.contract_size)?;
        if instrument.payoff == Payoff::Inverse {
            return Some((size, &instrument.quote));
        }
        let value = size.exact_product(self.price.or(market)?)?;
        let asset = match instrument.payoff {
            Payoff::Quanto => &instrument.settle,
            _ => &instrument.quote,
        };
        Some((value, asset))
    }
}

/// Which limits an order oversteps. `market` is the price it would meet, where that is needed.
pub(super) fn oversteps(
    who: &impl Display,
    limits: &RiskSettings,
    instrument: &Instrument,
    exposure: Exposure,
    market: Option<Decimal>,
) -> Vec<Overstep> {
    let mut found = Vec::new();
    if let Some(most) = limits
        .max_notional
        .as_ref()
        .filter(|_| exposure.grows.value)
    {
        let problem = match exposure.value(instrument, market) {
            Some((value, asset)) => match most.get(asset) {
                Some(most) if value <= *most => None,
                Some(most) => Some(format!(
                    "makes the order worth {value} {asset}; {who} allows {most}"
                )),
                None => Some(format!(
                    "makes the order worth {value} {asset}; {who} allows no orders in {asset}"
                )),
            },
            None => Some(format!(
                "makes the order worth what cannot be counted exactly; {who} has a limit"
            )),
        };
        found.extend(problem.map(|problem| Overstep {
            kind: LimitKind::Notional,
            problem: FieldProblem::new("quantity", exposure.quantity, problem),
        }));
    }
    if let (Some(percent), Some(price), Some(market), true) = (
        limits.price_collar_percent,
        exposure.price,
        market,
        exposure.grows.price,
    ) && let Some(bound) = beyond_collar(exposure.side, price, market, percent)
    {
        let problem = format!(
            "is more than {percent} % through the market at {market}; {who} allows {bound}"
        );
        found.push(Overstep {
            kind: LimitKind::Collar,
            problem: FieldProblem::new("price", price, problem),
        });
    }
    found
}

/// The last price that the collar allows, if a price is beyond it.
fn beyond_collar(side: Side, price: Decimal, market: Decimal, percent: Decimal) -> Option<Decimal> {
    let (price, market) = (price.value(), market.value());
    let width = market.saturating_mul(percent.value()) / rust_decimal::Decimal::ONE_HUNDRED;
    let (is_beyond, bound) = match side {
        Side::Buy => {
            let bound = market.saturating_add(width);
            (price > bound, bound)
        }
        Side::Sell => {
            let bound = market.saturating_sub(width);
            (price < bound, bound)
        }
    };
    is_beyond.then(|| Decimal::from(bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn instrument(payoff: Payoff, contract_size: &str) -> Instrument {
        Instrument {
            payoff,
            contract_size: decimal(contract_size),
            settle: "XBT".into(),
            ..crate::orders::validate::tests::instrument()
        }
    }

    fn most(asset: &str, most: &str) -> RiskSettings {
        RiskSettings {
            max_notional: Some([(asset.to_owned(), decimal(most))].into()),
            ..RiskSettings::default()
        }
    }

    fn collar(percent: &str) -> RiskSettings {
        RiskSettings {
            price_collar_percent: Some(decimal(percent)),
            ..RiskSettings::default()
        }
    }

    fn order(side: Side, quantity: &str, price: Option<&str>) -> Exposure {
        Exposure::new(side, decimal(quantity), price.map(decimal))
    }

    fn found(
        limits: &RiskSettings,
        instrument: &Instrument,
        exposure: Exposure,
        market: Option<&str>,
    ) -> Vec<LimitKind> {
        oversteps(
            &"venue v",
            limits,
            instrument,
            exposure,
            market.map(decimal),
        )
        .into_iter()
        .map(|overstep| overstep.kind)
        .collect()
    }

    #[test]
    fn value_is_counted_in_the_asset_that_the_payoff_says_and_to_the_last_digit() {
        use Payoff::{Delivery, Inverse, Linear, Quanto};
        for (payoff, size, quantity, price, asset, worth, more_than) in [
            (
                Delivery,
                "1",
                "0.02",
                "50000",
                "USDT",
                "1000",
                "999.99999999",
            ),
            (
                Linear,
                "0.001",
                "20",
                "50000",
                "USDT",
                "1000",
                "999.99999999",
            ),
            (
                Inverse,
                "100",
                "10",
                "50000",
                "USDT",
                "1000",
                "999.99999999",
            ),
            (
                Quanto,
                "0.000001",
                "20",
                "3000",
                "XBT",
                "0.06",
                "0.05999999",
            ),
        ] {
            let instrument = instrument(payoff, size);
            let order = order(Side::Buy, quantity, Some(price));
            assert_eq!(
                found(&most(asset, worth), &instrument, order, None),
                [],
                "{payoff:?}"
            );
            let over = found(&most(asset, more_than), &instrument, order, None);
            assert_eq!(over, [LimitKind::Notional], "{payoff:?}");
            let elsewhere = found(&most("EUR", "1000000"), &instrument, order, None);
            assert_eq!(
                elsewhere,
                [LimitKind::Notional],
                "an asset without a limit: {payoff:?}"
            );
        }
    }

    #[test]
    fn a_market_order_is_worth_what_the_book_asks_for_it() {
        let linear = instrument(Payoff::Linear, "1");
        let order = order(Side::Buy, "2", None);
        let limits = most("USDT", "100");
        assert!(order.needs_market(&limits, &linear));
        assert!(
            !order.needs_market(&collar("1"), &linear),
            "it has no price"
        );
        assert_eq!(found(&limits, &linear, order, Some("50")), []);
        assert_eq!(
            found(&limits, &linear, order, Some("50.01")),
            [LimitKind::Notional]
        );
        let inverse = instrument(Payoff::Inverse, "1");
        assert!(
            !order.needs_market(&limits, &inverse),
            "contracts are worth what they are"
        );
    }

    #[test]
    fn what_cannot_be_counted_exactly_is_refused() {
        let tiny = instrument(Payoff::Linear, "0.00000000000001");
        let order = order(Side::Buy, "0.00000000000001", Some("0.001"));
        assert_eq!(
            found(&most("USDT", "1"), &tiny, order, None),
            [LimitKind::Notional]
        );
    }

    #[test]
    fn a_collar_is_about_prices_through_the_market_and_not_about_those_that_rest() {
        let spot = instrument(Payoff::Delivery, "1");
        for (side, price, is_beyond) in [
            (Side::Buy, "102", false),
            (Side::Buy, "102.01", true),
            (Side::Buy, "1", false),
            (Side::Sell, "98", false),
            (Side::Sell, "97.99", true),
            (Side::Sell, "1000", false),
        ] {
            let order = order(side, "1", Some(price));
            let expected: &[LimitKind] = if is_beyond { &[LimitKind::Collar] } else { &[] };
            let found = found(&collar("2"), &spot, order, Some("100"));
            assert_eq!(found, expected, "{side:?} at {price}");
        }
    }

    #[test]
    fn the_price_met_is_on_the_other_side_of_the_book_or_else_the_last() {
        let ticker = |bid: Option<&str>, ask: Option<&str>, last: Option<&str>| Ticker {
            venue: "v".into(),
            symbol: "s".into(),
            bid: bid.map(decimal),
            bid_quantity: None,
            ask: ask.map(decimal),
            ask_quantity: None,
            last: last.map(decimal),
            open: None,
            high: None,
            low: None,
            volume: None,
            quote_volume: None,
            at: None,
        };
        let met = |side, ticker: &Ticker| order(side, "1", None).price_met(ticker);
        let full = ticker(Some("99"), Some("101"), Some("100"));
        assert_eq!(met(Side::Buy, &full), Some(decimal("101")));
        assert_eq!(met(Side::Sell, &full), Some(decimal("99")));
        let no_asks = ticker(Some("99"), Some("0"), Some("100"));
        assert_eq!(met(Side::Buy, &no_asks), Some(decimal("100")));
        assert_eq!(met(Side::Buy, &ticker(None, None, None)), None);
    }

    #[test]
    fn a_change_that_makes_an_order_no_larger_is_not_held_to_its_value() {
        let spot = instrument(Payoff::Delivery, "1");
        let smaller = Exposure {
            grows: Grows {
                value: false,
                price: false,
            },
            ..order(Side::Buy, "10", Some("200"))
        };
        assert_eq!(found(&most("USDT", "1"), &spot, smaller, Some("100")), []);
        assert_eq!(found(&collar("1"), &spot, smaller, Some("100")), []);
        assert!(!smaller.needs_market(&collar("1"), &spot));
    }
}
