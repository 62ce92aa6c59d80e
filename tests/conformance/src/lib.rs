//! Judges adapters: whether a component, in whatever language it was written, keeps the contract in `wit/`.
//!
//! There is no network and no venue. What is judged against is the contract itself, the exchanges that the
//! adapter's author recorded ([`Recording`]), and inputs that are made here: commands within and at the
//! bounds of what the descriptor claims, and answers that are spoilt in every way that venues and proxies
//! spoil them. Each rule is a numbered [`Case`]; `CASES.md` lists them.
//!
//! ```text
//! bytes + recordings -> Subject -> judge -> Report -> table | JSON | JUnit
//! ```

mod case;
mod exact;
mod groups;
pub mod hostility;
mod judge;
mod recording;
mod report;
mod scene;
mod stage;
mod subject;
mod synthetic;

pub use case::{Case, Finding, Group, Needs, Verdict};
pub use groups::{cases, find_case, live_cases, page};
pub use judge::{Options, judge, judge_at_load};
pub use recording::{Recording, RecordingError, bless, read_recordings};
pub use report::{CaseResult, Identity, Report};
pub use scene::Scene;
pub use subject::Subject;
