//! A candidate at work beside the active version: a share of the reads is its own, and of everything else it
//! does in shadow what the active version did, with no key and nothing sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use switchyard_runtime::{
    Adapter, Amend, Cancel, CancelAll, Difference, Exchange, Operation as _, Place, ReplayError,
    replay,
};
use tokio::sync::{Notify, mpsc};
use utoipa::ToSchema;

use crate::config::TrialSettings;
use crate::model::{Failure, FailureCode};

/// Exchanges waiting for their shadow; more are left out.
const QUEUE: usize = 256;

/// Differences that are kept to be shown.
const SHOWN: usize = 20;

/// Longest text of a value that is shown, in characters.
const SHOWN_CHARS: usize = 300;

/// Calls below which a share says nothing yet, unless the trial is over.
const ENOUGH_FOR_A_SHARE: u64 = 20;

/// What is too little to be called slow, for each call.
const NOT_SLOW: Duration = Duration::from_millis(1);

/// Something that the candidate does otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShownDifference {
    /// The operation.
    pub operation: String,
    /// Where: `requests`, `signed` or `meaning`, with the path to the value.
    pub at: String,
    /// What the active version did.
    pub active: String,
    /// What the candidate did.
    pub candidate: String,
}

/// How a trial goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Tally {
    /// Reads that the candidate served.
    pub served: u64,
    /// Reads that it failed, and the active version served.
    pub failed: u64,
    /// Exchanges that it went through in shadow.
    pub shadowed: u64,
    /// Those of them that it did otherwise.
    pub differing: u64,
    /// Those of these that would have changed something at the venue.
    pub differing_changes: u64,
    /// Calls that it did not complete.
    pub trapped: u64,
    /// Exchanges that were left out, because there were too many.
    pub left_out: u64,
    /// Time that the active version took for what was shadowed, in microseconds.
    pub active_micros: u64,
    /// Time that the candidate took for the same, in microseconds.
    pub candidate_micros: u64,
    /// The first differences.
    pub differences: Vec<ShownDifference>,
}

impl Tally {
    /// Calls that say something.
    pub fn calls(&self) -> u64 {
        self.served + self.failed + self.shadowed
    }

    /// Takes in what the candidate did with an exchange.
    pub fn add(&mut self, operation: &str, judged: &Judged) {
        if judged.had_no_instance {
            self.left_out += 1;
            return;
        }
        self.shadowed += 1;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.active_micros += micros(judged.active_took);
        self.candidate_micros += micros(judged.candidate_took);
        match &judged.differences {
            Ok(differences) => {
                let differs = u64::from(!differences.is_empty());
                self.differing += differs;
                if CHANGES.contains(&operation) {
                    self.differing_changes += differs;
                }
                for difference in differences {
                    if self.differences.len() < SHOWN {
                        self.differences.push(shown(operation, difference));
                    }
                }
            }
            Err(problem) => {
                self.trapped += 1;
                if self.differences.len() < SHOWN {
                    self.differences.push(ShownDifference {
                        operation: operation.to_owned(),
                        at: "call".into(),
                        active: "an answer".into(),
                        candidate: problem.clone(),
                    });
                }
            }
        }
    }

    /// Why the candidate is not to be promoted, as far as is known; `is_over` where nothing more will be.
    pub fn problem(&self, settings: &TrialSettings, is_over: bool) -> Option<String> {
        if self.trapped > 0 {
            let first = self.differences.iter().find(|shown| shown.at == "call");
            let what = first.map_or("", |shown| shown.candidate.as_str());
            return Some(format!(
                "it did not complete {} calls: {what}",
                self.trapped
            ));
        }
        if self.differing_changes > 0 {
            return Some(format!(
                "it does {} orders, amendments or cancels otherwise; promote it by hand if that is what it is for",
                self.differing_changes
            ));
        }
        let says_enough = |calls: u64| calls > 0 && (is_over || calls >= ENOUGH_FOR_A_SHARE);
        let limit = u64::from(settings.max_difference_percent);
        if says_enough(self.shadowed) && self.differing * 100 > limit * self.shadowed {
            let (differing, all) = (self.differing, self.shadowed);
            return Some(format!(
                "it does {differing} of {all} exchanges otherwise, and plugins.trial.max_difference_percent is {limit}; \
                 promote it by hand if that is what it is for"
            ));
        }
        let reads = self.served + self.failed;
        if says_enough(reads) && self.failed * 100 > limit * reads {
            return Some(format!("it failed {} of {reads} reads", self.failed));
        }
        let allowed = self
            .active_micros
            .saturating_mul(u64::from(settings.max_slowdown_percent))
            / 100;
        let allowed = allowed + self.shadowed * u64::try_from(NOT_SLOW.as_micros()).unwrap_or(0);
        if says_enough(self.shadowed) && self.candidate_micros > allowed {
            return Some(format!(
                "it is slow: {} us for what takes the active version {} us",
                self.candidate_micros, self.active_micros
            ));
        }
        None
    }
}

