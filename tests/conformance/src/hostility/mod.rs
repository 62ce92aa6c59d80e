//! Hostile answers and boundary commands, derived from recorded ones.
//!
//! Everything here is pure: the same seed and the same recording give the same changes in the same order, so
//! that a failure is told by its seed and its change's name, and can be made again. What is changed is named
//! by its JSON pointer (RFC 6901), so that a judge knows which part of a result may no longer be there.
//!
//! - [`responses`]: an HTTP answer cut short, of other types, with fields missing or more, in another encoding,
//!   with another status; see [`ValueChange`] and [`MessageChange`].
//! - [`commands`]: a command with decimals at every edge, foreign client ids, times at the ends of ranges.
//! - [`minimise`]: the smallest answer, with the change in it, that still does what was found.

mod commands;
mod decimals;
mod json;
mod messages;
mod minimise;
mod values;

use std::fmt;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use switchyard_runtime::wit::types::HttpResponse;

pub use commands::{Claim, CommandRules, HostileCommand, commands};
pub use decimals::Steps;
pub use messages::MessageChange;
pub use minimise::{Minimised, minimise};
use values::Body;
pub use values::ValueChange;

/// What was done to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// One value of a JSON body.
    Value(ValueChange),
    /// The answer as a whole.
    Message(MessageChange),
}

/// What an adapter must make of a changed answer. No trap and no hang, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// A typed error.
    Error,
    /// A typed error, or the very result of the answer before the change.
    SameOrError,
    /// A typed error, or a result that holds no default in place of what was lost: every value in it is one
    /// that the unchanged answer gave too, or is absent.
    NoDefault,
    /// A typed error, or a result that keeps to the contract.
    Valid,
}

/// A change of one answer, with a name and a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// What is done.
    pub change: Change,
    /// The value it is done to (RFC 6901); `None` for the answer as a whole.
    pub pointer: Option<String>,
    /// The JSON text of what was there, its beginning where it is long.
    pub before: Option<String>,
    /// The status of the answer before.
    pub status: u16,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.change, &self.pointer) {
            (Change::Value(change), Some(pointer)) => write!(f, "{pointer}: {change}"),
            (Change::Value(change), None) => change.fmt(f),
            (Change::Message(change), _) => change.fmt(f),
        }
    }
}

impl Mutation {
    /// The answer with the change; `None` where it has no place for it.
    pub fn apply(&self, answer: &HttpResponse) -> Option<HttpResponse> {
        match &self.change {
            Change::Message(change) => change.apply(answer),
            Change::Value(change) => Some(HttpResponse {
                body: change.apply(&Body::read(&answer.body)?, self.pointer.as_deref()?)?,
                ..answer.clone()
            }),
        }
    }

    /// What an adapter must make of it.
    pub fn demand(&self) -> Demand {
        match &self.change {
            Change::Value(change) => change.demand(),
            Change::Message(change) => change.demand(self.status),
        }
    }

    /// Whether the value that was at the pointer cannot be read any more.
    pub fn loses_value(&self) -> bool {
        matches!(&self.change, Change::Value(change) if change.loses_value())
    }

    /// Whether a JSON body stays one that any reader takes.
    pub fn is_json(&self) -> bool {
        match &self.change {
            Change::Value(change) => change.is_json(),
            Change::Message(change) => change.is_json(),
        }
    }
}

/// Every hostile form of `answer`: all changes of it as a whole, then at most `values` changes of its values.
pub fn responses(
    seed: u64,
    answer: &HttpResponse,
    values: usize,
) -> impl Iterator<Item = (Mutation, HttpResponse)> + '_ {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let status = answer.status;
    let whole = messages::changes(answer, &mut random).into_iter();
    let whole = whole.map(move |change| Mutation {
        change: Change::Message(change),
        pointer: None,
        before: None,
        status,
    });
    let body = Body::read(&answer.body);
    let parts = body
        .as_ref()
        .map(|body| values::changes(body, values, &mut random));
    let parts = parts.unwrap_or_default().into_iter();
    let parts = parts.filter_map(move |(change, pointer, before)| {
        let changed = HttpResponse {
            status,
            headers: answer.headers.clone(),
            body: change.apply(body.as_ref()?, &pointer)?,
        };
        let mutation = Mutation {
            change: Change::Value(change),
            pointer: Some(pointer),
            before: Some(before),
            status,
        };
        Some((mutation, changed))
    });
    let whole = whole.filter_map(|mutation| {
        let changed = mutation.apply(answer)?;
        Some((mutation, changed))
    });
    whole.chain(parts)
}
