//! The instruments of one venue, by unified symbol and by the venue's own name.

use std::collections::HashMap;
use std::sync::Arc;

use switchyard_runtime::Catalogue;
use switchyard_runtime::wit::market::ListedInstrument;
use switchyard_runtime::wit::types as wit;

use crate::model::Instrument;
use crate::plugin::translate::{self, Nonsense};

/// One instrument, in the gateway's form and in the contract's.
#[derive(Debug)]
pub struct Listed {
    /// For callers and validation.
    pub instrument: Instrument,
    /// For the adapter.
    pub(crate) contract: wit::Instrument,
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

    /// This catalogue with one endpoint's listing replaced.
    ///
    /// # Errors
    /// [`CatalogueError`]; the old catalogue stays as it is.
    pub fn with_listing(
        &self,
        venue: &str,
        endpoint: &str,
        listing: Vec<ListedInstrument>,
    ) -> Result<Self, CatalogueError> {
        let kept = self
            .by_symbol
            .values()
            .filter(|listed| listed.instrument.endpoint != endpoint)
            .cloned();
        let mut next = Self::default();
        next.by_venue_symbol
            .insert(endpoint.to_owned(), HashMap::new());
        for listed in kept {
            next.insert(venue, listed)?;
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
