//! Which venue is asked first, and what happens when it does not answer.

use std::hash::Hash;
use std::sync::Arc;

use switchyard_runtime::Operation;
use tracing::Instrument as _;

use crate::model::Failure;
use crate::reads::{Answer, ReadKey, Served, Shelf, SourceStatus, Wanted};
use crate::reliability::Deadline;
use crate::venue::{Ask, Condition, Listed, Venue};

/// A venue that can be asked about an instrument.
#[derive(Debug, Clone)]
pub struct Source {
    /// The venue.
    pub venue: Arc<Venue>,
    /// The instrument there.
    pub listed: Arc<Listed>,
}

/// What an answer of a source is kept under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SourceKey {
    venue: String,
    symbol: String,
}

impl ReadKey for SourceKey {
    fn venue(&self) -> &str {
        &self.venue
    }
}

/// A source, and what else is asked of it.
impl<T: Eq + Hash + Clone + Send + 'static> ReadKey for (SourceKey, T) {
    fn venue(&self) -> &str {
        &self.0.venue
    }
}

impl Source {
    pub(super) fn key(&self) -> SourceKey {
        SourceKey {
            venue: self.venue.name().to_owned(),
            symbol: self.listed.instrument.symbol.clone(),
        }
    }

    fn endpoint(&self) -> &str {
        &self.listed.instrument.endpoint
    }

    fn condition(&self) -> Condition {
        self.venue.condition(self.endpoint())
    }

    fn missing(&self, failure: &Failure) -> SourceStatus {
        SourceStatus::missing(self.venue.name(), self.endpoint(), failure)
    }
}

/// A value, which venue it is of, and why others did not give it.
#[derive(Debug)]
pub struct Sourced<T> {
    /// The value.
    pub value: Arc<T>,
    /// Where it came from.
    pub served: Served,
    /// Those that were asked, in that order; the one that served is the only one that is not missing.
    pub sources: Vec<SourceStatus>,
}

/// Market data could not be had from any venue asked.
#[derive(Debug, Clone)]
pub struct MarketError {
    /// Each venue asked, and why it gave nothing.
    pub failures: Vec<(String, Failure)>,
}

/// One source's turn to be asked.
pub(super) struct Turn {
    source: Source,
    deadline: Deadline,
    /// Whether another can be asked if this one fails.
    has_next: bool,
}

impl Turn {
    /// The venue's name, and the symbol.
    pub(super) fn names(&self) -> (&str, &str) {
        let Source { venue, listed } = &self.source;
        (venue.name(), &listed.instrument.symbol)
    }

    /// Asks once where another source is left, else as often as the venue's policy allows.
    pub(super) async fn ask<O: Operation>(
        &self,
        command: O::Command,
    ) -> Result<O::Output, Failure> {
        let ask = Ask::<O> {
            endpoint: self.source.endpoint(),
            instrument: Some(&self.source.listed),
            command,
            deadline: self.deadline,
        };
        if self.has_next {
            self.source.venue.read_once(ask).await
        } else {
            self.source.venue.read(ask).await
        }
    }
}

/// The answer of the first source that gives one, the healthiest first; where none does, what is kept of one. Each
/// is given a share of the time, so that one that hangs leaves some to the others.
pub(super) async fn first_answer<K, V, L>(
    shelf: &Shelf<K, V>,
    mut sources: Vec<Source>,
    key: impl Fn(&Source) -> K,
    wanted: Wanted,
    deadline: Deadline,
    load: impl Fn(Turn) -> L + Copy + Send + 'static,
) -> Result<Sourced<V>, MarketError>
where
    K: ReadKey,
    V: Send + Sync + 'static,
    L: Future<Output = Result<V, Failure>> + Send + 'static,
{
    // Stable: among equals the caller's order stands.
    sources.sort_by_cached_key(Source::condition);
    let mut failures: Vec<Failure> = Vec::new();
    let load_of = |source: &Source, has_next| {
        let source = source.clone();
        move |deadline| {
            load(Turn {
                source,
                deadline,
                has_next,
            })
        }
    };
    for (place, source) in sources.iter().enumerate() {
        let left = sources.len() - place;
        let (share, load) = (deadline.share(left), load_of(source, left > 1));
        match shelf.get(key(source), wanted, share, load).await {
            Ok(answer) => {
                let later = sources.iter().skip(place + 1);
                let on_trial = later.filter(|other| other.condition() == Condition::OnTrial);
                if matches!(answer.served, Served::Live { .. }) {
                    // Whoever is passed over because it failed before would never be asked again.
                    on_trial.for_each(|other| {
                        let (shelf, key, load) = (shelf.clone(), key(other), load_of(other, true));
                        let trial = async move {
                            let _ = shelf.get(key, Wanted::Cached, deadline, load).await;
                        };
                        tokio::spawn(trial.in_current_span());
                    });
                }
                let before = place.checked_sub(1).and_then(|before| sources.get(before));
                if let (Some(before), Some(failure)) = (before, failures.last()) {
                    shelf.failed_over(before.venue.name(), source.venue.name(), failure);
                }
                return Ok(sourced(&sources, &failures, source, answer));
            }
            Err(failure) => failures.push(failure),
        }
    }
    if wanted == Wanted::Cached {
        for (source, failure) in sources.iter().zip(&failures) {
            if let Ok(answer) = shelf.in_place_of(&key(source), failure.clone()) {
                return Ok(sourced(&sources, &failures, source, answer));
            }
        }
    }
    let names = sources.iter().map(|source| source.venue.name().to_owned());
    Err(MarketError {
        failures: names.zip(failures).collect(),
    })
}

/// The answer of one of the sources, with why the others gave none.
fn sourced<V>(
    sources: &[Source],
    failures: &[Failure],
    serving: &Source,
    answer: Answer<V>,
) -> Sourced<V> {
    let Answer { value, served } = answer;
    let is_serving = |source: &Source| Arc::ptr_eq(&source.venue, &serving.venue);
    let failed = sources.iter().zip(failures);
    let mut told: Vec<SourceStatus> = failed
        .filter(|(source, _)| !is_serving(source))
        .map(|(source, failure)| source.missing(failure))
        .collect();
    told.push(SourceStatus::served(
        serving.venue.name(),
        serving.endpoint(),
        &served,
    ));
    Sourced {
        value,
        served,
        sources: told,
    }
}
