//! The instruments of one venue, by unified symbol and by the venue's own name.

use std::collections::HashMap;
use std::sync::Arc;

use switchyard_runtime::Catalogue;
use switchyard_runtime::wit::market::ListedInstrument;
use switchyard_runtime::wit::types as wit;

use crate::model::{Instrument, InstrumentStatus};
use crate::plugin::translate::{self, Nonsense};

/// One instrument, in the gateway's form and in the contract's.
#[derive(Debug)]
pub struct Listed {
    /// For callers and validation.
    pub instrument: Instrument,
    /// For the adapter.
    pub(crate) contract: wit::Instrument,
}

impl Listed {
    fn closed(&self) -> Self {
        Self {
            instrument: Instrument {
                status: InstrumentStatus::Closed,
                ..self.instrument.clone()
            },
            contract: self.contract.clone(),
        }
    }
}

/// What an endpoint lists cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Two instruments would have one symbol.
    #[error(
        "{venue}: {first} and {second} would both be {symbol:?}; neither can be told from the other"
    )]
    SymbolCollision {
        /// The venue.
        venue: String,
        /// The unified symbol.
        symbol: String,
        /// The first instrument, as `endpoint:venue-symbol`.
        first: String,
        /// The second.
        second: String,
    },
    /// Everything is gone at once, which is a venue's bad day and not a delisting.
    #[error(
        "{venue}: endpoint {endpoint:?} lists nothing any more; the instruments known before stay"
    )]
    Vanished {
        /// The venue.
        venue: String,
        /// The endpoint.
        endpoint: String,
    },
    /// An instrument breaks the contract.
    #[error("{venue}: instrument {venue_symbol:?}: {source}")]
    Nonsense {
        /// The venue.
        venue: String,
        /// The instrument, in the venue's words.
        venue_symbol: String,
        /// What is wrong.
        source: Nonsense,
    },
}

/// A snapshot of what a venue lists. Replaced whole, one endpoint at a time.
#[derive(Debug, Default)]
pub struct VenueCatalogue {
    by_symbol: HashMap<String, Arc<Listed>>,
    by_venue_symbol: HashMap<String, HashMap<String, Arc<Listed>>>,
}

impl VenueCatalogue {
    /// The instrument of a unified symbol.
    pub fn get(&self, symbol: &str) -> Option<&Arc<Listed>> {
        self.by_symbol.get(symbol)
    }

    /// All instruments, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Listed>> {
        self.by_symbol.values()
    }

    /// How many instruments an endpoint lists; `None` if its listing was never read.
    pub fn listed_on(&self, endpoint: &str) -> Option<usize> {
        self.by_venue_symbol.get(endpoint).map(HashMap::len)
    }

    /// This catalogue with one endpoint's listing replaced. An instrument that the new listing lacks stays,
    /// closed: there may be orders on it whose end is still to be learned.
    ///
    /// # Errors
    /// [`CatalogueError`]; the old catalogue stays as it is.
    pub fn with_listing(
        &self,
        venue: &str,
        endpoint: &str,
        listing: Vec<ListedInstrument>,
    ) -> Result<Self, CatalogueError> {
        if listing.is_empty() && self.listed_on(endpoint).is_some_and(|known| known > 0) {
            return Err(CatalogueError::Vanished {
                venue: venue.to_owned(),
                endpoint: endpoint.to_owned(),
            });
        }
        let mut next = Self::default();
        for alias in self.by_venue_symbol.keys() {
            next.by_venue_symbol.insert(alias.clone(), HashMap::new());
        }
        next.by_venue_symbol
            .insert(endpoint.to_owned(), HashMap::new());
        for listed in self
            .by_symbol
            .values()
            .filter(|listed| listed.instrument.endpoint != endpoint)
        {
            next.insert(venue, listed.clone())?;
        }
        for mut listed in listing {
            listed.instrument.endpoint = endpoint.to_owned();
            let contract = listed.instrument.clone();
            let instrument = translate::instrument(venue, listed).map_err(|source| {
                CatalogueError::Nonsense {
                    venue: venue.to_owned(),
                    venue_symbol: contract.venue_symbol.chars().take(64).collect(),
                    source,
                }
            })?;
            next.insert(
                venue,
                Arc::new(Listed {
                    instrument,
                    contract,
                }),
            )?;
        }
        for gone in self
            .by_symbol
            .values()
            .filter(|listed| listed.instrument.endpoint == endpoint)
        {
            let Instrument {
                symbol,
                venue_symbol,
                ..
            } = &gone.instrument;
            if next.get(symbol).is_none() && next.find(endpoint, venue_symbol).is_none() {
                next.insert(venue, Arc::new(gone.closed()))?;
            }
        }
        Ok(next)
    }

    fn insert(&mut self, venue: &str, listed: Arc<Listed>) -> Result<(), CatalogueError> {
        let Instrument {
            symbol,
            endpoint,
            venue_symbol,
            ..
        } = &listed.instrument;
        if let Some(first) = self.by_symbol.get(symbol) {
            return Err(CatalogueError::SymbolCollision {
                venue: venue.to_owned(),
                symbol: symbol.clone(),
                first: format!(
                    "{}:{}",
                    first.instrument.endpoint, first.instrument.venue_symbol
                ),
                second: format!("{endpoint}:{venue_symbol}"),
            });
        }
        self.by_symbol.insert(symbol.clone(), listed.clone());
        self.by_venue_symbol
            .entry(endpoint.clone())
            .or_default()
            .insert(venue_symbol.clone(), listed.clone());
        Ok(())
    }
}

