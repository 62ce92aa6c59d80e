//! All venues that configuration names: those that are up and running, and those whose adapter is yet to come.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::http::Sender;
use super::registry::{Venue, VenueError, account_of};
use crate::config::{Config, VenueConfig};
use crate::model::{Failure, FailureCode};
use crate::plugin::{Plugins, Slot};
use crate::reliability::limiter::Limiter;
use crate::secrets::Secrets;
use crate::telemetry::Metrics;

/// Why there is no venue of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoVenue {
    /// Configuration does not name it.
    Unknown,
    /// Its adapter is not here yet; as what callers are told.
    Waiting(Box<Failure>),
}

#[derive(Debug)]
struct Place {
    config: VenueConfig,
    /// Its adapter was not there when the gateway started.
    came_late: bool,
    venue: OnceLock<Arc<Venue>>,
}

/// All venues, in the order of their names. Each has its place from the start, and takes it once its adapter is
/// here.
#[derive(Debug)]
pub struct Venues {
    places: IndexMap<String, Place>,
    sender: Sender,
    limiter: Limiter,
    secrets: Secrets,
    metrics: Arc<Metrics>,
}

impl Venues {
    /// Sets up every venue whose adapter is here. Nothing is sent yet.
    ///
    /// # Errors
    /// [`VenueError`], naming the venue and the key.
    pub fn set_up(
        config: &Config,
        plugins: &Plugins,
        secrets: &Secrets,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, VenueError> {
        if config.venues.is_empty() {
            tracing::warn!("no venue is configured");
        }
        let mut this = Self {
            places: IndexMap::new(),
            sender: Sender::new().map_err(|error| VenueError::Client(error.to_string()))?,
            limiter: Limiter::new(config.limiter.policy()),
            secrets: secrets.clone(),
            metrics: metrics.clone(),
        };
        for (name, config) in &config.venues {
            let slot = plugins.slot(&config.adapter);
            let place = Place {
                config: config.clone(),
                came_late: slot.is_none(),
                venue: OnceLock::new(),
            };
            if let Some(slot) = slot {
                let _ = place.venue.set(this.build(name, config, slot)?);
            } else if let Some(credentials) = &config.credentials {
                // What is wrong with these is known without the adapter, and better told now.
                account_of(name, credentials, secrets)?;
            }
            this.places.insert(name.clone(), place);
        }
        Ok(this)
    }

    fn build(
        &self,
        name: &str,
        config: &VenueConfig,
        slot: Arc<Slot>,
    ) -> Result<Arc<Venue>, VenueError> {
        let (sender, limiter) = (self.sender.clone(), self.limiter.clone());
        let (secrets, metrics) = (&self.secrets, self.metrics.clone());
        let venue = Venue::new(name, config, slot, sender, limiter, secrets, metrics)?;
        Ok(Arc::new(venue))
    }

    /// Sets up the venues that wait for a plugin, whose first version is in `slot`. Nobody sees them yet.
    ///
    /// # Errors
    /// [`VenueError`]: the version does not suit what configuration says of a venue.
    pub fn prepare(&self, slot: &Arc<Slot>) -> Result<Vec<Arc<Venue>>, VenueError> {
        let places = self.places.iter();
        let waiting = places.filter(|(_, place)| {
            place.venue.get().is_none() && place.config.adapter == slot.name()
        });
        waiting
            .map(|(name, place)| self.build(name, &place.config, slot.clone()))
            .collect()
    }

    /// Gives a venue that was prepared its place: from now on it is found.
    pub fn admit(&self, venue: Arc<Venue>) {
        if let Some(place) = self.places.get(venue.name()) {
            let _ = place.venue.set(venue);
        }
    }

    /// The venue of a name, if it is here.
    pub fn get(&self, name: &str) -> Option<&Arc<Venue>> {
        self.places.get(name)?.venue.get()
    }

    /// The venue of a name that a caller gave.
    ///
    /// # Errors
    /// [`NoVenue`]
    pub fn named(&self, name: &str) -> Result<&Arc<Venue>, NoVenue> {
        let place = self.places.get(name).ok_or(NoVenue::Unknown)?;
        place.venue.get().ok_or_else(|| {
            let message = format!(
                "venue {name} waits for its adapter {}.wasm in plugins.directory; nothing was sent",
                place.config.adapter
            );
            let failure = Failure::not_sent(FailureCode::VenueUnavailable, message);
            NoVenue::Waiting(Box::new(failure))
        })
    }

    /// All that are here.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Venue>> {
        self.places.values().filter_map(|place| place.venue.get())
    }

    /// Those that were here when the gateway started.
    pub fn from_the_start(&self) -> impl Iterator<Item = &Arc<Venue>> {
        let places = self.places.values().filter(|place| !place.came_late);
        places.filter_map(|place| place.venue.get())
    }

    /// The names of those whose adapter is not here yet.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        let places = self.places.iter();
        places
            .filter(|(_, place)| place.venue.get().is_none())
            .map(|(name, _)| name.as_str())
    }

    /// The names of those that are configured with an adapter, here or not.
    pub fn with_adapter(&self, adapter: &str) -> impl Iterator<Item = &str> {
        let places = self.places.iter();
        places
            .filter(move |(_, place)| place.config.adapter == adapter)
            .map(|(name, _)| name.as_str())
    }

    /// The names of all that are configured.
    pub fn names(&self) -> Vec<&str> {
        self.places.keys().map(String::as_str).collect()
    }
}
