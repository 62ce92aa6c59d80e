//! Changes that go to the database together. What they touch is read at once, what becomes of it is worked out
//! here, and what has changed is written at once: a group of commits costs the same few exchanges with the
//! server as one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use indexmap::IndexMap;

use super::read;
use super::session::Session;
use crate::model::{Event, OrderId, OrderRecord, OrderState, Timestamp, apply};
use crate::store::keys::apply_to_key;
use crate::store::names::{VenueName, venue_names};
use crate::store::subject::Projected;
use crate::store::{ChainEntry, Commit, Content, Head, KeyEvent, KeyName, StoreError, StoredKey};

/// An order's label, which open orders of a tenant do not share.
type Label = (String, String);

/// What changes touch.
#[derive(Debug, Default)]
struct Touched {
    orders: BTreeSet<String>,
    keys: HashSet<KeyName>,
    labels: HashSet<Label>,
}

impl Touched {
    fn by_commit(&mut self, commit: &Commit) {
        for (id, events) in &commit.orders {
            self.orders.insert(id.as_str().to_owned());
            self.labels.extend(events.iter().filter_map(label_of));
        }
        let keys = [commit.claimed(), commit.released(), commit.key.clone()];
        let names = keys.iter().flatten().map(KeyEvent::name);
        self.keys.extend(names.cloned());
    }
}

/// The label that an event asks for.
fn label_of(event: &Event) -> Option<Label> {
    match event {
        Event::Intent { record, .. } => label(record),
        _ => None,
    }
}

fn label(record: &OrderRecord) -> Option<Label> {
    let label = record.order.client_order_id.clone();
    label.map(|label| (record.tenant.clone(), label))
}

/// An order as it is to be written.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) record: OrderRecord,
    pub(super) body: String,
    pub(super) at_ms: i64,
}

/// What one change makes of things.
#[derive(Debug)]
struct Effect {
    head: Head,
    entries: Vec<ChainEntry>,
    orders: Vec<Changed>,
    names: Vec<(VenueName, String)>,
    keys: Vec<(KeyName, Option<StoredKey>)>,
    entered: Vec<(String, OrderState)>,
}

/// Changes, and what they make of what the database has.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) head: Head,
    pub(super) entries: Vec<ChainEntry>,
    /// Orders that have changed.
    pub(super) orders: IndexMap<String, Changed>,
    /// Which order a name has become that of.
    pub(super) names: IndexMap<VenueName, String>,
    /// What keys have become; absent where they were forgotten.
    pub(super) keys: IndexMap<KeyName, Option<StoredKey>>,
    /// States that orders entered, and their venues.
    pub(super) entered: Vec<(String, OrderState)>,
    stored_orders: HashMap<String, String>,
    stored_keys: HashMap<KeyName, StoredKey>,
    stored_labels: HashMap<Label, Vec<String>>,
}

impl Batch {
    /// Reads what some commits touch.
    pub(super) async fn of_commits(
        session: &Session,
        head: Head,
        commits: &[Commit],
    ) -> Result<Self, StoreError> {
        let mut touched = Touched::default();
        commits.iter().for_each(|commit| touched.by_commit(commit));
        Self::of(session, head, touched).await
    }

    /// Reads what is projected from some entries.
    pub(super) async fn of_entries(
        session: &Session,
        entries: &[ChainEntry],
    ) -> Result<Self, StoreError> {
        let mut touched = Touched::default();
        for entry in entries {
            match KeyName::of_subject(&entry.subject) {
                Some(name) => drop(touched.keys.insert(name)),
                None => drop(touched.orders.insert(entry.subject.clone())),
            }
        }
        Self::of(session, Head::empty(), touched).await
    }

