//! Which addresses are taken for one and the same caller's.

use std::net::{IpAddr, Ipv6Addr};

/// What an address is counted under. Who has one address of an IPv6 network has all of its last 64 bits, and an IPv4
/// address written as IPv6 is the IPv4 address.
pub(super) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_of_one_caller_is_one_and_each_ipv4_address_is_its_own() {
        for (one, other, same) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("203.0.113.1", "::ffff:203.0.113.1", true),
            ("203.0.113.1", "203.0.113.2", false),
            ("::ffff:203.0.113.1", "::ffff:203.0.113.2", false),
        ] {
            let of = |text: &str| group(text.parse().unwrap());
            assert_eq!(of(one) == of(other), same, "{one} {other}");
        }
    }
}
