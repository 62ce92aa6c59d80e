//! Keeps secrets current for as long as the gateway runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Keepers, Snapshot};
use crate::config::{SecretRef, SecretsConfig};
use crate::telemetry::{SecretMetrics, SecretOutcome, SecretSource};

/// How long a change is looked at before it is put to use: who writes an account's key and then its secret needs a
/// moment, and between the two they do not belong together.
const SETTLE: Duration = Duration::from_secs(2);

/// How much sooner or later than its time a look may be, as a share of it: many gateways must not ask at once.
const JITTER: f64 = 0.1;

/// Reads secrets again, and replaces those that changed, all at once.
pub struct Following {
    keepers: Arc<dyn Keepers>,
    /// Keys of the configuration, and where their secrets are.
    named: Vec<(String, SecretRef)>,
    publish: watch::Sender<Arc<Snapshot>>,
    file_every: Duration,
    parameter_every: Duration,
    metrics: SecretMetrics,
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").finish_non_exhaustive()
    }
}

impl Following {
    pub(super) fn new(
        keepers: Arc<dyn Keepers>,
        named: Vec<(String, SecretRef)>,
        publish: watch::Sender<Arc<Snapshot>>,
        config: &SecretsConfig,
        metrics: SecretMetrics,
    ) -> Self {
        Self {
            keepers,
            named,
            publish,
            file_every: Duration::from_secs(config.file_refresh_seconds),
            parameter_every: Duration::from_secs(config.refresh_seconds),
            metrics,
        }
    }

    /// Works until it is dropped. Variables of the environment are not read again: they cannot change.
    pub async fn run(self) {
        tokio::join!(
            self.follow(SecretSource::File, self.file_every),
            self.follow(SecretSource::ParameterStore, self.parameter_every),
        );
    }

    /// Whether two secrets are of one section of the configuration, and so belong together.
    fn belong_together(&self, a: &SecretRef, b: &SecretRef) -> bool {
        let section = |key: &str| key.rsplit_once('.').map(|(section, _)| section.to_owned());
        let of = |place: &SecretRef| {
            let place = place.clone();
            let named = self.named.iter().filter(move |(_, named)| *named == place);
            named.filter_map(move |(key, _)| section(key))
        };
        of(a).any(|section| of(b).any(|other| other == section))
    }

    async fn follow(&self, source: SecretSource, every: Duration) {
        let places = self.named.iter().map(|(_, place)| place.clone());
        let mut places: Vec<SecretRef> = places.collect();
        places.retain(|place| SecretSource::of(place) == source);
        places.sort();
        places.dedup();
        if places.is_empty() {
            return;
        }
        let mut look = Look {
            following: self,
            source,
            places,
            failing: BTreeMap::new(),
            seen: BTreeMap::new(),
        };
        self.metrics.failing(source, 0);
        loop {
            let wait = if look.seen.is_empty() {
                jittered(every)
            } else {
                SETTLE.min(every)
            };
            sleep(wait).await;
            look.again().await;
        }
    }
}

/// One source, looked at again and again.
struct Look<'a> {
    following: &'a Following,
    source: SecretSource,
    places: Vec<SecretRef>,
    /// What could not be read at the last look, and why.
    failing: BTreeMap<SecretRef, String>,
    /// What was found changed at the last look, and is put to use if it is still so at the next.
    seen: BTreeMap<SecretRef, SecretString>,
}

impl Look<'_> {
    async fn again(&mut self) {
        let metrics = &self.following.metrics;
        let readings = self.following.keepers.read(&self.places).await;
        let current = self.following.publish.borrow().clone();
        let (mut changed, mut failing) = (BTreeMap::new(), BTreeMap::new());
        for (place, reading) in self.places.iter().zip(readings) {
            match reading {
                Ok(value) if current.has(place, &value) => {
                    metrics.read(self.source, SecretOutcome::Unchanged);
                }
                Ok(value) => drop(changed.insert(place.clone(), value)),
                Err(error) => {
                    metrics.read(self.source, SecretOutcome::Failed);
                    failing.insert(place.clone(), error.to_string());
                }
            }
        }
        // A new key without the secret that came with it is worse than both of before.
        changed.retain(|place, _| {
            let mut failing = failing.keys();
            !failing.any(|failing| self.following.belong_together(place, failing))
        });
        self.tell(failing);
        if is_same(&changed, &self.seen) {
            for _ in &changed {
                metrics.read(self.source, SecretOutcome::Rotated);
            }
            self.seen.clear();
            if !changed.is_empty() {
                let places: Vec<String> = changed.keys().map(ToString::to_string).collect();
                tracing::info!(secrets = ?places, "secrets were rotated");
                let mut changed = Some(changed);
                self.following.publish.send_modify(|snapshot| {
                    *snapshot = Arc::new(snapshot.with(changed.take().into_iter().flatten()));
                });
            }
        } else {
            self.seen = changed;
        }
    }

    /// Logs what is new of it: a keeper that is away for a day is no reason for a thousand lines.
    fn tell(&mut self, failing: BTreeMap<SecretRef, String>) {
        for (place, problem) in &failing {
            if self.failing.get(place) != Some(problem) {
                tracing::warn!(secret = %place, problem, "the secret cannot be read again; the last value stays in use");
            }
        }
        for place in self.failing.keys() {
            if !failing.contains_key(place) {
                tracing::info!(secret = %place, "the secret can be read again");
            }
        }
        self.following.metrics.failing(self.source, failing.len());
        self.failing = failing;
    }
}

fn is_same(a: &BTreeMap<SecretRef, SecretString>, b: &BTreeMap<SecretRef, SecretString>) -> bool {
    let same = |(a, b): (_, _)| {
        let ((place_a, value_a), (place_b, value_b)): (
            (&SecretRef, &SecretString),
            (&SecretRef, &SecretString),
        ) = (a, b);
        place_a == place_b && value_a.expose_secret() == value_b.expose_secret()
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// About as long.
fn jittered(time: Duration) -> Duration {
    let random = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    time.mul_f64(1.0 + JITTER * (2.0 * random - 1.0))
}
