//! Holds what the gateway says, and what its callers were told, to what the venues really have.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::Value;
use switchyard_end_to_end::{Answer, Caller};
use switchyard_venue_sim::ExecutedOrder;
use tokio::time::{Instant, sleep};

use crate::life::Life;
use crate::venues::{MARKETS, Market, Venues};

/// Characters of the gateway's order ids; a later leg's begins with them.
const ID_LENGTH: usize = 29;

/// States in which something is still to be found out.
const UNRESOLVED: &str = "PENDING_NEW,PENDING_REPLACE,PENDING_CANCEL";

/// Violations that are told with all there is to find out why; where there are more, one cause has many.
const DOSSIERS: usize = 20;

/// Events that must not be: these venues keep to what their adapters say of them.
const SURPRISES: [&str; 2] = ["surfaced_late", "adopted"];

/// Everything there is to judge.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) seed: u64,
    pub(crate) lives: Vec<Life>,
    pub(crate) venues: &'a Venues,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) caller: Caller,
}

/// What was found.
#[derive(Debug)]
pub struct Verdict {
    seed: u64,
    /// Keys used.
    pub keys: usize,
    /// Orders that the venues have taken.
    pub venue_orders: usize,
    /// Kinds of faults that the venues were to make, and how often each was made.
    pub faults: BTreeMap<String, u64>,
    states: BTreeMap<String, usize>,
    /// What must not be.
    pub violations: Vec<String>,
}

impl Verdict {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            keys,
            venue_orders,
            faults,
            states,
            violations,
        } = self;
        writeln!(f, "faults {faults:?}")?;
        writeln!(
            f,
            "seed {seed}: {keys} keys, {venue_orders} orders at the venues, {states:?}, {} violations",
            violations.len()
        )?;
        violations
            .iter()
            .try_for_each(|violation| writeln!(f, "VIOLATION {violation}"))
    }
}

