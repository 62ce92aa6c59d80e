//! Secrets in memory: read when the gateway starts, read again while it runs, and zeroed when nobody needs them.
//!
//! All secrets that are in use are one [`Snapshot`], replaced as a whole: whoever takes an account's API key and secret
//! from one snapshot has two that belong together. What is made of secrets (a signing key, a client of a server) is
//! [`Derived`] from them, and made anew when they change.

mod derived;
mod file;
mod following;
mod parameter_store;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use tokio::sync::{OnceCell, watch};

pub use derived::Derived;
pub use following::Following;

use self::parameter_store::{ParameterStore, Problem};
use crate::config::{Config, SecretRef, SecretsConfig};
use crate::telemetry::SecretMetrics;

/// A secret could not be read. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or not text.
    #[error("environment variable {0} is not set")]
    NotInEnvironment(String),
    /// The file could not be read.
    #[error("cannot read secret file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than the gateway can get at the file.
    #[error("secret file {path} {problem}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        problem: String,
    },
    /// It is not UTF-8.
    #[error("the secret at {0} is not text")]
    NotText(SecretRef),
    /// There is nothing in it.
    #[error("the secret at {0} is empty")]
    Empty(SecretRef),
    /// There is no such parameter.
    #[error("there is no parameter {0}")]
    Missing(SecretRef),
    /// The parameter holds no JSON object with this text.
    #[error("{0}: the parameter is no JSON object of texts that has this one")]
    NoField(SecretRef),
    /// Its keeper cannot be reached, or refuses.
    #[error("cannot read {at}: {problem}")]
    Away {
        /// The secret.
        at: SecretRef,
        /// Why.
        problem: String,
    },
    /// It is not among those that were read at the start.
    #[error("{0} was not read when the gateway started")]
    NotRead(SecretRef),
}

/// A secret that the configuration names cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {source}")]
pub struct NamedSecretError {
    /// The key of the configuration, dotted.
    pub key: String,
    /// Why.
    pub source: SecretError,
}

/// A copy in memory of its own, zeroed when dropped; nothing grows, so nothing is left behind elsewhere.
fn seal(text: &str, place: &SecretRef) -> Result<SecretString, SecretError> {
    if text.trim().is_empty() {
        return Err(SecretError::Empty(place.clone()));
    }
    Ok(SecretString::from(Box::<str>::from(text)))
}

/// Where secrets are read from.
trait Keepers: Send + Sync {
    /// Reads secrets; those of one parameter from one answer.
    fn read<'a>(&'a self, places: &'a [SecretRef]) -> BoxFuture<'a, Readings>;
}

/// What reading gave, in the order asked for.
type Readings = Vec<Result<SecretString, SecretError>>;

/// The real ones.
#[derive(Default)]
struct Providers {
    parameter_store: OnceCell<ParameterStore>,
}

impl Providers {
    async fn parameter(&self, name: &str) -> Result<Zeroizing<String>, Problem> {
        let store = self.parameter_store.get_or_init(ParameterStore::connect);
        store.await.read(name).await
    }
}

impl Keepers for Providers {
    fn read<'a>(&'a self, places: &'a [SecretRef]) -> BoxFuture<'a, Readings> {
        Box::pin(async move {
            let names = places.iter().filter_map(|place| match place {
                SecretRef::ParameterStore { name, .. } => Some(name.as_str()),
                _ => None,
            });
            let names: BTreeSet<&str> = names.collect();
            let asked = names.into_iter().map(|name| async move {
                let text = self.parameter(name).await;
                (name, text)
            });
            let parameters: BTreeMap<&str, _> = join_all(asked).await.into_iter().collect();
            let mut readings = Readings::new();
            for place in places {
                readings.push(match place {
                    SecretRef::Environment(name) => in_environment(name, place),
                    SecretRef::File(path) => in_file(path).await,
                    SecretRef::ParameterStore { name, field } => {
                        match parameters.get(name.as_str()) {
                            Some(Ok(text)) => match field {
                                Some(field) => member(text, field, place),
                                None => seal(text, place),
                            },
                            Some(Err(problem)) => Err(problem.at(place)),
                            None => Err(SecretError::Missing(place.clone())),
                        }
                    }
                });
            }
            readings
        })
    }
}

fn in_environment(name: &str, place: &SecretRef) -> Result<SecretString, SecretError> {
    let text = std::env::var(name).map(Zeroizing::new);
    let text = text.map_err(|_| SecretError::NotInEnvironment(name.to_owned()))?;
    seal(&text, place)
}

async fn in_file(path: &Path) -> Result<SecretString, SecretError> {
    let file = path.to_owned();
    // A file on a network may make its reader wait.
    let read = tokio::task::spawn_blocking(move || file::read(&file)).await;
    read.unwrap_or_else(|error| {
        Err(SecretError::File {
            path: path.to_owned(),
            source: std::io::Error::other(error),
        })
    })
}

