//! Typed errors: how to make them, and the table that maps a venue's codes to them.

use crate::request::header;
use crate::types::{Effect, Error, ErrorKind, HttpResponse};

impl Error {
    /// An error of this kind that certainly changed nothing at the venue.
    pub fn refused(kind: ErrorKind) -> Self {
        Self {
            kind,
            effect: Effect::None,
            venue_code: None,
            message: String::new(),
            field: None,
        }
    }

    /// An error of this kind after which the venue's state may have changed.
    pub fn unknown(kind: ErrorKind) -> Self {
        Self {
            effect: Effect::Unknown,
            ..Self::refused(kind)
        }
    }

    /// The command cannot be carried out as it is, because of `field`.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::refused(ErrorKind::InvalidRequest)
            .because(message)
            .at(field)
    }

    /// The adapter or the venue has no such operation, product or option.
    pub fn unsupported(what: &str) -> Self {
        Self::refused(ErrorKind::Unsupported).because(format!("{what} is not supported"))
    }

    /// The answer is not what the venue documents, on a request that changes nothing.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::refused(ErrorKind::MalformedResponse).because(message)
    }

    /// The same error with this text.
    #[must_use]
    pub fn because(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same error blamed on this field of the command.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// The same error with the venue's own code.
    #[must_use]
    pub fn coded(mut self, code: impl Into<String>) -> Self {
        self.venue_code = Some(code.into());
        self
    }

    /// The same error with its effect unknown where the request could have changed state: for answers
    /// that cannot be read, since a venue that answered may well have acted.
    #[must_use]
    pub fn after(mut self, mutates: bool) -> Self {
        if mutates {
            self.effect = Effect::Unknown;
        }
        self
    }
}

/// One line of a venue's error table.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The venue's code; `None` matches any.
    pub code: Option<i64>,
    /// Text that the venue's message must contain; `None` matches any.
    pub text: Option<&'static str>,
    /// What it means.
    pub kind: ErrorKind,
    /// What a request that mutates may have done.
    pub effect: Effect,
    /// The command's field at fault.
    pub field: Option<&'static str>,
}

impl Rule {
    /// A code that means `kind`, and that the venue documents as a refusal.
    pub const fn refusal(code: i64, kind: ErrorKind) -> Self {
        Self {
            code: Some(code),
            text: None,
            kind,
            effect: Effect::None,
            field: None,
        }
    }

    /// A refusal whatever its code, where the message contains `text`.
    pub const fn saying(text: &'static str, kind: ErrorKind) -> Self {
        Self {
            code: None,
            text: Some(text),
            kind,
            effect: Effect::None,
            field: None,
        }
    }

    /// A code that means `kind` and leaves open what became of the request.
    pub const fn open(code: i64, kind: ErrorKind) -> Self {
        Self {
            effect: Effect::Unknown,
            ..Self::refusal(code, kind)
        }
    }

    /// The same rule blaming `field`.
    #[must_use]
    pub const fn blaming(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }
}

/// A venue's errors. In each list the first rule that matches decides.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What each code means.
    pub codes: &'static [Rule],
    /// Codes that say nothing without their text.
    pub speaking: &'static [i64],
    /// What the texts of speaking codes mean; where none matches, the code decides.
    pub texts: &'static [Rule],
}

impl Table {
    /// The rule for a code and message, if any is explicit.
    ///
    /// Of a message that is longer than any documented one, its beginning counts.
    pub fn rule(&self, code: i64, message: &str) -> Option<&'static Rule> {
        let message = beginning(message);
        let texts = if self.speaking.contains(&code) {
            self.texts
        } else {
            &[]
        };
        texts.iter().chain(self.codes).find(|rule| {
            rule.code.is_none_or(|wanted| wanted == code)
                && rule.text.is_none_or(|text| message.contains(text))
        })
    }

    /// The error for a venue's code and message in a response; an unlisted code goes by the HTTP
    /// status. A request that does not mutate has no effect whatever the answer.
    pub fn error(&self, code: i64, message: &str, response: &HttpResponse, mutates: bool) -> Error {
        let mut error = match self.rule(code, message) {
            Some(rule) => Error {
                kind: rule.kind,
                effect: rule.effect,
                venue_code: None,
                message: String::new(),
                field: rule.field.map(str::to_owned),
            },
            None => by_status(response, true),
        };
        if !mutates {
            error.effect = Effect::None;
        }
        let error = error.coded(code.to_string());
        if message.is_empty() {
            return error.because(format!("error {code}"));
        }
        error.because(beginning(message))
    }
}

