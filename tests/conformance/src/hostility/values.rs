//! Changes of one value in a JSON answer; every other byte stays as it was.

use std::fmt;

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::Demand;
use super::json::{Kind, Node, nodes};

/// Texts that some parsers take for numbers. The contract knows none of them (`wit/types.wit`, `decimal`).
const NO_DECIMALS: &[&str] = &[
    "NaN",
    "Infinity",
    "-Infinity",
    "1e5",
    "1E-7",
    "0x10",
    "1,5",
    "1 000",
    "１２",
    "+1",
    "--1",
    "1.2.3",
    ".",
    " 1",
    "12abc",
];

/// Those of them that a reader may take for the number that they spell.
const READABLE: &[&str] = &["1e5", "1E-7", "+1", " 1"];

/// Numbers that some readers cannot hold, or hold as another number.
const GREAT_NUMBERS: &[&str] = &[
    "9007199254740993",
    "18446744073709551616",
    "-9223372036854775809",
    "9999999999999999999999999999999999999999",
    "0.12345678901234567890123456789012345678",
    "-1",
];

/// A text that so many bytes of digits are not: parsers that copy it for each message are slow with it.
const LONG_TEXT_BYTES: usize = 1 << 18;

/// More levels than any reader's stack should be trusted with.
const DEEP: usize = 100_000;

/// A JSON body, read once for many changes.
pub(super) struct Body<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Body<'a> {
    /// `None` where it is no JSON text.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let nodes = nodes(text)?;
        Some(Self { text, nodes })
    }
}

/// What is done to one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueChange {
    /// The member is left out, or the element of a list whose elements mean something by their places.
    Missing,
    /// An object or list is left out of a list, which is shorter for it and still a list.
    MissingElement,
    /// `null` in its place.
    Null,
    /// `""` in its place.
    EmptyText,
    /// A text becomes a number: the same number where it is one.
    ToNumber,
    /// A number or word becomes a text with the same characters.
    ToText,
    /// `true` in its place.
    ToBool,
    /// `{}` in its place.
    ToObject,
    /// The value itself as the only element of a list.
    ToArray,
    /// Another number, that not every reader can hold.
    Number(&'static str),
    /// A text that is no decimal.
    NoDecimal(&'static str),
    /// A text of so many digits.
    LongText(usize),
    /// So many lists in each other.
    Nested(usize),
    /// A byte that is not UTF-8, in a text.
    InvalidUtf8,
    /// Half of a surrogate pair, escaped, in a text.
    LoneSurrogate,
    /// A line break, not escaped, in a text.
    ControlCharacter,
    /// An escaped zero character, in a text.
    EscapedNul,
    /// The name in another case.
    RenamedField,
    /// The name once more, before, with another value.
    DuplicateBefore,
    /// The name once more, after, with another value.
    DuplicateAfter,
    /// A member that the venue never documented, with values inside.
    ExtraField,
    /// An element of another kind at the end of a list.
    ExtraElement,
    /// A list without its elements.
    EmptyArray,
    /// A list with its first element twice.
    RepeatedElement,
}

impl fmt::Display for ValueChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing | Self::MissingElement => f.write_str("missing"),
            Self::Null => f.write_str("null"),
            Self::EmptyText => f.write_str("empty text"),
            Self::ToNumber => f.write_str("as a number"),
            Self::ToText => f.write_str("as a text"),
            Self::ToBool => f.write_str("a truth value instead"),
            Self::ToObject => f.write_str("an empty object instead"),
            Self::ToArray => f.write_str("inside a list"),
            Self::Number(number) => write!(f, "the number {number} instead"),
            Self::NoDecimal(text) => write!(f, "the text {text:?} instead"),
            Self::LongText(bytes) => write!(f, "a text of {bytes} digits instead"),
            Self::Nested(levels) => write!(f, "{levels} nested lists instead"),
            Self::InvalidUtf8 => f.write_str("a byte that is not UTF-8"),
            Self::LoneSurrogate => f.write_str("half of a surrogate pair"),
            Self::ControlCharacter => f.write_str("a raw line break"),
            Self::EscapedNul => f.write_str("an escaped zero character"),
            Self::RenamedField => f.write_str("name in another case"),
            Self::DuplicateBefore => f.write_str("named twice, another value first"),
            Self::DuplicateAfter => f.write_str("named twice, another value last"),
            Self::ExtraField => f.write_str("with an unknown member"),
            Self::ExtraElement => f.write_str("with an element of another kind"),
            Self::EmptyArray => f.write_str("emptied"),
            Self::RepeatedElement => f.write_str("first element twice"),
        }
    }
}

