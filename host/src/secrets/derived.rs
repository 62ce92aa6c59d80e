//! What is made of secrets, and made anew when they change.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Secrets, Snapshot};
use crate::config::SecretRef;

/// Makes a value of the secrets of one snapshot, in place of another, if there was one.
type Make<T, E> = dyn Fn(&Snapshot, Option<&T>) -> Result<T, E> + Send + Sync;

/// A value made of secrets. Where they change to what none can be made of, the one of before is kept.
pub struct Derived<T, E> {
    secrets: Secrets,
    /// The key of the configuration that names the secrets.
    key: String,
    places: Vec<SecretRef>,
    make: Box<Make<T, E>>,
    made: RwLock<Made<T>>,
}

struct Made<T> {
    value: Arc<T>,
    /// The last snapshot that was looked at.
    looked_at: u64,
    /// The snapshot that the newest of the secrets came with, when the value was last made or refused.
    newest: u64,
}

impl<T, E> fmt::Debug for Derived<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl<T, E: fmt::Display> Derived<T, E> {
    /// Makes the first value. `key` is what the secrets' part of the configuration is called in the log.
    ///
    /// # Errors
    /// What `make` says.
    pub fn new(
        secrets: &Secrets,
        key: String,
        places: Vec<SecretRef>,
        make: impl Fn(&Snapshot, Option<&T>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let snapshot = secrets.current();
        let made = Made {
            value: Arc::new(make(&snapshot, None)?),
            looked_at: snapshot.number,
            newest: snapshot.newest(&places),
        };
        Ok(Self {
            secrets: secrets.clone(),
            key,
            places,
            make: Box::new(make),
            made: RwLock::new(made),
        })
    }

    /// The value of the secrets as they are now.
    pub fn current(&self) -> Arc<T> {
        let snapshot = self.secrets.current();
        {
            let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
            if made.looked_at >= snapshot.number {
                return made.value.clone();
            }
        }
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if made.looked_at < snapshot.number {
            made.looked_at = snapshot.number;
            let newest = snapshot.newest(&self.places);
            if newest != made.newest {
                made.newest = newest;
                let key = &self.key;
                match (self.make)(&snapshot, Some(&made.value)) {
                    Ok(value) => {
                        made.value = Arc::new(value);
                        tracing::info!(key, "the rotated secret is in use");
                    }
                    Err(error) => {
                        tracing::error!(key, %error, "the rotated secret cannot be used; the one before stays in use");
                    }
                }
            }
        }
        made.value.clone()
    }
}
