use std::collections::BTreeMap;

use switchyard_sdk::testing;
use switchyard_sdk::trading::{Cancel, GetOrder};
use switchyard_sdk::types::{Effect, Error, ErrorKind};
use switchyard_sdk::{Market, Trading};

use crate::desk::*;

/// What Binance publishes, as collected in `data/error_codes.json`.
#[derive(serde::Deserialize)]
struct Published {
    codes: Vec<Code>,
    messages: Vec<Message>,
}

#[derive(serde::Deserialize)]
struct Code {
    code: i64,
}

#[derive(serde::Deserialize)]
struct Message {
    message: String,
}

fn published() -> Published {
    serde_json::from_str(include_str!("data/error_codes.json")).expect("is a list")
}

/// The error of a place that is answered so.
fn placed(status: u16, body: &str) -> Error {
    let desk = Desk::new();
    VENUE
        .decode_place(&desk.cx(), &limit_order(), None, &answer(status, body))
        .expect_err("is an error")
}

fn coded(status: u16, code: i64, text: &str) -> Error {
    placed(status, &format!(r#"{{"code":{code},"msg":"{text}"}}"#))
}

#[test]
fn every_published_code_is_mapped_whatever_the_status() {
    let mut kinds = BTreeMap::new();
    for Code { code } in published().codes {
        // A status that would mean something else tells an explicit rule from the fallback.
        let error = coded(302, code, "x");
        assert_ne!(
            error.kind,
            ErrorKind::MalformedResponse,
            "{code} has no rule"
        );
        assert_eq!(error.venue_code, Some(code.to_string()));
        kinds.insert(code, (error.kind, error.effect));
    }
    assert_eq!(kinds.len(), 104);
    let open: Vec<_> = kinds
        .iter()
        .filter(|(_, (_, effect))| *effect == Effect::Unknown)
        .map(|(code, _)| *code)
        .collect();
    assert_eq!(open, [-2021, -1008, -1007, -1006, -1001, -1000]);
}

#[test]
fn every_published_message_is_more_than_its_code() {
    for Message { message } in published().messages {
        // Some entries hold two messages; the first is whole.
        let text = message.split('"').next().unwrap_or_default();
        let error = coded(400, -2010, text);
        assert_eq!(error.effect, Effect::None, "{text}");
        let plain = error.kind == ErrorKind::InvalidRequest && error.field.is_none();
        let counted =
            text.contains("Filter failure: ") || text == "Order would trigger immediately.";
        // "FIX API trading" is not for REST, but says the same.
        assert!(!plain || counted, "{text}");
        assert_eq!(error.message, text);
    }
}

#[test]
fn codes_mean_what_the_venue_says() {
    for (code, text, kind, field) in [
        (
            -2010,
            "Account has insufficient balance for requested action.",
            ErrorKind::InsufficientFunds,
            None,
        ),
        (
            -2010,
            "Duplicate order sent.",
            ErrorKind::DuplicateClientId,
            Some("client-id"),
        ),
        (
            -2010,
            "Order would immediately match and take.",
            ErrorKind::InvalidRequest,
            Some("price"),
        ),
        (
            -2010,
            "Market is closed.",
            ErrorKind::InvalidRequest,
            Some("symbol"),
        ),
        (-2010, "Something new.", ErrorKind::InvalidRequest, None),
        (-2011, "Unknown order sent.", ErrorKind::OrderNotFound, None),
        (
            -1013,
            "Filter failure: PRICE_FILTER",
            ErrorKind::InvalidRequest,
            Some("price"),
        ),
        (
            -1013,
            "Filter failure: PERCENT_PRICE_BY_SIDE",
            ErrorKind::InvalidRequest,
            Some("price"),
        ),
        (
            -1013,
            "Filter failure: LOT_SIZE",
            ErrorKind::InvalidRequest,
            Some("quantity"),
        ),
        (
            -1013,
            "Filter failure: NOTIONAL",
            ErrorKind::InvalidRequest,
            Some("quantity"),
        ),
        (
            -1013,
            "Filter failure: MAX_NUM_ORDERS",
            ErrorKind::InvalidRequest,
            None,
        ),
        (
            -1111,
            "Parameter 'quantity' has too much precision.",
            ErrorKind::InvalidRequest,
            Some("quantity"),
        ),
        (
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-z]$'.",
            ErrorKind::InvalidRequest,
            Some("client-id"),
        ),
        (
            -1121,
            "Invalid symbol.",
            ErrorKind::InvalidRequest,
            Some("symbol"),
        ),
        (
            -1020,
            "This operation is not supported.",
            ErrorKind::Unsupported,
            None,
        ),
        (
            -1021,
            "Timestamp for this request is outside of the recvWindow.",
            ErrorKind::ClockSkew,
            None,
        ),
        (
            -1022,
            "Signature for this request is not valid.",
            ErrorKind::AuthFailed,
            None,
        ),
        (
            -2014,
            "API-key format invalid.",
            ErrorKind::AuthFailed,
            None,
        ),
        (
            -2015,
            "Invalid API-key, IP, or permissions for action.",
            ErrorKind::AuthFailed,
            None,
        ),
        (
            -1002,
            "You are not authorized to execute this request.",
            ErrorKind::AuthFailed,
            None,
        ),
    ] {
        let error = coded(400, code, text);
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{text}");
        assert_eq!(error.field.as_deref(), field, "{text}");
        assert_eq!(error.message, text);
    }
}

#[test]
fn a_code_that_quotes_another_reason_keeps_its_own_meaning() {
    let error = coded(400, -1007, "Filter failure: PRICE_FILTER");
    assert_eq!(
        (error.kind, error.effect),
        (ErrorKind::OutcomeUnknown, Effect::Unknown)
    );
}

#[test]
fn an_outcome_that_the_venue_does_not_know_is_unknown() {
    for (status, code, kind) in [
        (400, -1006, ErrorKind::OutcomeUnknown),
        (504, -1007, ErrorKind::OutcomeUnknown),
        (503, -1008, ErrorKind::Overloaded(None)),
        (500, -1000, ErrorKind::VenueUnavailable),
        (500, -1001, ErrorKind::VenueUnavailable),
        (503, -1016, ErrorKind::VenueUnavailable),
        // Even a refusal, where its status says that nothing is certain.
        (500, -2010, ErrorKind::InvalidRequest),
    ] {
        let error = coded(status, code, "x");
        assert_eq!(
            (error.kind, error.effect),
            (kind, Effect::Unknown),
            "{status} {code}"
        );
    }
}

#[test]
fn a_status_without_a_documented_body_speaks_for_itself() {
    for (status, kind, effect) in [
        (500, ErrorKind::VenueUnavailable, Effect::Unknown),
        (502, ErrorKind::VenueUnavailable, Effect::Unknown),
        (504, ErrorKind::VenueUnavailable, Effect::Unknown),
        (408, ErrorKind::VenueUnavailable, Effect::Unknown),
        (302, ErrorKind::MalformedResponse, Effect::Unknown),
        (100, ErrorKind::MalformedResponse, Effect::Unknown),
        (400, ErrorKind::InvalidRequest, Effect::None),
        (401, ErrorKind::AuthFailed, Effect::None),
        (403, ErrorKind::RateLimited(None), Effect::None),
        (418, ErrorKind::Banned(None), Effect::None),
        (429, ErrorKind::RateLimited(None), Effect::None),
    ] {
        let error = placed(status, "<html>Bad Gateway</html>");
        assert_eq!((error.kind, error.effect), (kind, effect), "{status}");
    }
    let error = coded(400, -9999, "Something the list does not have.");
    assert_eq!(
        (error.kind, error.effect),
        (ErrorKind::InvalidRequest, Effect::None)
    );
    assert_eq!(
        (error.venue_code.as_deref(), error.message.as_str()),
        (Some("-9999"), "Something the list does not have.")
    );
}

#[test]
fn limits_and_bans_say_when_to_come_back() {
    let desk = Desk::new();
    let limited = |status, body: &str, seconds: Option<&str>| {
        let mut response = testing::response(status, body);
        if let Some(seconds) = seconds {
            response = testing::with_header(response, "Retry-After", seconds);
        }
        verdict(VENUE.decode_place(&desk.cx(), &limit_order(), None, &[response]))
    };
    let weight = r#"{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."}"#;
    let banned = r#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 1659146400000. Please use WebSocket Streams for live updates to avoid bans."}"#;
    let orders =
        r#"{"code":-1015,"msg":"Too many new orders; current limit is 100 orders per 10 SECOND."}"#;
    let daily =
        r#"{"code":-1015,"msg":"Too many new orders; current limit is 200000 orders per 1 DAY."}"#;
    for (status, body, seconds, kind) in [
        (429, weight, Some("7"), ErrorKind::RateLimited(Some(7_000))),
        (429, weight, None, ErrorKind::RateLimited(Some(60_000))),
        (429, orders, None, ErrorKind::RateLimited(Some(10_000))),
        (429, daily, None, ErrorKind::RateLimited(None)),
        (
            418,
            banned,
            Some("7"),
            ErrorKind::Banned(Some(1_659_146_400_000)),
        ),
        (
            403,
            banned,
            None,
            ErrorKind::Banned(Some(1_659_146_400_000)),
        ),
        (
            418,
            weight,
            Some("120"),
            ErrorKind::Banned(Some(NOW + 120_000)),
        ),
        (418, "", Some("120"), ErrorKind::Banned(Some(NOW + 120_000))),
        (429, "", Some("soon"), ErrorKind::RateLimited(None)),
        (429, "", Some("99999999999"), ErrorKind::RateLimited(None)),
    ] {
        assert_eq!(
            limited(status, body, seconds),
            (kind, Effect::None),
            "{status} {body}"
        );
    }
}

#[test]
fn a_read_never_has_an_effect() {
    let desk = Desk::new();
    for (status, body) in [
        (500, ""),
        (504, r#"{"code":-1007,"msg":"x"}"#),
        (200, "{}"),
        (302, ""),
    ] {
        let get = GetOrder { order: by_id("1") };
        assert_eq!(
            verdict(VENUE.decode_get_order(&desk.cx(), &get, None, &answer(status, body))).1,
            Effect::None
        );
        assert_eq!(
            verdict(VENUE.decode_get_ticker(&desk.cx(), None, &answer(status, body))).1,
            Effect::None
        );
        let cancel = Cancel { order: by_id("1") };
        assert_eq!(
            verdict(VENUE.decode_cancel(&desk.cx(), &cancel, None, &answer(status, body))).1,
            Effect::Unknown
        );
    }
}

#[test]
fn a_message_that_quotes_the_key_is_cleaned() {
    let error = coded(400, -2015, &format!("Invalid API-key {API_KEY}."));
    assert_eq!(error.message, "Invalid API-key (key).");
}