impl ValueChange {
    /// Whether what was there cannot be read any more.
    pub(super) fn loses_value(&self) -> bool {
        matches!(
            self,
            Self::Missing
                | Self::Null
                | Self::EmptyText
                | Self::ToBool
                | Self::ToObject
                | Self::LongText(_)
                | Self::Nested(_)
                | Self::RenamedField
        ) || matches!(self, Self::NoDecimal(text) if !READABLE.contains(text))
    }

    /// Whether the answer is still a JSON text that any reader takes.
    pub(super) fn is_json(&self) -> bool {
        match self {
            Self::InvalidUtf8 | Self::LoneSurrogate | Self::ControlCharacter => false,
            Self::Nested(levels) => *levels < 64,
            _ => true,
        }
    }

    pub(super) fn demand(&self) -> Demand {
        match self {
            _ if !self.is_json() => Demand::SameOrError,
            _ if self.loses_value() => Demand::NoDefault,
            Self::ExtraField => Demand::SameOrError,
            _ => Demand::Valid,
        }
    }

    /// Smaller forms of the same change.
    pub(super) fn smaller(&self) -> Option<Self> {
        match self {
            Self::LongText(bytes) if *bytes > 1 => Some(Self::LongText(bytes / 2)),
            Self::Nested(levels) if *levels > 1 => Some(Self::Nested(levels / 2)),
            _ => None,
        }
    }

    /// The text with this change at `pointer`; `None` where nothing there can be changed like this.
    pub(super) fn apply(&self, body: &Body<'_>, pointer: &str) -> Option<Vec<u8>> {
        let Body { text, nodes } = body;
        let node = nodes.iter().find(|node| node.pointer == pointer)?;
        let value = &text[node.span.clone()];
        let named = node.name(text);
        let (range, new): (_, Vec<u8>) = match self {
            Self::Missing | Self::MissingElement => (without(nodes, node)?, Vec::new()),
            Self::Null => (node.span.clone(), b"null".to_vec()),
            Self::EmptyText => (node.span.clone(), b"\"\"".to_vec()),
            Self::ToNumber => (node.span.clone(), as_number(value).into_bytes()),
            Self::ToText => (node.span.clone(), format!("\"{value}\"").into_bytes()),
            Self::ToBool => (node.span.clone(), b"true".to_vec()),
            Self::ToObject => (node.span.clone(), b"{}".to_vec()),
            Self::ToArray => (node.span.clone(), format!("[{value}]").into_bytes()),
            Self::Number(number) if node.kind == Kind::Text => {
                (node.span.clone(), format!("\"{number}\"").into_bytes())
            }
            Self::Number(number) => (node.span.clone(), number.as_bytes().to_vec()),
            Self::NoDecimal(text) => (node.span.clone(), format!("\"{text}\"").into_bytes()),
            Self::LongText(bytes) => (
                node.span.clone(),
                format!("\"{}\"", "7".repeat(*bytes)).into_bytes(),
            ),
            Self::Nested(levels) => (
                node.span.clone(),
                format!("{}{}", "[".repeat(*levels), "]".repeat(*levels)).into_bytes(),
            ),
            Self::InvalidUtf8 => inside(node, vec![0xff])?,
            Self::LoneSurrogate => inside(node, b"\\ud800".to_vec())?,
            Self::ControlCharacter => inside(node, b"\n".to_vec())?,
            Self::EscapedNul => inside(node, b"\\u0000".to_vec())?,
            Self::RenamedField => {
                let name = named?;
                let start = node.member.start;
                (start..start + name.len(), other_case(name)?.into_bytes())
            }
            Self::DuplicateBefore => {
                let twin = format!("{}:{},", named?, other_value(value, node.kind));
                (node.member.start..node.member.start, twin.into_bytes())
            }
            Self::DuplicateAfter => {
                let twin = format!(",{}:{}", named?, other_value(value, node.kind));
                (node.member.end..node.member.end, twin.into_bytes())
            }
            Self::ExtraField => extra(
                node,
                r#""_never_documented":{"price":"NaN","list":[null,{}]}"#,
            )?,
            Self::ExtraElement => extra(node, stranger(nodes, node)?)?,
            Self::EmptyArray => (node.span.clone(), b"[]".to_vec()),
            Self::RepeatedElement => {
                let first = &nodes[*node.children.first()?];
                let again = format!("{},", &text[first.span.clone()]);
                (first.span.start..first.span.start, again.into_bytes())
            }
        };
        if text.as_bytes()[range.clone()] == new {
            return None;
        }
        let mut changed = text.as_bytes()[..range.start].to_vec();
        changed.extend(new);
        changed.extend(&text.as_bytes()[range.end..]);
        Some(changed)
    }
}