impl Catalogue for VenueCatalogue {
    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<wit::Instrument> {
        self.by_venue_symbol
            .get(endpoint)?
            .get(venue_symbol)
            .map(|listed| listed.contract.clone())
    }
}

#[cfg(test)]
mod tests {
    use switchyard_runtime::wit::market::{Bounds, InstrumentStatus as WitStatus};

    use super::*;

    fn listed(symbol: &str, venue_symbol: &str) -> ListedInstrument {
        let unbounded = || Bounds {
            min: None,
            max: None,
            step: None,
        };
        ListedInstrument {
            instrument: wit::Instrument {
                symbol: symbol.into(),
                venue_symbol: venue_symbol.into(),
                endpoint: "spot".into(),
                product: wit::Product::Spot,
                payoff: wit::Payoff::Delivery,
                base: "BTC".into(),
                quote: "USDT".into(),
                settle: "USDT".into(),
                quantity_unit: wit::QuantityUnit::Base,
                contract_size: "1".into(),
                expiry: None,
                hints: vec![],
            },
            status: WitStatus::Trading,
            price: unbounded(),
            quantity: unbounded(),
            market_quantity: None,
            notional: None,
            price_band: None,
            max_open_orders: None,
            max_position: None,
            order_types: wit::OrderTypes::LIMIT,
            times_in_force: wit::TimesInForce::GTC,
            other_rules: vec![],
        }
    }

    fn with(
        catalogue: &VenueCatalogue,
        endpoint: &str,
        listing: Vec<ListedInstrument>,
    ) -> VenueCatalogue {
        catalogue.with_listing("sim", endpoint, listing).unwrap()
    }

    #[test]
    fn two_instruments_with_one_symbol_are_an_error_that_names_both_and_change_nothing() {
        let old = with(
            &VenueCatalogue::default(),
            "spot",
            vec![listed("A/B", "AB")],
        );
        let clash = vec![listed("A/B", "AB"), listed("A/B", "A_B")];
        let error = old
            .with_listing("sim", "spot", clash)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("spot:AB") && error.contains("spot:A_B"),
            "{error}"
        );
        let elsewhere = old.with_listing("sim", "margin", vec![listed("A/B", "AB-M")]);
        assert!(matches!(
            elsewhere,
            Err(CatalogueError::SymbolCollision { .. })
        ));
    }

    #[test]
    fn an_instrument_that_left_the_listing_stays_closed_so_that_its_orders_can_be_ended() {
        let old = with(
            &VenueCatalogue::default(),
            "spot",
            vec![listed("A/B", "AB"), listed("C/D", "CD")],
        );
        let new = with(&old, "spot", vec![listed("A/B", "AB")]);
        assert_eq!(
            new.get("C/D").unwrap().instrument.status,
            InstrumentStatus::Closed
        );
        assert!(new.find("spot", "CD").is_some());
        let back = with(&new, "spot", vec![listed("A/B", "AB"), listed("C/D", "CD")]);
        assert_eq!(
            back.get("C/D").unwrap().instrument.status,
            InstrumentStatus::Trading
        );
    }

    #[test]
    fn an_empty_listing_does_not_take_a_venue_away() {
        let old = with(
            &VenueCatalogue::default(),
            "spot",
            vec![listed("A/B", "AB")],
        );
        assert!(matches!(
            old.with_listing("sim", "spot", vec![]),
            Err(CatalogueError::Vanished { .. })
        ));
    }

    #[test]
    fn an_endpoint_without_instruments_stays_listed_when_another_is_read_again() {
        let old = with(&VenueCatalogue::default(), "margin", vec![]);
        let new = with(&old, "spot", vec![listed("A/B", "AB")]);
        assert_eq!(
            (new.listed_on("margin"), new.listed_on("spot")),
            (Some(0), Some(1))
        );
    }
}