/// Longest message that is looked into and repeated, in bytes: no venue documents one half as long, and what
/// is longer would cost a call's time.
const LONGEST_MESSAGE: usize = 1_024;

fn beginning(message: &str) -> &str {
    &message[..message.floor_char_boundary(LONGEST_MESSAGE.min(message.len()))]
}

/// What the HTTP status alone says: for answers without a code that the venue documents.
///
/// A 4xx is a refusal; a 5xx, a redirect or a surprise leaves open what a mutating request did.
pub fn by_status(response: &HttpResponse, mutates: bool) -> Error {
    let wait = retry_after_ms(response);
    let error = match response.status {
        401 | 403 => Error::refused(ErrorKind::AuthFailed),
        404 | 405 | 410 => Error::refused(ErrorKind::Unsupported),
        // A proxy gave up waiting for the request itself; whether it was passed on is not said.
        408 => Error::unknown(ErrorKind::VenueUnavailable),
        429 => Error::refused(ErrorKind::RateLimited(wait)),
        400..=499 => Error::refused(ErrorKind::InvalidRequest),
        503 if wait.is_some() => Error::unknown(ErrorKind::Overloaded(wait)),
        500..=599 => Error::unknown(ErrorKind::VenueUnavailable),
        _ => Error::unknown(ErrorKind::MalformedResponse),
    };
    let mut error = error.because(format!("HTTP status {}", response.status));
    if !mutates {
        error.effect = Effect::None;
    }
    error
}

/// The `retry-after` header in milliseconds, where it is given in seconds (RFC 9110, section 10.2.3).
pub fn retry_after_ms(response: &HttpResponse) -> Option<u32> {
    let seconds: u32 = header(response, "retry-after")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table {
        codes: &[
            Rule::refusal(-1, ErrorKind::InvalidRequest).blaming("price"),
            Rule::open(-2, ErrorKind::OutcomeUnknown),
        ],
        speaking: &[-1],
        texts: &[Rule::saying("too poor", ErrorKind::InsufficientFunds)],
    };

    fn response(status: u16, headers: &[(&str, &str)]) -> HttpResponse {
        HttpResponse {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Vec::new(),
        }
    }

    #[test]
    fn a_text_decides_only_for_codes_that_need_one() {
        let answer = response(400, &[]);
        let kind = |code, text| TABLE.error(code, text, &answer, true).kind;
        assert_eq!(kind(-1, "you are too poor"), ErrorKind::InsufficientFunds);
        assert_eq!(kind(-1, "no"), ErrorKind::InvalidRequest);
        assert_eq!(kind(-2, "you are too poor"), ErrorKind::OutcomeUnknown);
    }

    #[test]
    fn an_unlisted_code_goes_by_the_status_and_keeps_the_venues_words() {
        let error = TABLE.error(-3, "what", &response(502, &[]), true);
        assert_eq!(
            (error.kind, error.effect),
            (ErrorKind::VenueUnavailable, Effect::Unknown)
        );
        assert_eq!(
            (error.venue_code.as_deref(), error.message.as_str()),
            (Some("-3"), "what")
        );
    }

    #[test]
    fn only_a_request_that_mutates_can_have_an_effect() {
        assert_eq!(
            TABLE.error(-2, "", &response(500, &[]), false).effect,
            Effect::None
        );
        assert_eq!(by_status(&response(500, &[]), false).effect, Effect::None);
        assert_eq!(by_status(&response(500, &[]), true).effect, Effect::Unknown);
        assert_eq!(by_status(&response(400, &[]), true).effect, Effect::None);
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_bounded() {
        let wait = |value| by_status(&response(429, &[("Retry-After", value)]), true).kind;
        assert_eq!(wait("3"), ErrorKind::RateLimited(Some(3_000)));
        assert_eq!(wait("4000000000"), ErrorKind::RateLimited(Some(u32::MAX)));
        assert_eq!(wait("Wed, 21 Oct 2026"), ErrorKind::RateLimited(None));
    }
}