type Truth = Vec<(&'static str, ExecutedOrder)>;

impl Case<'_> {
    /// Waits until nothing is unresolved, at most so long, and compares.
    pub(crate) async fn judge(self, patience: Duration) -> Verdict {
        let unresolved = self.unresolved(patience).await;
        let unasked = self.list().await;
        let orders = self.read_all(&unasked).await;
        let truth = self.venues.truth();
        let mut found: Vec<(String, Option<u32>, Vec<String>)> = Vec::new();
        for order in unresolved {
            let id = text(&order, "id").to_owned();
            found.push((format!("unresolved: {order}"), None, vec![id]));
        }
        for life in &self.lives {
            let problems = of_life(life, &orders, &truth);
            let ids: Vec<String> = life.ids.iter().cloned().collect();
            found.extend(
                problems
                    .into_iter()
                    .map(|problem| (problem, Some(life.number), ids.clone())),
            );
        }
        for (orders, is_asked) in [(&unasked, false), (&orders, true)] {
            for order in orders.values() {
                if let Some(problem) = difference(order, is_asked, &truth) {
                    found.push((problem, None, vec![text(order, "id").to_owned()]));
                }
            }
        }
        for (id, surprise) in self.surprises(&orders).await {
            found.push((format!("{id}: {surprise}"), None, vec![id]));
        }
        for (venue, order) in &truth {
            if !orders.contains_key(gateway_id(order)) {
                let problem = format!("the gateway does not know {venue} {order:?}");
                found.push((problem, None, vec![gateway_id(order).to_owned()]));
            }
        }
        let mut violations = Vec::new();
        for (n, (problem, number, ids)) in found.into_iter().enumerate() {
            let dossier = if n < DOSSIERS {
                self.dossier(number, &ids).await
            } else {
                String::new()
            };
            violations.push(format!("{problem}\n{dossier}"));
        }
        let mut states = BTreeMap::new();
        for order in orders.values() {
            *states.entry(text(order, "state").to_owned()).or_default() += 1;
        }
        Verdict {
            seed: self.seed,
            keys: self.lives.len(),
            venue_orders: truth.len(),
            faults: self.faults,
            states,
            violations,
        }
    }

    async fn unresolved(&self, patience: Duration) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let path = format!("/v1/orders?state={UNRESOLVED}&limit=100");
            let open = self.caller.get(&path).await.expect(200).items().to_vec();
            if open.is_empty() || started.elapsed() > patience {
                println!(
                    "{} unresolved after {:?} of quiet",
                    open.len(),
                    started.elapsed()
                );
                return open;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Every order of the gateway's list, after its venue was asked about those that are open: nothing tells
    /// the gateway of a fill but the next question.
    async fn read_all(&self, unasked: &HashMap<String, Value>) -> HashMap<String, Value> {
        for (id, _) in unasked.iter().filter(|(_, order)| is_open(order)) {
            let request = self
                .caller
                .request(Method::GET, &format!("/v1/orders/{id}"));
            Answer::to(request.header("cache-control", "no-cache")).await;
        }
        self.list().await
    }

    async fn list(&self) -> HashMap<String, Value> {
        let mut orders = HashMap::new();
        let mut path = "/v1/orders?limit=100".to_owned();
        loop {
            let page = self.caller.get(&path).await.expect(200);
            let items = page.items().iter();
            orders.extend(items.map(|order| (text(order, "id").to_owned(), order.clone())));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/orders?limit=100&cursor={cursor}"),
                None => return orders,
            }
        }
    }

    /// Orders that surprised the gateway: given up too early, or not in its journal when the venue had them.
    async fn surprises(&self, orders: &HashMap<String, Value>) -> Vec<(String, String)> {
        let asked = orders.keys().map(|id| async move {
            let path = format!("/v1/orders/{id}/events");
            let events = self.caller.get(&path).await.expect(200);
            let kinds = events.items().iter().map(|event| text(event, "kind"));
            let surprises = kinds.filter(|kind| SURPRISES.contains(kind));
            let found = surprises.map(|kind| (id.clone(), kind.to_owned()));
            found.collect::<Vec<_>>()
        });
        let answers: Vec<Vec<_>> = stream::iter(asked).buffered(16).collect().await;
        answers.into_iter().flatten().collect()
    }

    /// All that is known of an order: what its caller was told, its events, and what the venues saw.
    async fn dossier(&self, number: Option<u32>, ids: &[String]) -> String {
        let mut lines = Vec::new();
        let mut ids: BTreeSet<String> = ids.iter().cloned().collect();
        let is_about = |life: &&Life| Some(life.number) == number || !life.ids.is_disjoint(&ids);
        let lives: Vec<&Life> = self.lives.iter().filter(is_about).collect();
        let prices: Vec<Decimal> = lives
            .iter()
            .flat_map(|life| prices_of(life.market, life.number))
            .collect();
        for life in lives {
            lines.push(format!("  order {} on {}", life.number, life.market.symbol));
            lines.extend(life.log.iter().map(|line| format!("    told  {line}")));
        }
        for (venue, order) in self.venues.truth() {
            if order.price.is_some_and(|price| prices.contains(&price))
                || ids.contains(gateway_id(&order))
            {
                ids.insert(gateway_id(&order).to_owned());
                ids.insert(order.venue_order_id.clone());
                lines.push(format!("    truth {venue} {order:?}"));
            }
        }
        for id in ids.iter().filter(|id| id.len() == ID_LENGTH) {
            let events = self.caller.get(&format!("/v1/orders/{id}/events")).await;
            let events = events["items"].as_array().cloned().unwrap_or_default();
            lines.extend(events.iter().map(|event| format!("    event {event}")));
        }
        for (venue, sim) in &self.venues.sims {
            let seen = sim.control().requests().into_iter();
            let about = seen.filter(|r| {
                ids.iter()
                    .any(|id| r.query.contains(id) || r.body.contains(id))
            });
            lines.extend(about.map(|request| format!("    seen  {venue} {request:?}")));
        }
        lines.join("\n")
    }
}

fn text<'a>(order: &'a Value, field: &str) -> &'a str {
    order[field].as_str().unwrap_or_default()
}

fn decimal(order: &Value, field: &str) -> Option<Decimal> {
    order[field].as_str()?.parse().ok()
}

fn is_open(order: &Value) -> bool {
    let over = ["FILLED", "CANCELED", "REJECTED", "EXPIRED"];
    !over.contains(&text(order, "state"))
}

/// The gateway's id of an order at a venue, whichever leg it is.
fn gateway_id(order: &ExecutedOrder) -> &str {
    let id = &order.client_order_id;
    id.get(..ID_LENGTH).unwrap_or(id)
}

