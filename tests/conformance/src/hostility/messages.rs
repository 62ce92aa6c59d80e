//! Changes of an answer as a whole: cut short, in another encoding, another page, another status or header.

use std::fmt;

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use switchyard_runtime::wit::types::HttpResponse;

use super::Demand;
use super::json::{Kind, Node, nodes};

/// Cuts of one body, at most.
const CUTS: usize = 48;

/// Statuses that a body may come with by mistake: RFC 9110, and those that proxies and venues add.
const STATUSES: &[u16] = &[
    100, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 409, 418, 429, 451, 500, 502, 503, 504,
    520, 599, 0, 999,
];

/// Statuses of pages that something between the gateway and the venue answers with.
const PAGE_STATUSES: &[u16] = &[200, 403, 429, 500, 502, 503];

/// What is done to an answer as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageChange {
    /// Only so many bytes of the body.
    Truncated(usize),
    /// No body at all, with this status.
    Empty(u16),
    /// White space for a body.
    Blank,
    /// A web page for a body, with this status.
    HtmlPage(u16),
    /// Words for a body, with this status.
    PlainWords(u16),
    /// The whole body is `null`.
    NullBody,
    /// The whole body is an empty object.
    EmptyObject,
    /// The whole body is an empty list.
    EmptyList,
    /// The whole body is a number.
    NumberBody,
    /// The whole body is a text that holds the body.
    QuotedBody,
    /// The body in a list.
    InsideList,
    /// The body on one line, and once more on the next.
    Twice,
    /// Words after the body.
    TrailingWords,
    /// The body is so many opening brackets.
    Brackets(usize),
    /// A byte that is never UTF-8 at this place.
    InvalidUtf8(usize),
    /// A zero byte at this place.
    NulByte(usize),
    /// UTF-16, least significant byte first, with its mark.
    Utf16Le,
    /// UTF-16, most significant byte first, with its mark.
    Utf16Be,
    /// UTF-8 with a byte order mark.
    ByteOrderMark,
    /// Compressed, as RFC 1952 says, and nobody unpacked it.
    Gzip,
    /// The right body with another status.
    Status(u16),
    /// The right body with another content type.
    ContentType(&'static str),
    /// No headers.
    NoHeaders,
    /// A value that is no number in a header that had one; the header's place.
    HeaderNoNumber(usize),
    /// A great number in a header that had one; the header's place.
    HeaderGreatNumber(usize),
    /// A header of this name and value more.
    Header(&'static str, &'static str),
}

impl fmt::Display for MessageChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(at) => write!(f, "cut after {at} bytes"),
            Self::Empty(status) => write!(f, "empty body with status {status}"),
            Self::Blank => f.write_str("blank body"),
            Self::HtmlPage(status) => write!(f, "web page with status {status}"),
            Self::PlainWords(status) => write!(f, "plain words with status {status}"),
            Self::NullBody => f.write_str("body null"),
            Self::EmptyObject => f.write_str("body {}"),
            Self::EmptyList => f.write_str("body []"),
            Self::NumberBody => f.write_str("body a number"),
            Self::QuotedBody => f.write_str("body quoted"),
            Self::InsideList => f.write_str("body inside a list"),
            Self::Twice => f.write_str("body twice"),
            Self::TrailingWords => f.write_str("words after the body"),
            Self::Brackets(count) => write!(f, "{count} opening brackets"),
            Self::InvalidUtf8(at) => write!(f, "a byte that is not UTF-8 at {at}"),
            Self::NulByte(at) => write!(f, "a zero byte at {at}"),
            Self::Utf16Le => f.write_str("in UTF-16, little-endian"),
            Self::Utf16Be => f.write_str("in UTF-16, big-endian"),
            Self::ByteOrderMark => f.write_str("with a byte order mark"),
            Self::Gzip => f.write_str("still compressed with gzip"),
            Self::Status(status) => write!(f, "right body with status {status}"),
            Self::ContentType(name) => write!(f, "content type {name:?}"),
            Self::NoHeaders => f.write_str("without headers"),
            Self::HeaderNoNumber(place) => write!(f, "header {place} no number"),
            Self::HeaderGreatNumber(place) => write!(f, "header {place} a great number"),
            Self::Header(name, value) => write!(f, "with the header {name}: {value}"),
        }
    }
}

