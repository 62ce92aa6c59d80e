//! Commands at the edges of what a host may ask, and beyond.

use std::fmt;

use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use switchyard_runtime::wit::descriptor::ClientIdRules;
use switchyard_runtime::wit::types::Context;

use super::decimals::{Steps, edges};

/// The last moment that the contract can name, in milliseconds: 2^53 - 1.
const LAST_MOMENT: u64 = (1 << 53) - 1;

/// Whether a host may ask this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It may: the adapter encodes it exactly, or refuses it with a typed error.
    Askable,
    /// A host refuses it before it asks the adapter, which must still neither trap nor be talked into another
    /// request: what it encodes must have the shape of what it was asked.
    Beyond,
}

/// A command changed in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct HostileCommand {
    /// What is special about it.
    pub name: String,
    /// The place in the command (RFC 6901), or in the context behind `/context`.
    pub pointer: String,
    /// Whether a host may ask it.
    pub claim: Claim,
    /// What the adapter knows.
    pub context: Context,
    /// What it is asked, as recordings hold it.
    pub command: Value,
}

impl fmt::Display for HostileCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.name)
    }
}

/// What is known of the venue and the instrument.
#[derive(Debug, Clone)]
pub struct CommandRules {
    /// The descriptor's.
    pub client_ids: ClientIdRules,
    /// Limit prices of the instrument; empty where the listing is not known.
    pub price: Steps,
    /// Quantities of the instrument.
    pub quantity: Steps,
    /// Longest validity window of the endpoint, in milliseconds.
    pub max_window_ms: u32,
}

/// Every boundary form of `command`, changed in one place each.
pub fn commands(
    seed: u64,
    context: &Context,
    command: &Value,
    rules: &CommandRules,
) -> Vec<HostileCommand> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut made = Vec::new();
    let mut put = |pointer: &str, name: &str, value: Value, claim| {
        let mut command = command.clone();
        let Some(place) = command.pointer_mut(pointer) else {
            return;
        };
        if *place == value {
            return;
        }
        *place = value;
        made.push(HostileCommand {
            name: name.to_owned(),
            pointer: pointer.to_owned(),
            claim,
            context: context.clone(),
            command,
        });
    };
    let claim = |allowed| {
        if allowed {
            Claim::Askable
        } else {
            Claim::Beyond
        }
    };
    for (pointer, steps) in [("/quantity", &rules.quantity), ("/price", &rules.price)] {
        if command.pointer(pointer).is_some_and(Value::is_string) {
            for edge in edges(steps, &mut random) {
                let allowed = edge.allowed && above_filled(command, pointer, &edge.text);
                put(pointer, edge.name, Value::from(edge.text), claim(allowed));
            }
        }
    }
    for pointer in ["/client_id", "/new_client_id", "/order/client_id"] {
        if command.pointer(pointer).is_some_and(Value::is_string) {
            for (name, text, allowed) in client_ids(&rules.client_ids, &mut random) {
                put(pointer, name, Value::from(text), claim(allowed));
            }
        }
    }
    if command
        .pointer("/order/venue_id")
        .is_some_and(Value::is_string)
    {
        for (name, text) in FOREIGN_IDS {
            put("/order/venue_id", name, Value::from(*text), Claim::Beyond);
        }
    }
    let times = [
        ("the epoch", 0),
        ("the last moment", LAST_MOMENT),
        ("now", context.now),
    ];
    for pointer in ["/since", "/before"] {
        if command.pointer(pointer).is_some_and(|time| !time.is_null()) {
            for (name, time) in times {
                let ordered = in_order(command, pointer, time);
                put(pointer, name, Value::from(time), claim(ordered));
            }
        }
    }
    for (pointer, most) in [("/limit", most_items(command)), ("/depth", 5_000)] {
        if command.pointer(pointer).is_some() {
            put(pointer, "one", Value::from(1), Claim::Askable);
            put(pointer, "the most", Value::from(most), Claim::Askable);
            put(pointer, "none", Value::from(0), Claim::Beyond);
            put(
                pointer,
                "all there are",
                Value::from(u32::MAX),
                Claim::Beyond,
            );
        }
    }
    made.extend(contexts(context, command, rules));
    made
}

