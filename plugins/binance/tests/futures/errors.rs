use switchyard_sdk::Trading;
use switchyard_sdk::types::{Effect, Error, ErrorKind};

use crate::desk::*;

/// The codes that an API publishes, as collected in `data/`.
fn published(endpoint: &str) -> Vec<i64> {
    let list = match endpoint {
        "usdm" => include_str!("data/usdm_error_codes.txt"),
        _ => include_str!("data/coinm_error_codes.txt"),
    };
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let code = line.split(' ').next().unwrap_or_default();
            code.parse().expect("is a code")
        })
        .collect()
}

/// The error of a place that is answered so.
fn placed(endpoint: &str, status: u16, body: &str) -> Error {
    let desk = Desk::on(endpoint);
    VENUE
        .decode_place(&desk.cx(), &limit_order(), None, &answer(status, body))
        .expect_err("is an error")
}

fn coded(endpoint: &str, status: u16, code: i64, text: &str) -> Error {
    placed(
        endpoint,
        status,
        &format!(r#"{{"code":{code},"msg":"{text}"}}"#),
    )
}

#[test]
fn every_published_code_has_a_meaning_and_few_leave_a_doubt() {
    for (endpoint, count, open) in [
        (
            "usdm",
            209,
            &[-1000, -1001, -1006, -1007, -1008, -2012, -5041][..],
        ),
        ("coinm", 160, &[-1000, -1001, -1006, -1007, -1008][..]),
    ] {
        let codes = published(endpoint);
        assert_eq!(codes.len(), count);
        let mut doubtful = Vec::new();
        for code in codes {
            // A status that would mean something else tells an explicit rule from the fallback.
            let error = coded(endpoint, 302, code, "x");
            assert_ne!(
                error.kind,
                ErrorKind::MalformedResponse,
                "{code} has no rule"
            );
            assert_eq!(error.venue_code, Some(code.to_string()));
            if error.effect == Effect::Unknown {
                doubtful.push(code);
            }
        }
        assert_eq!(doubtful, open);
    }
}

#[test]
fn codes_mean_what_either_api_says() {
    for (endpoint, code, kind, field) in [
        ("usdm", -1003, ErrorKind::RateLimited(None), None),
        ("usdm", -1021, ErrorKind::ClockSkew, None),
        ("usdm", -2019, ErrorKind::InsufficientFunds, None),
        ("coinm", -2018, ErrorKind::InsufficientFunds, None),
        ("usdm", -2021, ErrorKind::InvalidRequest, None),
        (
            "usdm",
            -2022,
            ErrorKind::InvalidRequest,
            Some("reduce-only"),
        ),
        ("usdm", -4014, ErrorKind::InvalidRequest, Some("price")),
        ("coinm", -4023, ErrorKind::InvalidRequest, Some("quantity")),
        (
            "usdm",
            -4116,
            ErrorKind::DuplicateClientId,
            Some("client-id"),
        ),
        ("usdm", -4120, ErrorKind::Unsupported, Some("order-type")),
        ("coinm", -4120, ErrorKind::Unsupported, Some("order-type")),
        ("usdm", -4164, ErrorKind::InvalidRequest, Some("quantity")),
        ("coinm", -4178, ErrorKind::InvalidRequest, Some("quantity")),
        ("usdm", -5022, ErrorKind::InvalidRequest, Some("price")),
        ("usdm", -5025, ErrorKind::NotAmendable, None),
        ("usdm", -5028, ErrorKind::ClockSkew, None),
        ("coinm", -4188, ErrorKind::ClockSkew, None),
        ("coinm", -4198, ErrorKind::NotAmendable, None),
        // The same numbers with other meanings.
        ("usdm", -4087, ErrorKind::AuthFailed, Some("reduce-only")),
        ("coinm", -4087, ErrorKind::InvalidRequest, Some("symbol")),
        ("usdm", -4088, ErrorKind::AuthFailed, None),
        ("coinm", -4088, ErrorKind::InvalidRequest, Some("since")),
    ] {
        let error = coded(endpoint, 400, code, "x");
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{code}");
        assert_eq!(error.field.as_deref(), field, "{code}");
    }
}

#[test]
fn hedge_mode_is_named_before_the_venues_own_words() {
    let text = "Order's position side does not match user's setting.";
    for (endpoint, _) in BOTH {
        let error = coded(endpoint, 400, -4061, text);
        assert_eq!(
            (error.kind, error.effect),
            (ErrorKind::InvalidRequest, Effect::None)
        );
        assert!(error.message.contains("hedge mode") && error.message.ends_with(text));
    }
}

#[test]
fn a_503_executed_nothing_only_where_binance_says_so() {
    let throttled = "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again.";
    let unknown = "Unknown error, please check your request or try again later.";
    let internal = "Internal error; unable to process your request. Please try again.";
    for (endpoint, _) in BOTH {
        for (code, text, kind, effect) in [
            (-1008, throttled, ErrorKind::Overloaded(None), Effect::None),
            (
                -1001,
                "Service Unavailable.",
                ErrorKind::VenueUnavailable,
                Effect::None,
            ),
            (
                -1008,
                "Server is currently overloaded with other requests. Please try again in a few minutes.",
                ErrorKind::Overloaded(None),
                Effect::Unknown,
            ),
            (-1000, unknown, ErrorKind::VenueUnavailable, Effect::Unknown),
            (
                -1001,
                internal,
                ErrorKind::VenueUnavailable,
                Effect::Unknown,
            ),
            (-1007, "x", ErrorKind::OutcomeUnknown, Effect::Unknown),
            (-2019, "x", ErrorKind::InsufficientFunds, Effect::Unknown),
        ] {
            let error = coded(endpoint, 503, code, text);
            assert_eq!((error.kind, error.effect), (kind, effect), "{text}");
        }
        assert_eq!(
            coded(endpoint, 500, -1008, throttled).effect,
            Effect::Unknown
        );
        // A proxy's page is not Binance's word.
        for (status, body) in [
            (503, "Service Unavailable."),
            (502, "<html>Bad Gateway</html>"),
            (504, ""),
            (408, r#"{"code":-9999,"msg":"x"}"#),
        ] {
            assert_eq!(placed(endpoint, status, body).effect, Effect::Unknown);
        }
    }
}

#[test]
fn an_unlisted_code_goes_by_its_status_and_keeps_the_venues_words() {
    let error = coded("coinm", 400, -9999, "Something new.");
    assert_eq!(
        (error.kind, error.effect, error.message.as_str()),
        (ErrorKind::InvalidRequest, Effect::None, "Something new.")
    );
    assert_eq!(
        coded("usdm", 500, -9999, "Something new.").effect,
        Effect::Unknown
    );
}

#[test]
fn minus_5041_goes_by_its_text() {
    assert_eq!(
        coded("usdm", 400, -5041, "No depth matches this BBO order").effect,
        Effect::None
    );
    let queued = "Time out for too many requests from this account queueing at the same time.";
    assert_eq!(coded("usdm", 400, -5041, queued).effect, Effect::Unknown);
}
