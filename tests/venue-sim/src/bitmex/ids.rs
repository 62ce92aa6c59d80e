//! Identifiers in the form of UUIDs, made up from the venue's seed: the same seed gives the same ids.

use crate::engine::OrderId;

/// Odd, so that multiplying by it can be undone.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What an identifier is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One account's view of something that happened to an order.
    Execution = 1,
    /// A trade, the same for both sides.
    Match = 2,
}

/// Makes identifiers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    seed: u64,
}

impl Ids {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The name of an order.
    pub(super) fn order(self, id: OrderId) -> String {
        uuid(mix(self.seed), id.0.wrapping_mul(SPREAD))
    }

    /// The order of this name, if the venue could have given it.
    pub(super) fn find_order(self, name: &str) -> Option<OrderId> {
        let hex: String = name.chars().filter(|c| *c != '-').collect();
        let number = u128::from_str_radix(&hex, 16).ok()?;
        let low = u64::try_from(number & u128::from(u64::MAX)).ok()?;
        let id = OrderId(low.wrapping_mul(inverse(SPREAD)));
        (self.order(id) == name.to_ascii_lowercase()).then_some(id)
    }

    /// The name of anything else; the numbers must tell it apart from others of its kind.
    pub(super) fn other(self, kind: Kind, first: u64, second: u64) -> String {
        let high = mix(self.seed ^ mix(first.wrapping_add(kind as u64)));
        uuid(high, mix(high ^ mix(second)))
    }
}

/// Scatters the bits of a number, without loss (the finaliser of SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(SPREAD);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// The number that undoes multiplication by an odd one; each round of Newton's method doubles the correct bits.
fn inverse(odd: u64) -> u64 {
    (0..6).fold(odd, |guess, _| {
        guess.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(guess)))
    })
}

fn uuid(high: u64, low: u64) -> String {
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_by_its_name_and_by_no_other() {
        let ids = Ids::new(7);
        for id in [1, 2, 1_000_000].map(OrderId) {
            let name = ids.order(id);
            assert_eq!(name.len(), 36);
            assert_eq!(ids.find_order(&name), Some(id));
            assert_eq!(Ids::new(8).find_order(&name), None);
        }
        assert_eq!(ids.find_order("nonsense"), None);
    }
}
