//! What a case is, and what comes of it.

use std::fmt;

use serde::Serialize;
use switchyard_runtime::Capability;

use crate::subject::Subject;

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// What the component imports and exports.
    Contract,
    /// What the adapter says of itself.
    Descriptor,
    /// Commands made into requests.
    Encoding,
    /// Answers made into results.
    Decoding,
    /// Answers made into typed errors.
    Errors,
    /// Prices, quantities and amounts.
    Money,
    /// Bounds of instruments, lists and rates.
    Limits,
    /// Answers and commands that nobody would document.
    Hostile,
    /// Same input, same bytes.
    Determinism,
    /// Keys and signatures.
    Secrecy,
    /// Time and memory.
    Resources,
    /// An order's life at a venue that answers.
    Live,
}

impl Group {
    /// All groups, in the order in which they are judged.
    pub const ALL: [Self; 12] = [
        Self::Contract,
        Self::Descriptor,
        Self::Encoding,
        Self::Decoding,
        Self::Errors,
        Self::Money,
        Self::Limits,
        Self::Hostile,
        Self::Determinism,
        Self::Secrecy,
        Self::Resources,
        Self::Live,
    ];

    /// The group's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Descriptor => "descriptor",
            Self::Encoding => "encoding",
            Self::Decoding => "decoding",
            Self::Errors => "errors",
            Self::Money => "money",
            Self::Limits => "limits",
            Self::Hostile => "hostile",
            Self::Determinism => "determinism",
            Self::Secrecy => "secrecy",
            Self::Resources => "resources",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an adapter must have for a case to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: the case applies to every adapter.
    Nothing,
    /// An exported interface.
    Capability(Capability),
    /// Recorded exchanges.
    Recordings,
    /// Recorded exchanges of one of these operations.
    RecordingsOf(&'static [&'static str]),
    /// A venue that answers.
    Venue,
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Capability(capability) => write!(f, "`{capability}`"),
            Self::Recordings => f.write_str("recorded exchanges"),
            Self::RecordingsOf(operations) => {
                write!(f, "recorded exchanges of {}", operations.join(", "))
            }
            Self::Venue => f.write_str("`--against URL`"),
        }
    }
}

/// One rule that an adapter is held to.
pub struct Case {
    /// Never changes once published: `DEC-003`.
    pub id: &'static str,
    /// What it is about.
    pub group: Group,
    /// The rule in a sentence.
    pub title: &'static str,
    /// Where the rule is written.
    pub rule: &'static str,
    /// What it applies to.
    pub needs: Needs,
    /// Whether a gateway holds a version to it before that version serves; these together take milliseconds.
    pub at_load: bool,
    pub(crate) check: fn(&Subject) -> Verdict,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Something that is not as the rule has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The recording's file, or the command that was made for it.
    pub on: String,
    /// What the adapter was given.
    pub sent: String,
    /// What it gave.
    pub came_back: String,
    /// What the rule wants.
    pub expected: String,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The adapter keeps the rule, as often as it was looked.
    Passed {
        /// How often.
        looked_at: usize,
    },
    /// It does not.
    Failed {
        /// The first few times.
        findings: Vec<Finding>,
        /// How often besides.
        more: usize,
    },
    /// The case does not apply, or there is nothing to judge by.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// Findings that a report shows of one case.
const SHOWN: usize = 5;

/// Longest text that a finding shows, in characters.
const SHOWN_CHARS: usize = 600;

/// Looks, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    looked_at: usize,
    findings: Vec<Finding>,
    more: usize,
}

impl Checks {
    /// One look; `finding` is asked for where it shows that the rule is broken.
    pub(crate) fn expect(&mut self, holds: bool, finding: impl FnOnce() -> Finding) {
        self.looked_at += 1;
        if holds {
            return;
        }
        if self.findings.len() < SHOWN {
            let Finding {
                on,
                sent,
                came_back,
                expected,
            } = finding();
            self.findings.push(Finding {
                on,
                sent: shortened(&sent),
                came_back: shortened(&came_back),
                expected: shortened(&expected),
            });
        } else {
            self.more += 1;
        }
    }

    /// The verdict; `nothing` says why there was nothing to look at.
    pub(crate) fn verdict(self, nothing: &str) -> Verdict {
        if !self.findings.is_empty() {
            Verdict::Failed {
                findings: self.findings,
                more: self.more,
            }
        } else if self.looked_at == 0 {
            Verdict::Skipped {
                reason: nothing.to_owned(),
            }
        } else {
            Verdict::Passed {
                looked_at: self.looked_at,
            }
        }
    }
}

/// A text that is short enough to be read.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{} … ({} characters)", &text[..at], text.chars().count()),
        None => text.to_owned(),
    }
}