fn prices_of(market: &Market, number: u32) -> Vec<Decimal> {
    let [one, other] = market.resting(number);
    vec![one, other, market.taking(number)]
}

/// What is wrong with what came of one key.
fn of_life(life: &Life, orders: &HashMap<String, Value>, truth: &Truth) -> Vec<String> {
    let mut problems: Vec<String> = life.unanswered.iter().cloned().collect();
    let prices = prices_of(life.market, life.number);
    let at_venue: BTreeSet<&str> = truth
        .iter()
        .filter(|(venue, order)| *venue == life.market.venue && life.market.is_of(order))
        .filter(|(_, order)| order.price.is_some_and(|price| prices.contains(&price)))
        .map(|(_, order)| gateway_id(order))
        .collect();
    if at_venue.len() > 1 {
        problems.push(format!("one key, {} orders: {at_venue:?}", at_venue.len()));
    }
    if life.ids.len() > 1 {
        problems.push(format!("one key was told of {} orders", life.ids.len()));
    }
    if life.is_refused && !life.ids.is_empty() {
        problems.push("one key was told of an order and of none".to_owned());
    }
    for id in &at_venue {
        if !life.ids.contains(*id) {
            problems.push(format!("the caller was never told of {id}"));
        }
    }
    for id in &life.ids {
        let Some(order) = orders.get(id) else {
            problems.push(format!("the gateway has forgotten {id}"));
            continue;
        };
        if life.is_acknowledged && !at_venue.contains(id.as_str()) {
            problems.push(format!(
                "{id} was acknowledged, and the venue does not have it"
            ));
        }
        problems.extend(
            life.settled
                .as_ref()
                .and_then(|settled| taken_back(settled, order)),
        );
    }
    problems
}

/// Where an order is not as it was told for certain.
fn taken_back(settled: &Value, order: &Value) -> Option<String> {
    let same = |field| decimal(settled, field) == decimal(order, field);
    let is_same_end = is_open(settled) || settled["state"] == order["state"];
    let is_kept = same("price") && same("quantity") && is_same_end;
    (!is_kept).then(|| format!("a change was taken back: told {settled}, is {order}"))
}

/// Where the gateway's order is not the venue's. It need not know of fills that it has not asked about.
fn difference(order: &Value, is_asked: bool, truth: &Truth) -> Option<String> {
    let id = text(order, "id");
    let legs: Vec<&ExecutedOrder> = truth
        .iter()
        .filter(|(venue, leg)| *venue == text(order, "venue") && gateway_id(leg) == id)
        .map(|(_, leg)| leg)
        .collect();
    let differs = |what: &str| {
        Some(format!(
            "{what}: the gateway has {order}, the venue {legs:?}"
        ))
    };
    if legs.iter().any(|leg| leg.client_id_accepted != 1) {
        return differs("a client id was taken more than once");
    }
    if legs.is_empty() {
        let is_none = text(order, "state") == "REJECTED";
        return if is_none {
            None
        } else {
            differs("no such order at the venue")
        };
    }
    let Some(current) = legs
        .iter()
        .find(|leg| leg.venue_order_id == text(order, "venue_order_id"))
    else {
        return differs("the venue's order is another one");
    };
    if legs
        .iter()
        .any(|leg| leg.venue_order_id != current.venue_order_id && leg.state != "CANCELED")
    {
        return differs("an earlier leg is not over");
    }
    let market = MARKETS
        .iter()
        .find(|market| market.venue == text(order, "venue") && market.is_of(current))?;
    let units = Decimal::from(market.units);
    let filled: Decimal = legs.iter().map(|leg| leg.executed_quantity).sum();
    let carried = filled - current.executed_quantity;
    let state = current.state.trim_end_matches("_IN_MATCH");
    let number = |field| decimal(order, field).unwrap_or_default();
    let is_unasked = !is_asked && is_open(order);
    let is_told = !(is_unasked && ["FILLED", "PARTIALLY_FILLED"].contains(&state));
    if is_told && text(order, "state") != state {
        differs("another state")
    } else if !is_unasked && number("filled_quantity") * units != filled {
        differs("another filled quantity")
    } else if number("quantity") * units != current.quantity + carried {
        differs("another quantity")
    } else if Some(number("price")) != current.price {
        differs("another price")
    } else {
        None
    }
}