impl MessageChange {
    pub(super) fn is_json(&self) -> bool {
        matches!(
            self,
            Self::NullBody
                | Self::EmptyObject
                | Self::EmptyList
                | Self::NumberBody
                | Self::QuotedBody
                | Self::InsideList
        ) || self.keeps_body()
    }

    /// Whether the body is what it was.
    pub(super) fn keeps_body(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::ContentType(_)
                | Self::NoHeaders
                | Self::HeaderNoNumber(_)
                | Self::HeaderGreatNumber(_)
                | Self::Header(..)
        )
    }

    /// What a change of an answer with this status demands.
    pub(super) fn demand(&self, status: u16) -> Demand {
        let success = |status: u16| (200..300).contains(&status);
        match self {
            Self::Status(new) if !success(*new) && success(status) => Demand::Error,
            Self::Status(new) if success(*new) && !success(status) => Demand::Error,
            Self::Status(_) | Self::Header(..) | Self::NoHeaders => Demand::Valid,
            Self::HeaderNoNumber(_) | Self::HeaderGreatNumber(_) => Demand::Valid,
            Self::Empty(new) | Self::HtmlPage(new) | Self::PlainWords(new) if !success(*new) => {
                Demand::Error
            }
            // An empty list is a list of nothing.
            Self::EmptyList => Demand::Valid,
            _ => Demand::SameOrError,
        }
    }

    /// The answer with this change; `None` where it would be no change.
    pub(super) fn apply(&self, answer: &HttpResponse) -> Option<HttpResponse> {
        let mut changed = answer.clone();
        let body = &mut changed.body;
        match self {
            Self::Truncated(at) => body.truncate(*at),
            Self::Empty(status) => {
                body.clear();
                changed.status = *status;
            }
            Self::Blank => *body = b" \r\n\t ".to_vec(),
            Self::HtmlPage(status) => {
                *body = page(*status).into_bytes();
                changed.status = *status;
                set(
                    &mut changed.headers,
                    "content-type",
                    "text/html; charset=UTF-8",
                );
            }
            Self::PlainWords(status) => {
                *body = b"upstream connect error or disconnect/reset before headers".to_vec();
                changed.status = *status;
                set(&mut changed.headers, "content-type", "text/plain");
            }
            Self::NullBody => *body = b"null".to_vec(),
            Self::EmptyObject => *body = b"{}".to_vec(),
            Self::EmptyList => *body = b"[]".to_vec(),
            Self::NumberBody => *body = b"7".to_vec(),
            Self::QuotedBody => {
                *body = serde_json::to_vec(&String::from_utf8(answer.body.clone()).ok()?).ok()?;
            }
            Self::InsideList => {
                body.insert(0, b'[');
                body.push(b']');
            }
            Self::Twice => {
                body.push(b'\n');
                body.extend(&answer.body);
            }
            Self::TrailingWords => body.extend(b"\n<!-- served by edge-7 -->"),
            Self::Brackets(count) => *body = vec![b'['; *count],
            Self::InvalidUtf8(at) => body.insert(*at.min(&answer.body.len()), 0xff),
            Self::NulByte(at) => body.insert(*at.min(&answer.body.len()), 0),
            Self::Utf16Le => *body = utf16(&answer.body, u16::to_le_bytes)?,
            Self::Utf16Be => *body = utf16(&answer.body, u16::to_be_bytes)?,
            Self::ByteOrderMark => {
                body.splice(0..0, [0xef, 0xbb, 0xbf]);
            }
            Self::Gzip => *body = gzip(&answer.body),
            Self::Status(status) => changed.status = *status,
            Self::ContentType(value) => set(&mut changed.headers, "content-type", value),
            Self::NoHeaders => changed.headers.clear(),
            Self::HeaderNoNumber(place) => "-".clone_into(&mut changed.headers.get_mut(*place)?.1),
            Self::HeaderGreatNumber(place) => {
                "99999999999999999999".clone_into(&mut changed.headers.get_mut(*place)?.1);
            }
            Self::Header(name, value) => set(&mut changed.headers, name, value),
        }
        (!same(&changed, answer)).then_some(changed)
    }
}