/// Changes of an answer's values, at most `limit`, each with the pointer it is at and what was there.
///
/// Elements of one list are alike, so of each list the first, the last and one more stand for all.
pub(super) fn changes(
    body: &Body<'_>,
    limit: usize,
    random: &mut ChaCha8Rng,
) -> Vec<(ValueChange, String, String)> {
    let Body { text, nodes } = body;
    let mut all = Vec::new();
    for node in sample(nodes, random) {
        let value = &text[node.span.clone()];
        for change in fitting(node, value, node.name(text).is_some()) {
            all.push((change, node.pointer.clone(), shortened(value)));
        }
    }
    if let Some(texts) = heavy(nodes, random) {
        all.extend(texts.map(|(change, node)| {
            (
                change,
                node.pointer.clone(),
                shortened(&text[node.span.clone()]),
            )
        }));
    }
    all.shuffle(random);
    // What loses a value finds most, so it comes first.
    all.sort_by_key(|(change, ..)| !change.loses_value());
    let kept = limit.min(all.len());
    // Two thirds of the room at most go to one half.
    let losing = all.partition_point(|(change, ..)| change.loses_value());
    let others = (all.len() - losing).min(kept.saturating_sub(losing.min(kept * 2 / 3)));
    let losing_kept = losing.min(kept - others);
    let mut chosen: Vec<_> = all.drain(losing..losing + others).collect();
    all.truncate(losing_kept);
    all.append(&mut chosen);
    all
}

fn fitting(node: &Node, value: &str, named: bool) -> Vec<ValueChange> {
    use ValueChange as C;
    let inner = node.parent.is_some();
    let mut fitting = Vec::new();
    if inner {
        fitting.extend([C::Null, C::ToBool, C::ToObject, C::ToArray]);
        let is_row = !named && matches!(node.kind, Kind::Object | Kind::Array);
        fitting.push(if is_row {
            C::MissingElement
        } else {
            C::Missing
        });
    }
    if named {
        fitting.extend([C::RenamedField, C::DuplicateBefore, C::DuplicateAfter]);
    }
    match node.kind {
        Kind::Text => {
            fitting.extend([C::EmptyText, C::ToNumber, C::InvalidUtf8, C::LoneSurrogate]);
            fitting.extend([C::ControlCharacter, C::EscapedNul]);
            if is_number(value.trim_matches('"')) {
                fitting.extend(NO_DECIMALS.iter().map(|text| C::NoDecimal(text)));
                fitting.extend(GREAT_NUMBERS.iter().map(|number| C::Number(number)));
            }
        }
        Kind::Number => {
            fitting.extend([C::EmptyText, C::ToText]);
            fitting.extend(NO_DECIMALS.iter().map(|text| C::NoDecimal(text)));
            fitting.extend(GREAT_NUMBERS.iter().map(|number| C::Number(number)));
        }
        Kind::Bool => {
            fitting.extend([C::EmptyText, C::ToText]);
            fitting.retain(|change| *change != C::ToBool);
        }
        Kind::Null => {
            fitting.push(C::ToText);
            fitting.retain(|change| *change != C::Null);
        }
        Kind::Object => {
            fitting.extend([C::EmptyText, C::ExtraField]);
            if node.children.is_empty() {
                fitting.retain(|change| *change != C::ToObject);
            }
        }
        Kind::Array => {
            fitting.push(C::EmptyText);
            if !node.children.is_empty() {
                fitting.extend([C::EmptyArray, C::ExtraElement, C::RepeatedElement]);
            }
        }
    }
    fitting
}

