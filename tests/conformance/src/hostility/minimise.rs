//! The smallest answer that still shows a failure.
//!
//! Hierarchical delta debugging (Misherghi and Su, "HDD", ICSE 2006): level by level, the members and elements
//! that the failure does not need are dropped, with ddmin (Zeller and Hildebrandt, TSE 2002) within a level. The
//! answer before the change shrinks together with the changed one, so that a judge who compares the two still
//! can.

use std::collections::BTreeSet;

use switchyard_runtime::wit::types::HttpResponse;

use super::json::{Kind, Node, nodes};
use super::{Change, Mutation};

/// A failing change, as small as it was made.
#[derive(Debug, Clone)]
pub struct Minimised {
    /// The change; its pointer follows what was dropped around it.
    pub mutation: Mutation,
    /// The answer before the change.
    pub answer: HttpResponse,
    /// The answer with the change.
    pub changed: HttpResponse,
    /// How often the failure was tried.
    pub trials: usize,
}

/// Shrinks a failing change with at most `trials` calls of `fails`, which gets the answer before and after the
/// change and says whether it still fails. The result fails, if the change did.
pub fn minimise(
    answer: &HttpResponse,
    mutation: &Mutation,
    trials: usize,
    fails: impl FnMut(&HttpResponse, &HttpResponse) -> bool,
) -> Option<Minimised> {
    let changed = mutation.apply(answer)?;
    let mut search = Search {
        best: Minimised {
            mutation: mutation.clone(),
            answer: answer.clone(),
            changed,
            trials: 0,
        },
        limit: trials,
        fails,
    };
    search.headers();
    let follows = match &mutation.change {
        Change::Value(_) => true,
        Change::Message(change) => change.keeps_body(),
    };
    if follows {
        search.parts();
        search.sizes();
    } else {
        search.bytes();
    }
    Some(search.best)
}

struct Search<F> {
    best: Minimised,
    limit: usize,
    fails: F,
}

impl<F: FnMut(&HttpResponse, &HttpResponse) -> bool> Search<F> {
    /// Takes the smaller form if it fails too, and says whether it does; `None` once all trials are spent.
    fn tries(
        &mut self,
        mutation: Mutation,
        answer: HttpResponse,
        changed: HttpResponse,
    ) -> Option<bool> {
        if self.best.trials >= self.limit {
            return None;
        }
        self.best.trials += 1;
        let still = (self.fails)(&answer, &changed);
        if still {
            self.best = Minimised {
                mutation,
                answer,
                changed,
                trials: self.best.trials,
            };
        }
        Some(still)
    }

    /// As [`Search::tries`], with the change made anew.
    fn tries_anew(&mut self, mutation: Mutation, answer: HttpResponse) -> Option<bool> {
        match mutation.apply(&answer) {
            Some(changed) => self.tries(mutation, answer, changed),
            None => Some(false),
        }
    }

    /// Drops headers of both answers, one after the other.
    fn headers(&mut self) {
        let names: BTreeSet<String> = self
            .best
            .changed
            .headers
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let without = |answer: &HttpResponse| {
                let mut answer = answer.clone();
                answer.headers.retain(|(known, _)| *known != name);
                answer
            };
            let (answer, changed) = (without(&self.best.answer), without(&self.best.changed));
            self.tries(self.best.mutation.clone(), answer, changed);
        }
    }

    /// Drops values that the failure does not need, outermost first.
    fn parts(&mut self) {
        let original = self.best.answer.clone();
        let mutation = self.best.mutation.clone();
        let Ok(text) = std::str::from_utf8(&original.body) else {
            return;
        };
        let Some(nodes) = nodes(text) else { return };
        let pointer = mutation.pointer.clone().unwrap_or_default();
        let tree = Tree {
            text,
            nodes: &nodes,
        };
        let Some(target) = nodes.iter().position(|node| node.pointer == pointer) else {
            return;
        };
        let path = tree.path(target);
        let mut dropped: BTreeSet<usize> = BTreeSet::new();
        let deepest = nodes.iter().map(|node| node.depth).max().unwrap_or(0);
        for depth in 1..=deepest {
            let level: Vec<usize> = (0..nodes.len())
                .filter(|at| nodes[*at].depth == depth && !path.contains(at))
                .filter(|at| !tree.path(*at).iter().any(|above| dropped.contains(above)))
                .collect();
            let gone = dropped.clone();
            let kept = ddmin(level.clone(), |kept| {
                let mut dropped = gone.clone();
                dropped.extend(level.iter().filter(|at| !kept.contains(at)));
                let answer = HttpResponse {
                    body: tree.written(0, &dropped).into_bytes(),
                    headers: self.best.answer.headers.clone(),
                    status: original.status,
                };
                let mut mutation = mutation.clone();
                mutation.pointer = mutation.pointer.map(|_| tree.pointer(target, &dropped));
                self.tries_anew(mutation, answer)
            });
            dropped.extend(level.iter().filter(|at| !kept.contains(at)));
        }
    }

    /// Makes what the change puts in smaller.
    fn sizes(&mut self) {
        while let Change::Value(change) = &self.best.mutation.change {
            let Some(smaller) = change.smaller() else {
                return;
            };
            let mutation = Mutation {
                change: Change::Value(smaller),
                ..self.best.mutation.clone()
            };
            if self.tries_anew(mutation, self.best.answer.clone()) != Some(true) {
                return;
            }
        }
    }

    /// Drops bytes of the changed body.
    fn bytes(&mut self) {
        let body = self.best.changed.body.clone();
        ddmin(body, |kept| {
            let changed = HttpResponse {
                body: kept.to_vec(),
                ..self.best.changed.clone()
            };
            self.tries(
                self.best.mutation.clone(),
                self.best.answer.clone(),
                changed,
            )
        });
    }
}