/// One text of a JSON object of texts.
fn member(object: &str, field: &str, place: &SecretRef) -> Result<SecretString, SecretError> {
    struct Text(Zeroizing<String>);
    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
        }
    }
    let members: Option<BTreeMap<String, Text>> = serde_json::from_str(object).ok();
    match members.as_ref().and_then(|members| members.get(field)) {
        Some(Text(text)) => seal(text, place),
        None => Err(SecretError::NoField(place.clone())),
    }
}

/// A secret in memory.
#[derive(Clone)]
struct Held {
    value: Arc<SecretString>,
    /// The snapshot that it came with.
    since: u64,
}

/// All secrets as they were read together.
#[derive(Clone, Default)]
pub struct Snapshot {
    number: u64,
    held: BTreeMap<SecretRef, Held>,
}

impl Snapshot {
    /// A secret.
    ///
    /// # Errors
    /// [`SecretError::NotRead`] where configuration did not name it.
    pub fn get(&self, place: &SecretRef) -> Result<&SecretString, SecretError> {
        let held = self.held.get(place);
        held.map(|held| &*held.value)
            .ok_or_else(|| SecretError::NotRead(place.clone()))
    }

    /// The snapshot that the newest of these secrets came with.
    fn newest(&self, places: &[SecretRef]) -> u64 {
        let held = places.iter().filter_map(|place| self.held.get(place));
        held.map(|held| held.since).max().unwrap_or_default()
    }

    fn has(&self, place: &SecretRef, value: &SecretString) -> bool {
        let held = self.held.get(place);
        held.is_some_and(|held| held.value.expose_secret() == value.expose_secret())
    }

    /// The next one, with these in place of those of before.
    fn with(&self, changed: impl IntoIterator<Item = (SecretRef, SecretString)>) -> Self {
        let since = self.number + 1;
        let mut next = Self {
            number: since,
            held: self.held.clone(),
        };
        next.held.extend(changed.into_iter().map(|(place, value)| {
            let value = Arc::new(value);
            (place, Held { value, since })
        }));
        next
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.held.keys().map(ToString::to_string);
        f.debug_set().entries(places).finish()
    }
}

/// The secrets that are in use.
#[derive(Debug, Clone)]
pub struct Secrets {
    current: watch::Receiver<Arc<Snapshot>>,
}

impl Default for Secrets {
    /// None at all.
    fn default() -> Self {
        let (_, current) = watch::channel(Arc::default());
        Self { current }
    }
}

impl Secrets {
    /// Reads every secret that a configuration names. The second part keeps them current once it runs.
    ///
    /// # Errors
    /// [`NamedSecretError`]: the first that cannot be read.
    pub async fn open(
        config: &Config,
        metrics: &SecretMetrics,
    ) -> Result<(Self, Following), NamedSecretError> {
        let providers = Arc::new(Providers::default());
        Self::read_from(providers, config.secret_refs(), &config.secrets, metrics).await
    }

    async fn read_from(
        keepers: Arc<dyn Keepers>,
        named: Vec<(String, SecretRef)>,
        config: &SecretsConfig,
        metrics: &SecretMetrics,
    ) -> Result<(Self, Following), NamedSecretError> {
        let places: Vec<SecretRef> = named.iter().map(|(_, place)| place.clone()).collect();
        let readings = keepers.read(&places).await;
        let mut held = Vec::new();
        for ((key, place), reading) in named.iter().zip(readings) {
            let key = key.clone();
            let value = reading.map_err(|source| NamedSecretError { key, source })?;
            held.push((place.clone(), value));
        }
        let first = Arc::new(Snapshot::default().with(held));
        let (publish, current) = watch::channel(first);
        let following = Following::new(keepers, named, publish, config, metrics.clone());
        Ok((Self { current }, following))
    }

    /// Reads these once, for a program that ends soon.
    ///
    /// # Errors
    /// As [`Secrets::open`].
    pub async fn read(named: Vec<(String, SecretRef)>) -> Result<Self, NamedSecretError> {
        let (config, metrics) = (SecretsConfig::default(), SecretMetrics::default());
        let providers = Arc::new(Providers::default());
        let read = Self::read_from(providers, named, &config, &metrics).await;
        read.map(|(secrets, _)| secrets)
    }

    /// All of them, as they are now.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.borrow().clone()
    }
}

/// Reads every secret that a configuration names, and says of each key whether that went well.
pub async fn try_all(config: &Config) -> Vec<(String, Result<(), SecretError>)> {
    let named = config.secret_refs();
    let places: Vec<SecretRef> = named.iter().map(|(_, place)| place.clone()).collect();
    let readings = Providers::default().read(&places).await;
    let named = named.into_iter().zip(readings);
    named
        .map(|((key, _), reading)| (key, reading.map(drop)))
        .collect()
}

#[cfg(test)]
mod tests;
