//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::request::Parts;

use crate::config::ServerConfig;

/// The other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct Peer(pub(in crate::api) SocketAddr);

/// The header by which proxies tell for whom they speak.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The caller's address: that of the connection, or where that is a proxy which is believed, the last address that
/// the proxies before it do not vouch for themselves. What stands before as many addresses as there are proxies was
/// written by the caller, who may be in a trusted network too.
pub(super) fn address(parts: &Parts, server: &ServerConfig) -> IpAddr {
    let peer = parts.extensions.get::<Peer>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(peer)| peer.ip());
    let peer = peer.to_canonical();
    if !server.is_trusted(peer) {
        return peer;
    }
    let lines = parts.headers.get_all(FORWARDED_FOR).iter();
    let texts: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let proxies = server.proxies_in_a_row.map_or(usize::MAX, usize::from);
    let hops = texts.iter().rev().flat_map(|line| line.rsplit(','));
    let mut client = peer;
    for hop in hops.take(proxies) {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = address.to_canonical();
        if !server.is_trusted(client) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn of(peer: &str, forwarded: &[&str]) -> String {
        behind(None, peer, forwarded)
    }

    fn behind(proxies: Option<u8>, peer: &str, forwarded: &[&str]) -> String {
        let mut request = Request::new(());
        for line in forwarded {
            let value = line.parse().unwrap();
            request.headers_mut().append(FORWARDED_FOR, value);
        }
        let peer = Peer(SocketAddr::new(peer.parse().unwrap(), 1));
        request.extensions_mut().insert(peer);
        let server = ServerConfig {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            proxies_in_a_row: proxies,
            ..ServerConfig::default()
        };
        address(&request.into_parts().0, &server).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_says_for_whom_it_speaks() {
        assert_eq!(of("203.0.113.1", &["198.51.100.7"]), "203.0.113.1");
        assert_eq!(of("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(of("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_the_caller_itself_put_there_is_not_believed() {
        assert_eq!(of("10.0.0.1", &["1.1.1.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            of("10.0.0.1", &["1.1.1.1", "198.51.100.7, 10.2.2.2"]),
            "198.51.100.7"
        );
        assert_eq!(of("10.0.0.1", &["198.51.100.7, unknown"]), "10.0.0.1");
    }

    #[test]
    fn a_caller_in_the_proxies_own_network_cannot_say_that_it_is_somebody_else() {
        let caller = "10.9.9.9";
        for forged in ["1.1.1.1, 10.9.9.9", "10.1.1.1, 10.2.2.2, 10.9.9.9"] {
            assert_eq!(behind(Some(1), "10.0.0.1", &[forged]), caller);
            assert_eq!(behind(Some(1), "10.0.0.1", &["1.1.1.1", forged]), caller);
            // The load balancer that the router saw comes last.
            let seen_by_both = format!("{forged}, 10.0.0.2");
            assert_eq!(behind(Some(2), "10.0.0.1", &[&seen_by_both]), caller);
            assert_eq!(behind(Some(2), "10.0.0.1", &[forged, "10.0.0.2"]), caller);
        }
    }

    #[test]
    fn fewer_proxies_than_there_may_be_are_no_way_past_one_that_is_not_trusted() {
        assert_eq!(behind(Some(2), "10.0.0.1", &["10.9.9.9"]), "10.9.9.9");
        assert_eq!(behind(Some(2), "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(
            behind(Some(2), "10.0.0.1", &["1.1.1.1, 198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(behind(Some(2), "203.0.113.1", &["10.9.9.9"]), "203.0.113.1");
    }
}
