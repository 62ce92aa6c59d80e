//! Configuration texts that commands make for gateways of their own.

use std::collections::BTreeMap;
use std::fmt;

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The section of one venue.
pub(super) struct VenueText<'a> {
    pub(super) name: &'a str,
    /// Stem of the adapter's file.
    pub(super) adapter: &'a str,
    /// Where API key and secret are.
    pub(super) credentials: Option<(&'a str, &'a str)>,
    /// Origins by alias.
    pub(super) endpoints: &'a BTreeMap<String, String>,
}

impl fmt::Display for VenueText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        write!(f, "\n[venues.{name}]\nadapter = {}\n", quoted(self.adapter))?;
        if let Some((api_key, secret)) = self.credentials {
            let (api_key, secret) = (quoted(api_key), quoted(secret));
            writeln!(
                f,
                "credentials = {{ api_key = {api_key}, secret = {secret} }}"
            )?;
        }
        writeln!(f, "[venues.{name}.endpoints]")?;
        for (alias, origin) in self.endpoints {
            writeln!(f, "{alias} = {}", quoted(origin))?;
        }
        Ok(())
    }
}