/// The items that the failure needs, one by one. `fails` says whether it fails with the given ones only, and
/// nothing once it is not to be asked any more.
fn ddmin<T: Clone>(mut items: Vec<T>, mut fails: impl FnMut(&[T]) -> Option<bool>) -> Vec<T> {
    if items.is_empty() || fails(&[]) == Some(true) {
        return Vec::new();
    }
    let mut chunk = items.len().div_ceil(2);
    loop {
        let mut start = 0;
        let mut smaller = false;
        while start < items.len() && items.len() > 1 {
            let end = (start + chunk).min(items.len());
            let rest: Vec<T> = items[..start]
                .iter()
                .chain(&items[end..])
                .cloned()
                .collect();
            let still = if rest.is_empty() {
                Some(false)
            } else {
                fails(&rest)
            };
            match still {
                None => return items,
                Some(true) => {
                    items = rest;
                    smaller = true;
                }
                Some(false) => start = end,
            }
        }
        if chunk == 1 && !smaller {
            return items;
        }
        chunk = chunk.div_ceil(2);
    }
}

struct Tree<'a> {
    text: &'a str,
    nodes: &'a [Node],
}

impl Tree<'_> {
    /// A value and all it is in.
    fn path(&self, node: usize) -> Vec<usize> {
        std::iter::successors(Some(node), |at| self.nodes[*at].parent).collect()
    }

    /// The JSON text of a value without what was dropped.
    fn written(&self, at: usize, dropped: &BTreeSet<usize>) -> String {
        let node = &self.nodes[at];
        let (open, close) = match node.kind {
            Kind::Object => ('{', '}'),
            Kind::Array => ('[', ']'),
            _ => return self.text[node.span.clone()].to_owned(),
        };
        let mut written = String::from(open);
        for child in node
            .children
            .iter()
            .filter(|child| !dropped.contains(child))
        {
            if written.len() > 1 {
                written.push(',');
            }
            if let Some(name) = self.nodes[*child].name(self.text) {
                written.push_str(name);
                written.push(':');
            }
            written.push_str(&self.written(*child, dropped));
        }
        written.push(close);
        written
    }

    /// Where a value is once the others were dropped: elements of lists move up.
    fn pointer(&self, at: usize, dropped: &BTreeSet<usize>) -> String {
        let mut path = self.path(at);
        path.reverse();
        let mut pointer = String::new();
        for pair in path.windows(2) {
            let (list, node) = (&self.nodes[pair[0]], &self.nodes[pair[1]]);
            let step = if list.kind == Kind::Array {
                let before = list.children.iter().take_while(|child| **child != pair[1]);
                before
                    .filter(|child| !dropped.contains(child))
                    .count()
                    .to_string()
            } else {
                node.pointer[list.pointer.len() + 1..].to_owned()
            };
            pointer = format!("{pointer}/{step}");
        }
        pointer
    }
}
