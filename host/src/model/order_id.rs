//! The gateway's own order ids, which are also the client order ids that venues see.

use std::fmt;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};

/// What ids begin with unless configuration says otherwise.
const DEFAULT_PREFIX: &str = "swy";

/// Characters of a prefix.
const PREFIX_LENGTH: usize = 3;

/// Random bytes in an id: 128 bits, so that a restored journal cannot collide.
const RANDOM_BYTES: usize = 16;

/// Characters of an id: the prefix, and 128 bits in base 32.
const ID_LENGTH: usize = 29;

/// Characters by which another leg's client order id is longer: what is left of 32, the least that venues
/// allow.
const LEG_SUFFIX: usize = 3;

/// What every id of one gateway begins with: 3 characters of `[a-z0-9]`. Gateways that share an account have
/// different ones, or each takes the other's orders for its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct IdPrefix(String);

/// A text is no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 3 characters of [a-z0-9]")]
pub struct IdPrefixError;

impl Default for IdPrefix {
    fn default() -> Self {
        Self(DEFAULT_PREFIX.to_owned())
    }
}

impl TryFrom<String> for IdPrefix {
    type Error = IdPrefixError;

    fn try_from(text: String) -> Result<Self, IdPrefixError> {
        if text.len() == PREFIX_LENGTH && text.bytes().all(is_of_prefix) {
            Ok(Self(text))
        } else {
            Err(IdPrefixError)
        }
    }
}

impl IdPrefix {
    /// A new order id.
    ///
    /// # Errors
    /// [`OrderIdError`] where the operating system has no randomness.
    pub fn order_id(&self) -> Result<OrderId, OrderIdError> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(OrderIdError)?;
        Ok(OrderId(format!("{}{}", self.0, base32().encode(&bytes))))
    }

    /// Whether an id begins with it.
    pub fn is_of(&self, id: &OrderId) -> bool {
        id.as_str().starts_with(&self.0)
    }
}

fn is_of_prefix(c: u8) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

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
    /// A new id with the default prefix.
    ///
    /// # Errors
    /// [`OrderIdError`] where the operating system has no randomness.
    pub fn random() -> Result<Self, OrderIdError> {
        IdPrefix::default().order_id()
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

    /// The order whose leg goes by a client order id seen at a venue, if it has the form of a gateway's. Whether
    /// it is of this one, its journal says, and for orders that are not in there, its prefix.
    pub fn recognise(client_id: &str) -> Option<Self> {
        let (id, suffix) = client_id.split_at_checked(ID_LENGTH).unwrap_or_default();
        let (prefix, random) = id.split_at_checked(PREFIX_LENGTH)?;
        let decoded = base32().decode(random.as_bytes()).ok()?;
        let is_leg = |c: u8| c.is_ascii_digit() || (b'a'..=b'v').contains(&c);
        let is_ours = decoded.len() == RANDOM_BYTES
            && prefix.bytes().all(is_of_prefix)
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
        let longest = usize::try_from(switchyard_runtime::SHORTEST_CLIENT_ID).unwrap();
        assert!(id.as_str().len() <= longest);
        assert!(id.another_leg().unwrap().len() <= longest);
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
    fn gateways_with_different_prefixes_tell_their_orders_apart() {
        let other = IdPrefix::try_from("g02".to_owned()).unwrap();
        let id = other.order_id().unwrap();
        assert_eq!(OrderId::recognise(id.as_str()), Some(id.clone()));
        assert!(other.is_of(&id) && !IdPrefix::default().is_of(&id));
        for text in ["", "sw", "swyx", "SWY", "s-y", "s\u{e9}"] {
            assert_eq!(
                IdPrefix::try_from(text.to_owned()),
                Err(IdPrefixError),
                "{text}"
            );
        }
    }

    #[test]
    fn other_peoples_ids_are_not_ours() {
        for id in [
            "",
            "swy",
            "swy-1",
            "web_abcdef",
            "swyzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "sw-00000000000000000000000000",
            "swy00000000000000000000000000x",
            "swy0000000000000000000000000",
        ] {
            assert_eq!(OrderId::recognise(id), None, "{id}");
        }
    }
}
