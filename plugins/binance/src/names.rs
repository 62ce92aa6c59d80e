//! Unified symbols for Binance's.

use switchyard_sdk::Context;
use switchyard_sdk::types::Error;

/// Unified symbols, asked of the host once for each run of the same symbol.
pub(crate) struct Names<'c, 'h> {
    cx: &'c Context<'h>,
    last: Option<(String, String)>,
}

impl<'c, 'h> Names<'c, 'h> {
    pub(crate) fn new(cx: &'c Context<'h>) -> Self {
        let last = cx
            .instrument
            .as_ref()
            .map(|instrument| (instrument.venue_symbol.clone(), instrument.symbol.clone()));
        Self { cx, last }
    }

    /// The unified symbol, or Binance's own where the catalogue does not know it.
    pub(crate) fn of(&mut self, venue_symbol: &str) -> Result<String, Error> {
        if venue_symbol.is_empty() {
            return Err(Error::malformed("no symbol"));
        }
        Ok(match &self.last {
            Some((known, symbol)) if known == venue_symbol => symbol.clone(),
            _ => {
                let symbol = self
                    .cx
                    .find(&self.cx.endpoint, venue_symbol)
                    .map_or_else(|| venue_symbol.to_owned(), |instrument| instrument.symbol);
                self.last = Some((venue_symbol.to_owned(), symbol.clone()));
                symbol
            }
        })
    }
}
