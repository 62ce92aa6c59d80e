//! What a process wrote, synced and sent, in its order, and whether each send had its sync before it.

use std::collections::{HashMap, HashSet};

/// What the gateway's order ids begin with, and their length.
const ORDER_ID: (&str, usize) = ("swy", 29);

/// One line of a trace.
#[derive(Debug)]
enum Deed {
    Wrote { file: String, text: String },
    Synced { file: String },
    Sent { request: String },
}

/// What a process started with [`crate::VolatileFiles::traced`] did.
#[derive(Debug)]
pub struct Trace {
    deeds: Vec<Deed>,
}

impl Trace {
    /// The trace of a text.
    pub fn parse(text: &str) -> Self {
        let deeds = text.lines().map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut next = || words.next().unwrap_or_default();
            match next().as_str() {
                "write" => Deed::Wrote {
                    file: next(),
                    text: {
                        let (_offset, _length) = (next(), next());
                        next()
                    },
                },
                "synced" => Deed::Synced { file: next() },
                "sent" => Deed::Sent {
                    request: {
                        let _descriptor = next();
                        next()
                    },
                },
                _ => panic!("no line of a trace: {line}"),
            }
        });
        Self {
            deeds: deeds.collect(),
        }
    }

    /// Requests sent that may change something.
    pub fn changes_sent(&self) -> Vec<&str> {
        let sent = self.deeds.iter().filter_map(|deed| match deed {
            Deed::Sent { request } => Some(request.as_str()),
            _ => None,
        });
        sent.filter(|request| changes(request)).collect()
    }

    /// Requests that may change something and went out without their sync: since the last request about the
    /// same order, nothing that names it was written and synced; or, where a request names no order of
    /// ours, nothing at all was synced since the last request.
    pub fn sent_without_sync(&self) -> Vec<&str> {
        let mut written: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut durable: HashSet<&str> = HashSet::new();
        let mut has_synced = false;
        let mut without = Vec::new();
        for deed in &self.deeds {
            match deed {
                Deed::Wrote { file, text } => {
                    written.entry(file).or_default().extend(order_ids(text));
                }
                Deed::Synced { file } => {
                    durable.extend(written.remove(file.as_str()).unwrap_or_default());
                    has_synced = true;
                }
                Deed::Sent { request } if changes(request) => {
                    let ids: HashSet<&str> = order_ids(request).collect();
                    let is_covered = if ids.is_empty() {
                        has_synced
                    } else {
                        ids.iter().all(|id| durable.remove(id))
                    };
                    has_synced = false;
                    if !is_covered {
                        without.push(beginning(request));
                    }
                }
                Deed::Sent { .. } => {}
            }
        }
        without
    }

    /// Requests that may change something and went out while a file of this name had unsynced writes. Where
    /// one thing is done after another there are none.
    pub fn sent_over_unsynced(&self, name: &str) -> Vec<&str> {
        let mut is_unsynced = false;
        let mut over = Vec::new();
        for deed in &self.deeds {
            match deed {
                Deed::Wrote { file, .. } if file == name => is_unsynced = true,
                Deed::Synced { file } if file == name => is_unsynced = false,
                Deed::Sent { request } if is_unsynced && changes(request) => {
                    over.push(beginning(request))
                }
                _ => {}
            }
        }
        over
    }
}

/// Enough of a request to tell which one it is.
fn beginning(request: &str) -> &str {
    request.get(..120).unwrap_or(request)
}

fn changes(request: &str) -> bool {
    !request.starts_with("GET")
}

/// The ids of our orders in a text; those of later legs too, which begin with them.
fn order_ids(text: &str) -> impl Iterator<Item = &str> {
    let (prefix, length) = ORDER_ID;
    text.match_indices(prefix).filter_map(move |(at, _)| {
        let id = text.get(at..at + length)?;
        let is_id = id
            .bytes()
            .all(|c| c.is_ascii_digit() || c.is_ascii_lowercase());
        is_id.then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "swyabcdefghijklmnopqrstuvwxyz";

    fn trace(lines: &[&str]) -> Trace {
        Trace::parse(&lines.join("\n").replace("ID", ID))
    }

    const WRITE: &str = "write j-wal 0 99 .{\"id\":\"ID\"}";
    const SYNC: &str = "synced j-wal 99 ";
    const PLACE: &str = "sent 9 POST./order?id=IDleg.HTTP/1.1..";
    const CANCEL: &str = "sent 9 DELETE./order?number=7.HTTP/1.1..";

    #[test]
    fn a_request_is_covered_by_the_sync_of_what_names_its_order() {
        let sound = trace(&[WRITE, SYNC, "sent 9 GET./order?id=ID", PLACE]);
        assert_eq!(sound.changes_sent().len(), 1);
        assert!(sound.sent_without_sync().is_empty());
        assert!(sound.sent_over_unsynced("j-wal").is_empty());
    }

    #[test]
    fn a_request_before_its_sync_after_anothers_or_without_a_write_is_told() {
        for lines in [
            &[WRITE, PLACE, SYNC][..],
            &[WRITE, "synced j.db 1 ", PLACE],
            &["write j-wal 0 5 other", SYNC, PLACE],
            &[CANCEL, WRITE],
        ] {
            assert_eq!(trace(lines).sent_without_sync().len(), 1, "{lines:?}");
        }
        let again = trace(&[WRITE, SYNC, PLACE, CANCEL, WRITE, PLACE]);
        assert_eq!(
            again.sent_without_sync().len(),
            2,
            "one sync covers one request"
        );
        assert_eq!(again.sent_over_unsynced("j-wal").len(), 1);
    }
}
