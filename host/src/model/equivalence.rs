//! Which instruments of two venues are the same thing, and how a quantity of one becomes one of the other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Decimal, Instrument};

/// How a quantity converts into another instrument's, with exactly the same exposure: times `multiply`,
/// divided by `divide`. Two numbers, so that no quotient is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conversion {
    /// What one unit here is worth.
    pub multiply: Decimal,
    /// What one unit there is worth.
    pub divide: Decimal,
}

impl Conversion {
    /// The quantity there that is exactly this one here; none where no decimal of 28 digits is.
    pub fn of(self, quantity: Decimal) -> Option<Decimal> {
        let product = quantity.exact_product(self.multiply)?;
        let quotient = Decimal::from(product.value().checked_div(self.divide.value())?);
        (quotient.exact_product(self.divide)? == product).then_some(quotient)
    }
}

impl Instrument {
    /// How a quantity of this instrument converts into one of another. Only between instruments of one
    /// unified symbol, product and payoff: those have the same base, quote and settle asset, and where they
    /// expire the same day.
    pub fn conversion_to(&self, other: &Self) -> Option<Conversion> {
        let is_same = self.symbol == other.symbol
            && self.product == other.product
            && self.payoff == other.payoff
            && (&self.base, &self.quote, &self.settle)
                == (&other.base, &other.quote, &other.settle);
        is_same.then_some(Conversion {
            multiply: self.contract_size,
            divide: other.contract_size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bounds, InstrumentStatus, Payoff, Product, QuantityUnit};

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn inverse(contract_size: &str) -> Instrument {
        Instrument {
            venue: "a".into(),
            symbol: "BTC/USD:BTC".into(),
            venue_symbol: "X".into(),
            endpoint: "rest".into(),
            product: Product::UsdCPerpetual,
            payoff: Payoff::Inverse,
            base: "BTC".into(),
            quote: "USD".into(),
            settle: "BTC".into(),
            quantity_unit: QuantityUnit::Contracts,
            contract_size: decimal(contract_size),
            status: InstrumentStatus::Trading,
            expiry: None,
            price: Bounds::default(),
            quantity: Bounds::default(),
            market_quantity: None,
            notional: None,
            price_band: None,
            max_open_orders: None,
            max_position: None,
            order_types: vec![],
            times_in_force: vec![],
            other_rules: Default::default(),
        }
    }

    #[test]
    fn a_hundred_contracts_of_one_dollar_are_one_of_a_hundred() {
        let (small, large) = (inverse("1"), inverse("100"));
        let up = small.conversion_to(&large).unwrap();
        assert_eq!(up.of(decimal("300")), Some(decimal("3")));
        assert_eq!(up.of(decimal("150")), Some(decimal("1.5")));
        let down = large.conversion_to(&small).unwrap();
        assert_eq!(down.of(decimal("3")), Some(decimal("300")));
    }

    #[test]
    fn what_does_not_convert_exactly_does_not_convert() {
        let thirds = inverse("1").conversion_to(&inverse("3")).unwrap();
        assert_eq!(thirds.of(decimal("1")), None);
        assert_eq!(thirds.of(decimal("6")), Some(decimal("2")));
    }

    #[test]
    fn another_payoff_settle_asset_or_day_is_another_thing() {
        let this = inverse("1");
        let quanto = Instrument {
            payoff: Payoff::Quanto,
            ..inverse("1")
        };
        let settled_elsewhere = Instrument {
            settle: "USDT".into(),
            ..inverse("1")
        };
        let expiring = Instrument {
            symbol: "BTC/USD:BTC-261225".into(),
            ..inverse("1")
        };
        for other in [quanto, settled_elsewhere, expiring] {
            assert_eq!(this.conversion_to(&other), None);
        }
    }
}
