//! What a quantity and an amount of money are worth on an instrument: kept in its hints, asked of the host.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::types::{Error, Instrument};
use switchyard_sdk::{Context, decimal};

use crate::amounts;
use crate::assets::Minor;

/// Hint: base units in one of the venue's contracts, where the instrument's quantity is in base units.
pub(crate) const CONTRACT: &str = "contract";
/// Hint: the minor unit in which BitMEX counts money on the instrument.
pub(crate) const CURRENCY: &str = "currency";
/// Hint: places behind the point of that money.
pub(crate) const SCALE: &str = "scale";

/// How an instrument measures.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    /// Unified, or BitMEX's own where the catalogue does not know it.
    pub(crate) symbol: String,
    /// What one venue's contract is in the instrument's quantity unit.
    size: Decimal,
    /// The money that is counted in.
    money: Option<Minor>,
}

impl Measure {
    fn of(instrument: &Instrument) -> Result<Self, Error> {
        let hint = |name: &str| {
            let told = instrument.hints.iter().find(|(key, _)| key == name);
            told.map(|(_, value)| value.as_str())
        };
        let size = match hint(CONTRACT) {
            Some(size) => decimal::value(size)?,
            None => Decimal::ONE,
        };
        let money = match (hint(CURRENCY), hint(SCALE)) {
            (Some(currency), Some(scale)) => scale.parse().ok().map(|scale| Minor {
                currency: currency.to_owned(),
                asset: instrument.settle.clone(),
                scale,
            }),
            _ => None,
        };
        Ok(Self {
            symbol: instrument.symbol.clone(),
            size,
            money,
        })
    }

    /// An instrument that the catalogue does not know: its contracts are counted as they are.
    fn unknown(venue_symbol: &str) -> Self {
        Self {
            symbol: venue_symbol.to_owned(),
            size: Decimal::ONE,
            money: None,
        }
    }

    /// The context's instrument.
    pub(crate) fn here(cx: &Context<'_>) -> Result<Self, Error> {
        Self::of(cx.instrument()?)
    }

    /// A venue's number of contracts, in the instrument's quantity unit.
    pub(crate) fn quantity(&self, contracts: &Exact) -> Result<String, Error> {
        if self.size == Decimal::ONE {
            return Ok(contracts.as_str().to_owned());
        }
        amounts::scaled(contracts, self.size)
    }

    /// A command's quantity, in the venue's contracts.
    pub(crate) fn contracts(&self, quantity: &str) -> Result<String, Error> {
        amounts::counted(quantity, self.size)
    }

    /// An amount of a minor unit in whole units, with the common code of its asset; none where nothing is
    /// known of the unit. Without a name it is the instrument's own.
    pub(crate) fn money(
        &self,
        amount: &Exact,
        currency: Option<&str>,
    ) -> Result<Option<(String, String)>, Error> {
        let minor = match (&self.money, currency.filter(|name| !name.is_empty())) {
            (Some(own), None) => Some(own.clone()),
            (Some(own), Some(name)) if own.currency == name => Some(own.clone()),
            (_, Some(name)) => Minor::documented(name),
            (None, None) => None,
        };
        let Some((minor, unit)) = minor.and_then(|minor| minor.unit().map(|unit| (minor, unit)))
        else {
            return Ok(None);
        };
        Ok(Some((amounts::scaled(amount, unit)?, minor.asset)))
    }
}

/// The measures of the instruments of an answer, each asked of the host once.
pub(crate) struct Measures<'c, 'h> {
    cx: &'c Context<'h>,
    known: BTreeMap<String, Measure>,
}

impl<'c, 'h> Measures<'c, 'h> {
    /// To begin with, those of the context's instrument.
    pub(crate) fn new(cx: &'c Context<'h>) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        if let Some(instrument) = &cx.instrument {
            known.insert(instrument.venue_symbol.clone(), Measure::of(instrument)?);
        }
        Ok(Self { cx, known })
    }

    /// The measure of the instrument that BitMEX calls this.
    pub(crate) fn of(&mut self, venue_symbol: &str) -> Result<&Measure, Error> {
        if !self.known.contains_key(venue_symbol) {
            let measure = match self.cx.find(&self.cx.endpoint, venue_symbol) {
                Some(instrument) => Measure::of(&instrument)?,
                None => Measure::unknown(venue_symbol),
            };
            self.known.insert(venue_symbol.to_owned(), measure);
        }
        self.known
            .get(venue_symbol)
            .ok_or_else(|| Error::malformed("an instrument that was just known"))
    }
}