/// Times at the ends of what a context can hold, and contracts about to expire.
fn contexts<'a>(
    context: &'a Context,
    command: &'a Value,
    rules: &CommandRules,
) -> impl Iterator<Item = HostileCommand> + 'a {
    let expiry = context.instrument.as_ref().and_then(|i| i.expiry);
    let mut changed: Vec<(&str, &str, Claim, Context)> = Vec::new();
    let mut put = |pointer, name, claim, change: &dyn Fn(&mut Context)| {
        let mut new = context.clone();
        change(&mut new);
        changed.push((pointer, name, claim, new));
    };
    for (name, now) in [
        ("the epoch", 0),
        ("one millisecond", 1),
        ("the last moment", LAST_MOMENT),
    ] {
        put("/context/now", name, Claim::Askable, &|cx| cx.now = now);
    }
    put(
        "/context/now",
        "beyond the last moment",
        Claim::Beyond,
        &|cx| cx.now = u64::MAX,
    );
    for (name, nonce) in [("the first", 0), ("the last", LAST_MOMENT)] {
        put("/context/nonce", name, Claim::Askable, &|cx| {
            cx.nonce = nonce
        });
    }
    let longest = rules.max_window_ms;
    for (name, window) in [("one millisecond", 1), ("the longest", longest)] {
        put("/context/window_ms", name, Claim::Askable, &|cx| {
            cx.window_ms = window
        });
    }
    put("/context/window_ms", "none", Claim::Beyond, &|cx| {
        cx.window_ms = 0
    });
    put(
        "/context/window_ms",
        "forty-nine days",
        Claim::Beyond,
        &|cx| cx.window_ms = u32::MAX,
    );
    if let Some(expiry) = expiry {
        for (name, now) in [
            (
                "a millisecond before the contract expires",
                expiry.saturating_sub(1),
            ),
            ("when the contract expires", expiry),
            (
                "a millisecond after the contract expired",
                expiry.saturating_add(1),
            ),
        ] {
            put("/context/now", name, Claim::Askable, &|cx| cx.now = now);
        }
    }
    changed
        .into_iter()
        .map(|(pointer, name, claim, context)| HostileCommand {
            name: name.to_owned(),
            pointer: pointer.to_owned(),
            claim,
            context,
            command: command.clone(),
        })
}

/// An amend's total is above what is filled; nothing else is bound to another field.
fn above_filled(command: &Value, pointer: &str, text: &str) -> bool {
    let decimal = |text: &str| text.parse::<rust_decimal::Decimal>().ok();
    let filled = command.get("filled_quantity").and_then(Value::as_str);
    match filled.and_then(decimal) {
        Some(filled) if pointer == "/quantity" => decimal(text).is_some_and(|new| new > filled),
        _ => true,
    }
}

/// Whether a range that has one end at `time` still has its beginning before its end.
fn in_order(command: &Value, pointer: &str, time: u64) -> bool {
    let end = |name: &str| command.get(name).and_then(Value::as_u64);
    match pointer {
        "/since" => end("before").is_none_or(|before| time < before),
        _ => end("since").is_none_or(|since| since < time),
    }
}

/// Candles come by the thousand, history by ten (`wit/market.wit`, `wit/trading.wit`).
fn most_items(command: &Value) -> u32 {
    if command.get("seconds").is_some() {
        1_000
    } else {
        10_000
    }
}

/// Ids that break out of where they are put, where they are put as they are.
const FOREIGN_IDS: &[(&str, &str)] = &[
    ("empty", ""),
    ("not ASCII", "schlüssel-żółć"),
    ("beyond the first plane", "🚀🚀"),
    ("right to left", "\u{202e}dlo"),
    ("combining marks", "e\u{301}\u{301}\u{301}"),
    ("zero character", "a\0b"),
    ("another parameter", "a&symbol=OTHER&side=SELL"),
    ("a fragment", "a#b"),
    ("a percent sign", "%2e%2e%2f"),
    ("dot segments", "../../secret"),
    ("a query", "a?b=c"),
    ("a line break", "a\r\nHost: elsewhere"),
    ("a quote", "a\",\"side\":\"SELL"),
    ("a backslash", "a\\"),
    ("white space", " a b "),
    ("a plus sign", "a+b"),
    ("a semicolon", "a;b"),
];

fn client_ids(rules: &ClientIdRules, random: &mut ChaCha8Rng) -> Vec<(&'static str, String, bool)> {
    let alphabet: Vec<char> = rules.alphabet.chars().collect();
    let longest = rules.max_length as usize;
    let mut ids: Vec<(&'static str, String, bool)> = Vec::new();
    if let (Some(first), Some(last)) = (alphabet.first(), alphabet.last()) {
        let drawn: String = (0..longest)
            .filter_map(|_| alphabet.choose(random))
            .collect();
        ids.push(("as long as may be", drawn, true));
        ids.push(("one character", first.to_string(), true));
        ids.push((
            "the last character of the alphabet alone",
            last.to_string().repeat(longest),
            true,
        ));
        for part in alphabet.chunks(longest.max(1)) {
            ids.push((
                "every character of the alphabet",
                part.iter().collect(),
                true,
            ));
        }
        ids.push((
            "one character too long",
            first.to_string().repeat(longest + 1),
            false,
        ));
        ids.push(("far too long", first.to_string().repeat(100_000), false));
    }
    let within = |text: &str| {
        !text.is_empty()
            && text.chars().count() <= longest
            && text.chars().all(|c| alphabet.contains(&c))
    };
    ids.extend(
        FOREIGN_IDS
            .iter()
            .map(|(name, text)| (*name, (*text).to_owned(), within(text))),
    );
    ids
}