    async fn of(session: &Session, head: Head, touched: Touched) -> Result<Self, StoreError> {
        let ids: Vec<&String> = touched.orders.iter().filter(|id| is_text(id)).collect();
        let keys: Vec<&KeyName> = touched.keys.iter().collect();
        let labels = touched.labels.iter().filter(|(_, label)| is_text(label));
        let (tenants, labels): (Vec<&String>, Vec<&String>) =
            labels.map(|(tenant, label)| (tenant, label)).unzip();
        let orders = async {
            match ids.as_slice() {
                [] => Ok(Vec::new()),
                ids => {
                    let sql = "SELECT id, body FROM orders WHERE id = ANY($1)";
                    session.rows(sql, &[&ids]).await
                }
            }
        };
        let keys = async {
            match keys.as_slice() {
                [] => Ok(HashMap::new()),
                keys => read::keys(session, keys).await,
            }
        };
        let labels = async {
            match labels.as_slice() {
                [] => Ok(Vec::new()),
                labels => {
                    let sql = "SELECT tenant, client_order_id, id FROM orders
                     WHERE is_open AND (tenant, client_order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))";
                    session.rows(sql, &[&tenants, &labels]).await
                }
            }
        };
        let (orders, stored_keys, labels) = tokio::try_join!(orders, keys, labels)?;
        let mut stored_labels: HashMap<Label, Vec<String>> = HashMap::new();
        for row in labels {
            let label = (row.get(0), row.get(1));
            stored_labels.entry(label).or_default().push(row.get(2));
        }
        Ok(Self {
            head,
            entries: Vec::new(),
            orders: IndexMap::new(),
            names: IndexMap::new(),
            keys: IndexMap::new(),
            entered: Vec::new(),
            stored_orders: orders.iter().map(|row| (row.get(0), row.get(1))).collect(),
            stored_keys,
            stored_labels,
        })
    }

    /// Does what a commit says, all or nothing of it, and gives its first order after it.
    ///
    /// # Errors
    /// [`StoreError`]; the other commits are none the worse for it.
    pub(super) fn commit(
        &mut self,
        commit: &Commit,
        now: Timestamp,
        key_life: Duration,
    ) -> Result<Option<OrderRecord>, StoreError> {
        let mut effect = self.effect();
        let mut first = None;
        for (id, events) in &commit.orders {
            for event in events {
                self.refuse_used_label(&effect, id, event)?;
                let body = serde_json::to_string(event)?;
                effect.write(now, id.as_str(), event.kind(), body)?;
            }
            let record = self.happened(&mut effect, id.as_str(), events, now)?;
            first = first.or(Some(record));
        }
        let claimed = commit.claimed();
        if let Some(event) = &claimed {
            let known = self.key(&effect, event.name());
            if known.is_some_and(|known| now.since(known.at) < key_life) {
                return Err(StoreError::KeyInUse);
            }
        }
        let released = commit.released();
        for event in claimed.iter().chain(&released).chain(&commit.key) {
            let body = serde_json::to_string(event)?;
            effect.write(now, &event.name().subject(), event.kind(), body)?;
            self.key_happened(&mut effect, event, now);
        }
        for (subject, kind, body) in commit.unprojected()? {
            effect.write(now, &subject, kind, body)?;
        }
        self.absorb(effect);
        Ok(first)
    }

    /// Makes of the projections what an entry makes of them, once more.
    pub(super) fn replay(&mut self, entry: &ChainEntry) -> Result<(), StoreError> {
        let at = Timestamp::from_millis(entry.at_ms);
        let mut effect = self.effect();
        match entry.projected()? {
            Projected::Nothing => return Ok(()),
            Projected::OfKey(event) => self.key_happened(&mut effect, &event, at),
            Projected::OfOrder(event) => {
                let events = std::slice::from_ref(&*event);
                self.happened(&mut effect, &entry.subject, events, at)?;
            }
        }
        self.absorb(effect);
        Ok(())
    }

    fn effect(&self) -> Effect {
        Effect {
            head: self.head,
            entries: Vec::new(),
            orders: Vec::new(),
            names: Vec::new(),
            keys: Vec::new(),
            entered: Vec::new(),
        }
    }

    fn absorb(&mut self, effect: Effect) {
        self.head = effect.head;
        self.entries.extend(effect.entries);
        for changed in effect.orders {
            let id = changed.record.order.id.to_string();
            self.orders.insert(id, changed);
        }
        self.names.extend(effect.names);
        self.keys.extend(effect.keys);
        self.entered.extend(effect.entered);
    }

    fn happened(
        &self,
        effect: &mut Effect,
        id: &str,
        events: &[Event],
        at: Timestamp,
    ) -> Result<OrderRecord, StoreError> {
        let mut record = self.order(effect, id)?;
        let known = record.as_ref().map(venue_names).unwrap_or_default();
        for event in events {
            let before = record.as_ref().map(|record| record.order.state);
            let after = apply(record, event, at)?;
            if before != Some(after.order.state) {
                let venue = after.at_venue().to_owned();
                effect.entered.push((venue, after.order.state));
            }
            record = Some(after);
        }
        let record =
            record.ok_or_else(|| StoreError::Failed(format!("no events for order {id}")))?;
        for name in venue_names(&record) {
            let (venue, symbol, venue_order_id) = &name;
            must_be_text([venue, symbol, venue_order_id])?;
            // A venue that begins its ids anew gives an old one to another order.
            if !known.contains(&name) {
                effect.names.push((name, id.to_owned()));
            }
        }
        must_be_text(
            [&record.tenant, &record.order.symbol, &record.order.venue]
                .into_iter()
                .chain(&record.order.client_order_id),
        )?;
        effect.orders.push(Changed {
            body: serde_json::to_string(&record)?,
            at_ms: at.as_millis(),
            record: record.clone(),
        });
        Ok(record)
    }

    fn order(&self, effect: &Effect, id: &str) -> Result<Option<OrderRecord>, StoreError> {
        let mut changed = effect.orders.iter().rev();
        let changed = changed.find(|changed| changed.record.order.id.as_str() == id);
        if let Some(changed) = changed.or_else(|| self.orders.get(id)) {
            return Ok(Some(changed.record.clone()));
        }
        let stored = self.stored_orders.get(id);
        Ok(stored.map(|body| serde_json::from_str(body)).transpose()?)
    }

    fn refuse_used_label(
        &self,
        effect: &Effect,
        id: &OrderId,
        event: &Event,
    ) -> Result<(), StoreError> {
        let Some(label) = label_of(event) else {
            return Ok(());
        };
        let of_now = self.orders.values().chain(&effect.orders);
        let of_now = of_now.filter(|changed| changed.record.order.id != *id);
        let mut of_now = of_now.filter(|changed| label_is(&changed.record, &label));
        let is_used_now = of_now.any(|changed| {
            let newest = effect.orders.iter().rev();
            let mut newest =
                newest.filter(|other| other.record.order.id == changed.record.order.id);
            let newest = newest.next().unwrap_or(changed);
            !newest.record.order.state.is_final()
        });
        let mut stored = self.stored_labels.get(&label).into_iter().flatten();
        let is_stored = stored.any(|other| {
            let is_changed = effect
                .orders
                .iter()
                .any(|changed| changed.record.order.id.as_str() == *other);
            !is_changed && !self.orders.contains_key(other)
        });
        if is_used_now || is_stored {
            return Err(StoreError::LabelInUse(label.1));
        }
        Ok(())
    }

    fn key(&self, effect: &Effect, name: &KeyName) -> Option<StoredKey> {
        let mut changed = effect.keys.iter().rev();
        let changed = changed.find(|(changed, _)| changed == name);
        match changed.map(|(_, key)| key).or_else(|| self.keys.get(name)) {
            Some(known) => known.clone(),
            None => self.stored_keys.get(name).cloned(),
        }
    }

    fn key_happened(&self, effect: &mut Effect, event: &KeyEvent, at: Timestamp) {
        let name = event.name();
        let now = apply_to_key(self.key(effect, name), event, at);
        effect.keys.push((name.clone(), now));
    }
}

