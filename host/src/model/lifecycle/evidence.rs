//! When an order, or a leg of one, is known never to have arrived. Pure: time comes in with each question.
//!
//! A validity window proves no absence (a request may wait in a venue's queue beyond it), and one question
//! does not either (lookups lag behind the engine). So: every question that the venue offers, in rounds that
//! began after the request could surface no more, and twice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Complete rounds that must have missed an order before it is given up.
pub const MISSES_TO_GIVE_UP: usize = 2;

/// Ways of asking that must have been answered in a round, whatever the venue does not offer.
const LEAST_WAYS: usize = 2;

/// A way to ask a venue for an order, by the operation of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// By its client order id.
    GetOrder,
    /// Among the open orders.
    ListOpen,
    /// Among the orders since it was sent.
    ListHistory,
    /// Among the fills since it was sent.
    ListFills,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::GetOrder,
        Self::ListOpen,
        Self::ListHistory,
        Self::ListFills,
    ];
}

/// What was learned from asking in one way where the order was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The venue answered, and the order is not there.
    Absent,
    /// The venue, or its adapter, cannot be asked in this way.
    NotOffered,
    /// No answer, or not all of it: it says nothing.
    Nothing,
}

/// One round of questions about one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    began_at: Timestamp,
    said: BTreeMap<Question, Said>,
}

/// A round in which all that could be asked was answered, and the order was in none of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// When the first question went out, by the venue's clock.
    pub began_at: Timestamp,
    /// What was asked, and answered.
    pub asked: Vec<Question>,
    /// What the venue does not offer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_offered: Vec<Question>,
}

impl Round {
    /// A round that begins now, by the venue's clock.
    pub fn begin(now: Timestamp) -> Self {
        Self {
            began_at: now,
            said: BTreeMap::new(),
        }
    }

    /// Takes in what an answer said.
    pub fn note(&mut self, question: Question, said: Said) {
        self.said.insert(question, said);
    }

    /// Whether the venue has said anything of the order at all.
    pub fn is_answered(&self) -> bool {
        !self.with(Said::Absent).is_empty()
    }

    /// What the round proves, where it is complete and began after the request could surface no more.
    pub fn miss(&self, horizon: Timestamp) -> Option<Miss> {
        let (asked, not_offered) = (self.with(Said::Absent), self.with(Said::NotOffered));
        let is_complete = asked.len() + not_offered.len() == Question::ALL.len();
        (self.began_at > horizon && is_complete && asked.len() >= LEAST_WAYS).then_some(Miss {
            began_at: self.began_at,
            asked,
            not_offered,
        })
    }

    fn with(&self, wanted: Said) -> Vec<Question> {
        let said = self.said.iter().filter(|(_, said)| **said == wanted);
        said.map(|(question, _)| *question).collect()
    }
}

/// The moment, by the venue's clock, after which a request that expires then can surface no more.
pub fn horizon(expires_at: Timestamp, settle_ms: u64) -> Timestamp {
    expires_at.plus(Duration::from_millis(settle_ms))
}

#[cfg(test)]
mod tests {
    use Question::{GetOrder, ListFills, ListHistory, ListOpen};
    use Said::{Absent, NotOffered, Nothing};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn round(began_at: i64, said: &[(Question, Said)]) -> Round {
        let mut round = Round::begin(at(began_at));
        for (question, said) in said {
            round.note(*question, *said);
        }
        round
    }

    #[test]
    fn only_a_complete_round_after_the_horizon_proves_anything() {
        let all = |said| Question::ALL.map(|question| (question, said));
        let but = |question: Question, said| {
            let mut answers = all(Absent);
            if let Some(answer) = answers.iter_mut().find(|(other, _)| *other == question) {
                answer.1 = said;
            }
            answers.to_vec()
        };
        let without = |left_out: &[Question]| {
            let said = |question| {
                let is_out = left_out.contains(&question);
                (question, if is_out { NotOffered } else { Absent })
            };
            Question::ALL.map(said).to_vec()
        };
        let horizon = horizon(at(5_000), 30_000);
        for (what, began_at, said, proves) in [
            ("before the horizon", 34_999, all(Absent).to_vec(), false),
            ("at the horizon", 35_000, all(Absent).to_vec(), false),
            ("after it", 35_001, all(Absent).to_vec(), true),
            ("nothing asked", 99_000, vec![], false),
            ("nothing answered", 99_000, all(Nothing).to_vec(), false),
            ("nothing offered", 99_000, all(NotOffered).to_vec(), false),
            ("no lookup", 99_000, but(GetOrder, Nothing), false),
            ("no open list", 99_000, but(ListOpen, Nothing), false),
            ("no history", 99_000, but(ListHistory, Nothing), false),
            ("no fills", 99_000, but(ListFills, Nothing), false),
            ("fills not asked", 99_000, all(Absent)[..3].to_vec(), false),
            ("one not offered", 99_000, without(&[ListFills]), true),
            ("two", 99_000, without(&[ListFills, ListHistory]), true),
            (
                "one left",
                99_000,
                without(&[ListFills, ListHistory, ListOpen]),
                false,
            ),
        ] {
            let miss = round(began_at, &said).miss(horizon);
            assert_eq!(miss.is_some(), proves, "{what}: {miss:?}");
        }
    }

    #[test]
    fn a_miss_says_what_was_asked_and_when() {
        let said = [
            (GetOrder, Absent),
            (ListOpen, Absent),
            (ListHistory, Absent),
            (ListFills, NotOffered),
        ];
        let miss = round(99_000, &said).miss(at(0)).unwrap();
        let json = serde_json::to_value(&miss).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "began_at": "1970-01-01T00:01:39.000Z",
                "asked": ["get_order", "list_open", "list_history"],
                "not_offered": ["list_fills"],
            })
        );
    }
}