/// Changes of the answer as a whole. All of them go with every answer, but for cuts and places, which are drawn.
pub(super) fn changes(answer: &HttpResponse, random: &mut ChaCha8Rng) -> Vec<MessageChange> {
    use MessageChange as C;
    let mut all: Vec<C> = cuts(&answer.body, random)
        .into_iter()
        .map(C::Truncated)
        .collect();
    all.extend([
        C::Blank,
        C::NullBody,
        C::EmptyObject,
        C::EmptyList,
        C::NumberBody,
    ]);
    all.extend([C::QuotedBody, C::InsideList, C::Twice, C::TrailingWords]);
    all.extend([C::Brackets(1), C::Brackets(100_000)]);
    all.extend([C::Utf16Le, C::Utf16Be, C::ByteOrderMark, C::Gzip]);
    for _ in 0..2 {
        all.push(C::InvalidUtf8(random.random_range(0..=answer.body.len())));
        all.push(C::NulByte(random.random_range(0..=answer.body.len())));
    }
    all.extend([200, 204, 400, 429, 500, 502, 504].map(C::Empty));
    all.extend(PAGE_STATUSES.iter().map(|status| C::HtmlPage(*status)));
    all.extend([200, 503].map(C::PlainWords));
    if answer.status != 200 {
        all.push(C::Status(200));
    }
    all.extend(STATUSES.iter().map(|status| C::Status(*status)));
    all.extend(["text/html", "application/octet-stream", ""].map(C::ContentType));
    all.push(C::NoHeaders);
    all.extend(
        [
            "-1",
            "soon",
            "99999999999999999999",
            "Wed, 21 Oct 2026 07:28:00 GMT",
        ]
        .map(|value| C::Header("retry-after", value)),
    );
    for (place, (_, value)) in answer.headers.iter().enumerate() {
        if value.parse::<f64>().is_ok() {
            all.extend([C::HeaderNoNumber(place), C::HeaderGreatNumber(place)]);
        }
    }
    all
}

/// Where to cut: at the edges of values and inside of them. A cut that only loses white space, or leaves a
/// shorter number that nobody could tell from the right one, is none.
fn cuts(body: &[u8], random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut cuts: Vec<usize> = Vec::new();
    if let Some(nodes) = std::str::from_utf8(body).ok().and_then(nodes) {
        if !matches!(nodes[0].kind, Kind::Object | Kind::Array | Kind::Text) {
            return cuts;
        }
        let end = nodes[0].span.end;
        cuts.extend([nodes[0].span.start + 1, end / 2, end - 1]);
        let edges = nodes.iter().skip(1);
        cuts.extend(edges.flat_map(|node| {
            let Node { span, member, .. } = node;
            [
                member.start,
                span.start,
                span.start.midpoint(span.end),
                span.end,
            ]
        }));
        cuts.extend((0..CUTS / 4).map(|_| random.random_range(1..end)));
        cuts.retain(|cut| (1..end).contains(cut));
    } else if body.len() > 1 {
        cuts.extend((0..CUTS / 4).map(|_| random.random_range(1..body.len())));
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts.shuffle(random);
    cuts.truncate(CUTS);
    cuts.sort_unstable();
    cuts
}

fn same(one: &HttpResponse, other: &HttpResponse) -> bool {
    one.status == other.status && one.body == other.body && one.headers == other.headers
}

fn set(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value.to_owned()));
}

fn page(status: u16) -> String {
    format!(
        "<!DOCTYPE html>\r\n<html lang=\"en-US\">\r\n<head><title>{status}</title>\
         <meta http-equiv=\"refresh\" content=\"0\"></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><p>Ray ID: <strong>7d1f0c2a9b3e4f56</strong></p><script>var price = 0;</script>\r\n</body></html>\r\n"
    )
}

fn utf16(body: &[u8], bytes: fn(u16) -> [u8; 2]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    Some(units.flat_map(bytes).collect())
}

/// RFC 1952, with blocks that are stored as they are (RFC 1951, section 3.2.4).
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = body.chunks(usize::from(u16::MAX)).peekable();
    if blocks.peek().is_none() {
        packed.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        // At most 65,535 bytes, as the chunks are.
        let length = block.len() as u16;
        packed.push(u8::from(blocks.peek().is_none()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    packed.extend(crc32(body).to_le_bytes());
    packed.extend((body.len() as u32).to_le_bytes());
    packed
}

/// RFC 1952, section 8.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_checksum_is_the_one_that_gzip_uses() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