impl Effect {
    fn write(
        &mut self,
        at: Timestamp,
        subject: &str,
        kind: &str,
        body: String,
    ) -> Result<(), StoreError> {
        must_be_text([subject, &body])?;
        let entry = next_entry(self.head, at, subject, kind, body);
        self.head = head_at(self.head, &entry);
        self.entries.push(entry);
        Ok(())
    }
}

/// The entry that comes behind a head.
pub(super) fn next_entry(
    head: Head,
    at: Timestamp,
    subject: &str,
    kind: &str,
    body: String,
) -> ChainEntry {
    let content = Content {
        seq: head.seq + 1,
        at_ms: at.as_millis(),
        subject,
        kind,
        body: &body,
    };
    ChainEntry {
        seq: content.seq,
        at_ms: content.at_ms,
        subject: subject.to_owned(),
        kind: kind.to_owned(),
        hash: head.hash.then(content),
        body,
    }
}

/// The head once an entry is written behind it.
pub(super) fn head_at(head: Head, entry: &ChainEntry) -> Head {
    Head {
        seq: entry.seq,
        hash: entry.hash,
        entries: head.entries + 1,
    }
}

fn label_is(record: &OrderRecord, (tenant, label): &Label) -> bool {
    record.tenant == *tenant && record.order.client_order_id.as_ref() == Some(label)
}

fn is_text(text: &str) -> bool {
    read::can_be_stored(text)
}

fn must_be_text<'a, S: AsRef<str> + ?Sized + 'a>(
    texts: impl IntoIterator<Item = &'a S>,
) -> Result<(), StoreError> {
    if texts.into_iter().all(|text| is_text(text.as_ref())) {
        return Ok(());
    }
    let text = "a text with a zero byte in it cannot be stored";
    Err(StoreError::Failed(text.into()))
}