/// Operations that change something at the venue.
const CHANGES: [&str; 4] = [Place::NAME, Amend::NAME, Cancel::NAME, CancelAll::NAME];

/// Whether another version may go through an exchange: what was carried over between two steps, or is to be, is a
/// version's own, and another could make anything of it.
pub(super) fn can_be_compared(exchange: &Exchange) -> bool {
    let goes_on = |meaning: &serde_json::Value| meaning.get("continue").is_some();
    exchange.state.is_none() && !exchange.meaning.as_ref().is_some_and(goes_on)
}

/// What a candidate did with an exchange.
#[derive(Debug)]
pub struct Judged {
    differences: Result<Vec<Difference>, String>,
    /// The candidate's instances were all busy: that says nothing of it.
    had_no_instance: bool,
    active_took: Duration,
    candidate_took: Duration,
}

/// Runs an exchange through both versions. What the active one itself does not do as it was recorded is held
/// against nobody: then another version recorded it.
pub(super) fn judge(active: &Adapter, candidate: &Adapter, exchange: &Exchange) -> Judged {
    let started = Instant::now();
    let known = replay(active, exchange);
    let active_took = started.elapsed();
    let started = Instant::now();
    let tried = replay(candidate, exchange);
    let candidate_took = started.elapsed();
    let exhausted = ReplayError::is_exhausted;
    let had_no_instance = [&tried, &known]
        .iter()
        .any(|result| result.as_ref().is_err_and(exhausted));
    let differences = match (tried, known) {
        (Ok(tried), Ok(known)) => Ok(tried
            .into_iter()
            .filter(|difference| !known.contains(difference))
            .collect()),
        // The recording is at fault, or neither can do it.
        (Err(_), Err(_)) | (Err(ReplayError::Malformed { .. }), _) => Ok(Vec::new()),
        (Ok(_), Err(_)) => Ok(Vec::new()), // it is better
        (Err(error), Ok(_)) => Err(error.to_string()),
    };
    Judged {
        differences,
        had_no_instance,
        active_took,
        candidate_took,
    }
}

fn shown(operation: &str, difference: &Difference) -> ShownDifference {
    let text = |value: &serde_json::Value| -> String {
        value.to_string().chars().take(SHOWN_CHARS).collect()
    };
    ShownDifference {
        operation: operation.to_owned(),
        at: difference.at.clone(),
        active: text(&difference.recorded),
        candidate: text(&difference.replayed),
    }
}

/// A trial under way.
#[derive(Debug)]
pub struct Trial {
    candidate: Arc<Adapter>,
    share: f64,
    reads: AtomicU64,
    tally: Mutex<Tally>,
    shadow: mpsc::Sender<Exchange>,
    news: Notify,
}

impl Trial {
    /// A trial against the active version. Its shadow works on a thread of its own, and ends with it.
    pub fn start(active: Arc<Adapter>, candidate: Arc<Adapter>, share: f64) -> Arc<Self> {
        let (shadow, exchanges) = mpsc::channel(QUEUE);
        let trial = Arc::new(Self {
            candidate,
            share,
            reads: AtomicU64::new(0),
            tally: Mutex::default(),
            shadow,
            news: Notify::new(),
        });
        let weak = Arc::downgrade(&trial);
        tokio::task::spawn_blocking(move || cast_shadow(&active, &weak, exchanges));
        trial
    }

    /// The candidate.
    pub fn candidate(&self) -> &Arc<Adapter> {
        &self.candidate
    }

    /// Whether the next read is the candidate's.
    pub fn takes_read(&self) -> bool {
        is_the_candidates(self.reads.fetch_add(1, Ordering::Relaxed), self.share)
    }

    /// The candidate served a read.
    pub fn served(&self) {
        self.lock().served += 1;
        self.news.notify_one();
    }

    /// The candidate failed a read that the active version then served.
    pub fn failed(&self, operation: &'static str, failure: &Failure) {
        {
            let mut tally = self.lock();
            let is_trap = failure.code == FailureCode::AdapterFailed;
            tally.failed += 1;
            tally.trapped += u64::from(is_trap);
            if tally.differences.len() < SHOWN {
                let why = failure.to_string();
                tally.differences.push(ShownDifference {
                    operation: operation.to_owned(),
                    at: if is_trap { "call" } else { "read" }.into(),
                    active: "an answer".into(),
                    candidate: why.chars().take(SHOWN_CHARS).collect(),
                });
            }
        }
        self.news.notify_one();
    }

    /// Gives the candidate an exchange of the active version to go through.
    pub fn shadow(&self, exchange: Exchange) {
        if can_be_compared(&exchange) && self.shadow.try_send(exchange).is_err() {
            self.lock().left_out += 1;
        }
    }

    /// How it goes.
    pub fn tally(&self) -> Tally {
        self.lock().clone()
    }

