//! The gateway's own order ids, which are also the client order ids that venues see.

use std::fmt;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};

/// What every id of this gateway begins with, so that its orders are recognised at a venue.
const PREFIX: &str = "swy";

/// Random bytes in an id: 128 bits, so that a restored journal cannot collide.
const RANDOM_BYTES: usize = 16;

/// Characters of an id: the prefix, and 128 bits in base 32.
const ID_LENGTH: usize = 29;

/// Characters by which another leg's client order id is longer: what is left of 32, the least that venues
/// allow.
const LEG_SUFFIX: usize = 3;

/// A prefix and 128 random bits in 26 characters of base 32: 29 characters of `[a-z0-9]`, within what
/// every venue allows as a client order id.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct OrderId(String);

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no randomness from the operating system: {0}")]
pub struct OrderIdError(getrandom::Error);

impl OrderId {
    /// A new id.
    ///
    /// # Errors
    /// [`OrderIdError`] where the operating system has no randomness.
    pub fn random() -> Result<Self, OrderIdError> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(OrderIdError)?;
        Ok(Self(format!("{PREFIX}{}", base32().encode(&bytes))))
    }

    /// A client order id for another leg of this order: the id and 3 more characters drawn at random.
    ///
    /// # Errors
    /// [`OrderIdError`] where the operating system has no randomness.
    pub fn another_leg(&self) -> Result<String, OrderIdError> {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).map_err(OrderIdError)?;
        let mut suffix = base32().encode(&bytes);
        suffix.truncate(LEG_SUFFIX);
        Ok(format!("{self}{suffix}"))
    }

    /// The order whose leg goes by a client order id seen at a venue, if it is of this gateway's making.
    pub fn recognise(client_id: &str) -> Option<Self> {
        let (id, suffix) = client_id.split_at_checked(ID_LENGTH).unwrap_or_default();
        let random = id.strip_prefix(PREFIX)?;
        let decoded = base32().decode(random.as_bytes()).ok()?;
        let is_leg = |c: u8| c.is_ascii_digit() || (b'a'..=b'v').contains(&c);
        let is_ours = decoded.len() == RANDOM_BYTES
            && (suffix.is_empty() || suffix.len() == LEG_SUFFIX && suffix.bytes().all(is_leg));
        is_ours.then(|| Self(id.to_owned()))
    }

    /// Takes any text a caller gives as an id, to look it up.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 4648's extended hex alphabet in lower case, without padding.
fn base32() -> &'static Encoding {
    static BASE32: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(|| {
        let mut specification = Specification::new();
        specification
            .symbols
            .push_str("0123456789abcdefghijklmnopqrstuv");
        #[allow(clippy::expect_used)]
        // 32 distinct symbols, a power of two: always a valid encoding
        specification
            .encoding()
            .expect("the alphabet has 32 distinct symbols")
    });
    &BASE32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_every_venue_and_are_recognised_as_ours() {
        let id = OrderId::random().unwrap();
        assert!(id.as_str().len() <= 32);
        assert!(
            id.as_str()
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        );
        assert_eq!(OrderId::recognise(id.as_str()), Some(id.clone()));
        assert_ne!(OrderId::random().unwrap(), id);
    }

    #[test]
    fn the_id_of_another_leg_fits_every_venue_and_leads_back_to_its_order() {
        let id = OrderId::random().unwrap();
        let leg = id.another_leg().unwrap();
        assert_eq!(leg.len(), 32);
        assert_eq!(OrderId::recognise(&leg), Some(id));
        assert_eq!(OrderId::recognise(&leg[..31]), None);
        assert_eq!(OrderId::recognise(&format!("{}-zz", &leg[..29])), None);
    }

    #[test]
    fn other_peoples_ids_are_not_ours() {
        for id in [
            "",
            "swy",
            "swy-1",
            "web_abcdef",
            "swyzzzzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert_eq!(OrderId::recognise(id), None, "{id}");
        }
    }
}
