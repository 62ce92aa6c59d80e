//! `[server]`: where the API is served, and how much of the process callers may hold.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ConfigError, MAX_REQUEST_TIMEOUT_MS, check_range, value};

/// `[server]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// How long a caller waits unless it says otherwise, in milliseconds.
    pub request_timeout_ms: u64,
    /// Largest request body, in bytes; an order has a few hundred.
    pub max_body_bytes: usize,
    /// Largest request head, in bytes.
    pub max_head_bytes: usize,
    /// How long a request's head may take to arrive, from the connection's beginning or the last answer's end: how
    /// long a connection may be idle too. In milliseconds.
    pub head_timeout_ms: u64,
    /// How long a body may take to arrive, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long a caller may take to read what it was answered, in milliseconds.
    pub write_timeout_ms: u64,
    /// How long the gateway goes on listening, not ready, once it was told to stop, in seconds: as long as routers take
    /// to learn that.
    pub drain_notice_seconds: u64,
    /// How long requests may take to finish after that, in milliseconds: a little more than a caller may make one
    /// last.
    pub drain_timeout_ms: u64,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once from one address that is not a trusted proxy.
    pub max_connections_per_address: usize,
    /// Requests served at once, probes not counted.
    pub max_concurrent_requests: usize,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How many proxies stand between the gateway and its callers. Absent: as many as are trusted, so that a caller
    /// from a network of `trusted_proxies` is believed what it says of itself.
    pub proxies_in_a_row: Option<u8>,
    /// Origins whose pages may call the API from a browser; none may where there is none.
    pub cors_origins: Vec<String>,
    /// What it is encrypted with; absent: not at all.
    pub tls: Option<TlsConfig>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            request_timeout_ms: 5_000,
            max_body_bytes: 64 * 1024,
            max_head_bytes: 32 * 1024,
            head_timeout_ms: 30_000,
            body_timeout_ms: 30_000,
            write_timeout_ms: 30_000,
            drain_notice_seconds: 0,
            drain_timeout_ms: 65_000,
            max_connections: 1_000,
            max_connections_per_address: 250,
            max_concurrent_requests: 500,
            trusted_proxies: Vec::new(),
            proxies_in_a_row: None,
            cors_origins: Vec::new(),
            tls: None,
        }
    }
}

/// `[server.tls]`. Both files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

impl ServerConfig {
    /// How long a head may take, or a connection be idle.
    pub fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms)
    }

    /// How long a body may take to arrive.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// How long a caller may take to read an answer.
    pub fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    /// How long it goes on listening once it was told to stop.
    pub fn drain_notice(&self) -> Duration {
        Duration::from_secs(self.drain_notice_seconds)
    }

    /// How long requests may take to finish at the end.
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    /// Whether an address is of a proxy that is believed.
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        let mut trusted = self.trusted_proxies.iter();
        trusted.any(|network| network.has(address))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let of = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        for (key, number, least, most) in [
            (
                "request_timeout_ms",
                self.request_timeout_ms,
                1,
                MAX_REQUEST_TIMEOUT_MS,
            ),
            (
                "max_body_bytes",
                of(self.max_body_bytes),
                1_024,
                16 * 1024 * 1024,
            ),
            // hyper takes no less.
            (
                "max_head_bytes",
                of(self.max_head_bytes),
                8_192,
                1024 * 1024,
            ),
            ("head_timeout_ms", self.head_timeout_ms, 100, 600_000),
            ("body_timeout_ms", self.body_timeout_ms, 100, 600_000),
            ("write_timeout_ms", self.write_timeout_ms, 100, 600_000),
            ("drain_notice_seconds", self.drain_notice_seconds, 0, 60),
            ("drain_timeout_ms", self.drain_timeout_ms, 0, 600_000),
            ("max_connections", of(self.max_connections), 1, 1_000_000),
            (
                "max_connections_per_address",
                of(self.max_connections_per_address),
                1,
                1_000_000,
            ),
            (
                "max_concurrent_requests",
                of(self.max_concurrent_requests),
                1,
                1_000_000,
            ),
        ] {
            check_range(&format!("server.{key}"), number, least, most)?;
        }
        if let Some(proxies) = self.proxies_in_a_row {
            check_range("server.proxies_in_a_row", proxies.into(), 1, 8)?;
        }
        for origin in &self.cors_origins {
            let is_origin = url::Url::parse(origin).is_ok_and(|url| {
                url.origin().is_tuple() && url.origin().ascii_serialization() == *origin
            });
            if !is_origin {
                let problem = "must be an origin as browsers send it, such as https://desk.example.com; \
                               \"*\" is none";
                return Err(value("server.cors_origins", origin, problem.to_owned()));
            }
        }
        Ok(())
    }
}

/// A network: an address, or one with the length of its prefix, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether it has this address. An IPv4 address written as IPv6 is the IPv4 address.
    pub fn has(&self, address: IpAddr) -> bool {
        let shared = |a: u128, b: u128, bits: u8| {
            let differ = (a ^ b).leading_zeros();
            differ >= u32::from(bits)
        };
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(other)) => {
                let wide = |address: std::net::Ipv4Addr| u128::from(u32::from(address)) << 96;
                shared(wide(mine), wide(other), self.prefix)
            }
            (IpAddr::V6(mine), IpAddr::V6(other)) => shared(mine.into(), other.into(), self.prefix),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is no network; it must be one such as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| problem())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| problem()))?;
        if prefix > most {
            return Err(problem());
        }
        Ok(Self { address, prefix })
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.address, self.prefix))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_share_its_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.has(inside.parse().unwrap()), "{network:?} {inside}");
            assert!(
                !network.has(outside.parse().unwrap()),
                "{network:?} {outside}"
            );
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/x",
            "nowhere",
            "10.0.0.0/-1",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