/// The changes that cost the most to read, at one value each.
fn heavy<'a>(
    nodes: &'a [Node],
    random: &mut ChaCha8Rng,
) -> Option<impl Iterator<Item = (ValueChange, &'a Node)>> {
    let inner: Vec<&Node> = nodes.iter().filter(|node| node.parent.is_some()).collect();
    if inner.is_empty() {
        return None;
    }
    let one = |random: &mut ChaCha8Rng| inner[random.random_range(0..inner.len())];
    Some(
        [
            (ValueChange::LongText(LONG_TEXT_BYTES), one(random)),
            (ValueChange::Nested(DEEP), one(random)),
            (ValueChange::Nested(32), one(random)),
        ]
        .into_iter(),
    )
}

/// Of each list the first, the last and one more element, with what they contain.
fn sample<'a>(nodes: &'a [Node], random: &mut ChaCha8Rng) -> Vec<&'a Node> {
    let mut chosen = vec![true; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let in_chosen = node.parent.is_none_or(|parent| chosen[parent]);
        chosen[index] &= in_chosen;
        if node.kind == Kind::Array && node.children.len() > 3 {
            let last = node.children.len() - 1;
            let any = random.random_range(1..last);
            for (place, child) in node.children.iter().enumerate() {
                chosen[*child] = place == 0 || place == last || place == any;
            }
        }
    }
    let pairs = nodes.iter().zip(chosen);
    pairs
        .filter(|(_, chosen)| *chosen)
        .map(|(node, _)| node)
        .collect()
}

/// The range to cut so that the value is gone and what is left is still JSON.
fn without(nodes: &[Node], node: &Node) -> Option<std::ops::Range<usize>> {
    let siblings = &nodes[node.parent?].children;
    let place = siblings
        .iter()
        .position(|at| nodes[*at].member == node.member)?;
    Some(match (place.checked_sub(1), siblings.get(place + 1)) {
        (_, Some(next)) => node.member.start..nodes[*next].member.start,
        (Some(before), None) => nodes[siblings[before]].member.end..node.member.end,
        (None, None) => node.member.clone(),
    })
}

/// Puts bytes in front of a text's first character.
fn inside(node: &Node, bytes: Vec<u8>) -> Option<(std::ops::Range<usize>, Vec<u8>)> {
    let at = node.span.start + 1;
    (node.kind == Kind::Text).then_some((at..at, bytes))
}

/// Puts a member or element at a container's end.
fn extra(node: &Node, what: &str) -> Option<(std::ops::Range<usize>, Vec<u8>)> {
    let end = node.span.end - 1;
    let comma = if node.children.is_empty() { "" } else { "," };
    matches!(node.kind, Kind::Object | Kind::Array)
        .then(|| (end..end, format!("{comma}{what}").into_bytes()))
}

/// A value that is of another kind than a list's elements.
fn stranger(nodes: &[Node], list: &Node) -> Option<&'static str> {
    let first = &nodes[*list.children.first()?];
    Some(match first.kind {
        Kind::Object | Kind::Array => "7",
        _ => "{}",
    })
}

fn is_number(text: &str) -> bool {
    nodes(text).is_some_and(|nodes| nodes.len() == 1 && nodes[0].kind == Kind::Number)
}

/// A number where the text was: its own where it is one, so that nothing that was lost looks like a zero.
fn as_number(text: &str) -> String {
    let bare = text.trim_matches('"');
    if is_number(bare) { bare } else { "7" }.to_owned()
}

/// The same name, first letter in the other case.
fn other_case(name: &str) -> Option<String> {
    let at = name.find(|c: char| c.is_ascii_alphabetic())?;
    let mut bytes = name.as_bytes().to_vec();
    bytes[at] ^= 0x20;
    String::from_utf8(bytes).ok()
}

/// A value of the same kind that is not the same.
fn other_value(value: &str, kind: Kind) -> String {
    match kind {
        Kind::Text if is_number(value.trim_matches('"')) => "\"7.25\"".to_owned(),
        Kind::Text => "\"another\"".to_owned(),
        Kind::Number => "725".to_owned(),
        Kind::Bool => (value == "false").to_string(),
        Kind::Null => "1".to_owned(),
        Kind::Object => "{}".to_owned(),
        Kind::Array => "[]".to_owned(),
    }
}

/// Enough of a value to recognise it in a report.
fn shortened(value: &str) -> String {
    const SHOWN: usize = 60;
    match value.char_indices().nth(SHOWN) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    }
}
