use switchyard_sdk::testing::{response, with_header};
use switchyard_sdk::types::{Effect, Error, ErrorKind, HttpResponse};
use switchyard_sdk::{Market, Trading};

use crate::desk::*;

fn placing(answer: &[HttpResponse]) -> Error {
    let desk = Desk::at(inverse());
    VENUE
        .decode_place(&desk.cx(), &limit_order(), None, answer)
        .expect_err("is refused")
}

#[test]
fn documented_messages_have_their_kinds_and_no_effect() {
    use ErrorKind as K;
    for (status, message, kind, field) in [
        (
            400,
            "Account has insufficient Available Balance, 683534 USDt required",
            K::InsufficientFunds,
            None,
        ),
        (400, "Duplicate clOrdID", K::DuplicateClientId, None),
        (400, "Invalid orderID", K::OrderNotFound, None),
        (400, "Invalid origClOrdID", K::OrderNotFound, None),
        (400, "Invalid ordStatus: Canceled", K::NotAmendable, None),
        (400, "Invalid symbol", K::InvalidRequest, Some("symbol")),
        (400, "symbol is invalid", K::InvalidRequest, Some("symbol")),
        (400, "Instrument expired", K::InvalidRequest, Some("symbol")),
        (
            400,
            "Instrument not listed for trading yet",
            K::InvalidRequest,
            Some("symbol"),
        ),
        (400, "Invalid orderQty", K::InvalidRequest, Some("quantity")),
        (
            400,
            "orderQty is invalid",
            K::InvalidRequest,
            Some("quantity"),
        ),
        (
            400,
            "Invalid price tickSize",
            K::InvalidRequest,
            Some("price"),
        ),
        (
            400,
            "Order price is below the liquidation price of current long position",
            K::InvalidRequest,
            Some("price"),
        ),
        (
            400,
            "Invalid execInst",
            K::InvalidRequest,
            Some("time-in-force"),
        ),
        (400, "Something new", K::InvalidRequest, None),
        (401, "Invalid API Key.", K::AuthFailed, None),
        (401, "Signature not valid.", K::AuthFailed, None),
        (
            401,
            "This request has expired - `expires` is in the past. Current time: 1795219200",
            K::ClockSkew,
            None,
        ),
        (
            401,
            "Nonce is not increasing. This nonce: 1, last nonce: 2",
            K::ClockSkew,
            None,
        ),
        (403, "Access Denied", K::AuthFailed, None),
        (403, "This key is disabled.", K::AuthFailed, None),
        (403, "Account is restricted", K::AuthFailed, None),
    ] {
        let error = placing(&said(status, message));
        assert_eq!(error.kind, kind, "{message}");
        assert_eq!(error.effect, Effect::None, "{message}");
        assert_eq!(error.field.as_deref(), field, "{message}");
        assert_eq!(error.message, message);
        assert_eq!(error.venue_code.as_deref(), Some("HTTPError"));
    }
}

#[test]
fn a_coded_error_says_its_code() {
    let body = r#"{"error":{"message":"Account has insufficient Available Balance, 683534 USDt required","name":"CodedHTTPError","details":"19000"}}"#;
    let error = placing(&answer(400, body));
    assert_eq!(error.kind, ErrorKind::InsufficientFunds);
    assert_eq!(error.venue_code.as_deref(), Some("19000"));
    // Whatever the details are otherwise, the name is left.
    let body = r#"{"error":{"message":"no","name":"ValidationError","details":{"a":[1]}}}"#;
    assert_eq!(
        placing(&answer(400, body)).venue_code.as_deref(),
        Some("ValidationError")
    );
}

#[test]
fn an_overloaded_system_has_done_nothing_and_wants_half_a_second() {
    let text = "The system is currently overloaded. Please try again later.";
    let error = placing(&said(503, text));
    assert_eq!(error.kind, ErrorKind::Overloaded(Some(500)));
    assert_eq!(error.effect, Effect::None);
    let [answer] = said(503, text);
    let error = placing(&[with_header(answer, "Retry-After", "2")]);
    assert_eq!(error.kind, ErrorKind::Overloaded(Some(2_000)));
}

