//! How many connections there may be, all together and from one caller's addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::api::address::group;
use crate::config::ServerConfig;
use crate::telemetry::Metrics;

/// File descriptors that are kept for everything else: the journal, venues, adapters.
const OTHER_DESCRIPTORS: usize = 256;

/// Counts connections.
#[derive(Debug, Clone)]
pub(super) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_of_one: usize,
    config: ServerConfig,
    open: Mutex<Open>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    /// Those of an IPv6 network count together.
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Admission,
    /// What it counts under; nothing where it is a trusted proxy's.
    address: Option<IpAddr>,
}

impl Admission {
    pub(super) fn new(config: &ServerConfig, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            most: config.max_connections.min(descriptors_for_connections()),
            most_of_one: config.max_connections_per_address,
            config: config.clone(),
            open: Mutex::default(),
            metrics,
        }))
    }

    /// A place for a connection from an address, if there is one. Proxies that are trusted stand for many callers, and
    /// have as many as there are.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Admitted> {
        let inner = &self.0;
        let is_proxy = inner.config.is_trusted(address.to_canonical());
        // A proxy's connections do not use up what its neighbours in the network may have.
        let address = (!is_proxy).then(|| group(address));
        let mut open = inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= inner.most {
            inner.metrics.edge.connection_refused("all");
            return None;
        }
        if let Some(address) = address {
            let of_one = open.by_address.entry(address).or_default();
            if *of_one >= inner.most_of_one {
                inner.metrics.edge.connection_refused("address");
                return None;
            }
            *of_one += 1;
        }
        open.all += 1;
        inner.metrics.edge.connections(open.all);
        Some(Admitted {
            admission: self.clone(),
            address,
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let inner = &self.admission.0;
        let mut open = inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(address) = self.address
            && let Some(of_one) = open.by_address.get_mut(&address)
        {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                open.by_address.remove(&address);
            }
        }
        inner.metrics.edge.connections(open.all);
    }
}

/// How many connections the process may have by the operating system's word, after asking for all it gives.
fn descriptors_for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let descriptors = current.map_or(usize::MAX, |most| {
        usize::try_from(most).unwrap_or(usize::MAX)
    });
    descriptors.saturating_sub(OTHER_DESCRIPTORS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(most: usize, most_of_one: usize) -> Admission {
        let config = ServerConfig {
            max_connections: most,
            max_connections_per_address: most_of_one,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..ServerConfig::default()
        };
        Admission::new(&config, Arc::new(Metrics::default()))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_the_connections_of_others() {
        let admission = admission(5, 2);
        let greedy = [(); 2].map(|()| admission.admit(address("203.0.113.1")).unwrap());
        assert!(admission.admit(address("203.0.113.1")).is_none());
        assert!(admission.admit(address("::ffff:203.0.113.1")).is_none());
        assert!(admission.admit(address("203.0.113.2")).is_some());
        drop(greedy);
        assert!(admission.admit(address("203.0.113.1")).is_some());
        assert!(admission.0.open.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn who_has_a_whole_ipv6_network_has_the_connections_of_one_address() {
        let admission = admission(5, 2);
        let greedy = ["2001:db8:0:1::1", "2001:db8:0:1::2"]
            .map(|text| admission.admit(address(text)).unwrap());
        assert!(admission.admit(address("2001:db8:0:1:ffff::3")).is_none());
        assert!(admission.admit(address("2001:db8:0:2::1")).is_some());
        drop(greedy);
        assert!(admission.admit(address("2001:db8:0:1::3")).is_some());
        assert!(admission.0.open.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn a_trusted_proxy_may_have_what_there_is_and_no_more() {
        let admission = admission(5, 2);
        let all: Vec<_> = (0..5)
            .map_while(|_| admission.admit(address("10.0.0.1")))
            .collect();
        assert_eq!(all.len(), 5);
        assert!(admission.admit(address("10.0.0.1")).is_none());
        assert!(admission.admit(address("203.0.113.2")).is_none());
    }
}