    /// Waits for its end: enough calls, enough time, or a problem.
    ///
    /// # Errors
    /// Why the candidate is not to be promoted.
    pub async fn verdict(&self, settings: &TrialSettings) -> Result<Tally, String> {
        let time = Duration::from_millis(settings.time_ms);
        let end = tokio::time::Instant::now() + time;
        loop {
            let is_over = tokio::select! {
                () = self.news.notified() => false,
                () = tokio::time::sleep_until(end) => true,
            };
            let tally = self.tally();
            let is_over = is_over || tally.calls() >= u64::from(settings.calls);
            match tally.problem(settings, is_over) {
                Some(problem) => return Err(problem),
                None if is_over => return Ok(tally),
                None => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a read is among the share of all; the share is spread evenly.
fn is_the_candidates(turn: u64, share: f64) -> bool {
    let taken = |turns: u64| (turns as f64 * share).floor();
    taken(turn + 1) > taken(turn)
}

fn cast_shadow(
    active: &Adapter,
    trial: &std::sync::Weak<Trial>,
    mut exchanges: mpsc::Receiver<Exchange>,
) {
    while let Some(exchange) = exchanges.blocking_recv() {
        let Some(trial) = trial.upgrade() else {
            return;
        };
        let judged = judge(active, &trial.candidate, &exchange);
        trial.lock().add(&exchange.operation, &judged);
        trial.news.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> TrialSettings {
        TrialSettings {
            max_difference_percent: 10,
            max_slowdown_percent: 200,
            ..TrialSettings::default()
        }
    }

    #[test]
    fn a_share_of_the_reads_is_the_candidates_and_no_more() {
        for (share, expected) in [(0.0, 0), (0.01, 10), (0.1, 100), (0.333, 333), (1.0, 1_000)] {
            let taken = (0..1_000).filter(|turn| is_the_candidates(*turn, share));
            assert_eq!(taken.count(), expected, "{share}");
        }
    }

    #[test]
    fn a_share_is_spread_and_not_taken_in_one_piece() {
        for start in 0..100 {
            let taken = (start..start + 10).filter(|turn| is_the_candidates(*turn, 0.1));
            assert_eq!(taken.count(), 1, "from {start} on");
        }
    }

    #[test]
    fn one_call_that_is_not_completed_is_one_too_many() {
        let mut tally = Tally {
            shadowed: 100_000,
            ..Tally::default()
        };
        assert_eq!(tally.problem(&settings(), true), None);
        tally.trapped = 1;
        let problem = tally.problem(&settings(), false).unwrap();
        assert!(problem.contains("did not complete 1 calls"), "{problem}");
    }

    #[test]
    fn one_order_done_otherwise_is_one_too_many() {
        let mut tally = Tally {
            shadowed: 100_000,
            differing: 1,
            ..Tally::default()
        };
        assert_eq!(tally.problem(&settings(), true), None);
        tally.differing_changes = 1;
        let problem = tally.problem(&settings(), false).unwrap();
        assert!(problem.contains("1 orders"), "{problem}");
    }

    #[test]
    fn a_share_of_few_calls_says_nothing_until_the_trial_is_over() {
        let tally = Tally {
            shadowed: 5,
            differing: 5,
            ..Tally::default()
        };
        assert_eq!(tally.problem(&settings(), false), None);
        assert!(tally.problem(&settings(), true).is_some());
        let tally = Tally {
            served: 2,
            failed: 3,
            ..Tally::default()
        };
        assert_eq!(tally.problem(&settings(), false), None);
        assert!(tally.problem(&settings(), true).is_some());
    }

    #[test]
    fn differences_and_failed_reads_are_allowed_up_to_the_limit() {
        let differing = |differing| Tally {
            shadowed: 100,
            differing,
            ..Tally::default()
        };
        assert_eq!(differing(10).problem(&settings(), false), None);
        let problem = differing(11).problem(&settings(), false).unwrap();
        assert!(problem.contains("11 of 100"), "{problem}");
        let failing = |failed| Tally {
            served: 100 - failed,
            failed,
            ..Tally::default()
        };
        assert_eq!(failing(10).problem(&settings(), false), None);
        let problem = failing(11).problem(&settings(), false).unwrap();
        assert!(problem.contains("11 of 100 reads"), "{problem}");
    }

    #[test]
    fn slow_is_what_takes_longer_than_allowed_and_longer_than_anyone_would_notice() {
        let taking = |candidate_micros| Tally {
            shadowed: 100,
            active_micros: 1_000_000,
            candidate_micros,
            ..Tally::default()
        };
        // Twice a second, and a millisecond for each of a hundred calls.
        assert_eq!(taking(2_100_000).problem(&settings(), true), None);
        let problem = taking(2_100_001).problem(&settings(), true).unwrap();
        assert!(problem.contains("slow"), "{problem}");
    }

    #[test]
    fn nothing_seen_is_nothing_held_against_it() {
        assert_eq!(Tally::default().problem(&settings(), true), None);
    }
}