#[test]
fn any_other_failure_of_the_server_leaves_open_what_a_change_did() {
    let [unavailable] = said(503, "Service unavailable");
    let waited = placing(&[with_header(unavailable, "Retry-After", "5")]);
    assert_eq!(
        waited.effect,
        Effect::Unknown,
        "the text alone says that nothing happened"
    );
    for (status, text) in [
        (500, "Server Error"),
        (502, "Bad Gateway"),
        (503, "Service unavailable"),
        (504, "Gateway Timeout"),
        (
            500,
            "The system is currently overloaded. Please try again later.",
        ),
        (500, "Duplicate clOrdID"),
    ] {
        let error = placing(&said(status, text));
        assert_eq!(
            (error.kind, error.effect),
            (ErrorKind::VenueUnavailable, Effect::Unknown),
            "{status} {text}"
        );
    }
    let error = placing(&answer(503, "<html>overloaded</html>"));
    assert_eq!(error.effect, Effect::Unknown);
    let error = placing(&answer(408, ""));
    assert_eq!(error.effect, Effect::Unknown);
}

#[test]
fn a_read_never_has_an_effect() {
    let desk = Desk::everywhere();
    for status in [0, 200, 302, 400, 408, 429, 500, 503] {
        let (_, effect) = verdict(VENUE.decode_list_open(&desk.cx(), None, &answer(status, "x")));
        assert_eq!(effect, Effect::None);
    }
}

#[test]
fn too_many_requests_say_when_to_come_back() {
    let [bare] = said(429, "Rate limit exceeded, retry in 1 seconds.");
    assert_eq!(
        placing(std::slice::from_ref(&bare)).kind,
        ErrorKind::RateLimited(None)
    );
    let told = with_header(bare.clone(), "Retry-After", "3");
    let error = placing(&[told]);
    assert_eq!(error.kind, ErrorKind::RateLimited(Some(3_000)));
    assert_eq!(error.effect, Effect::None);
    // Else the moment at which the bucket has enough again, also where the other header is a date.
    let reset = with_header(bare, "x-ratelimit-reset", "1795219207");
    assert_eq!(
        placing(std::slice::from_ref(&reset)).kind,
        ErrorKind::RateLimited(Some(7_000))
    );
    let dated = with_header(reset, "Retry-After", "Sat, 21 Nov 2026 00:00:30 GMT");
    assert_eq!(placing(&[dated]).kind, ErrorKind::RateLimited(Some(7_000)));
}

#[test]
fn a_ban_is_a_ban() {
    let fenced = with_header(response(403, "Forbidden"), "Retry-After", "3600");
    assert_eq!(
        placing(&[fenced]).kind,
        ErrorKind::Banned(Some(NOW + 3_600_000))
    );
    // What speaks JSON is the API itself, however it puts it.
    for body in [
        r#"{"error":{"message":null,"name":"HTTPError"}}"#,
        r#"{"error":"no"}"#,
    ] {
        let error = placing(&answer(403, body));
        assert_eq!(error.kind, ErrorKind::AuthFailed, "{body}");
        assert_eq!(error.message, "HTTP status 403");
    }
    let error = placing(&said(403, "Your IP address has been banned."));
    assert_eq!(
        (error.kind, error.effect),
        (ErrorKind::Banned(None), Effect::None)
    );
}

#[test]
fn a_path_that_is_not_there_is_not_an_order_that_is_not_there() {
    let desk = Desk::everywhere();
    let (kind, _) = verdict(VENUE.decode_get_time(&desk.cx(), None, &said(404, "Not Found")));
    assert_eq!(kind, ErrorKind::Unsupported);
}

#[test]
fn a_quoted_key_is_cut_out() {
    let error = placing(&said(403, &format!("{API_KEY} may not order")));
    assert_eq!(error.message, "(key) may not order");
}
