//! Where no keys are asked for, whatever reaches the port is an operator. A page that somebody opens in a browser on this
//! machine must not be: browsers send plain requests to other origins unasked (Fetch, section 3.3: CORS protocol), and the page's own
//! name may come to stand for loopback (DNS rebinding).

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::api::problem::Problem;
use crate::config::ServerConfig;

/// That a request was made by no page, by one of ours, or by one of an origin that may call.
pub(super) fn check(parts: &Parts, server: &ServerConfig) -> Result<(), Problem> {
    let refused = |detail: &str| {
        Err(Problem::forbidden(format!(
            "auth.mode = \"open\": {detail}"
        )))
    };
    let host = match parts.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => parts.headers.get(HOST).and_then(|host| host.to_str().ok()),
    };
    // Browsers always say to whom they speak.
    if host.is_some_and(|host| !is_loopback(host)) {
        return refused("the Host header must be a loopback address or localhost");
    }
    let mut origins = parts.headers.get_all(ORIGIN).iter();
    let is_ours = |origin: &str| {
        let page = ["http://", "https://"]
            .iter()
            .find_map(|scheme| origin.strip_prefix(scheme));
        page.is_some() && page == host || server.cors_origins.iter().any(|other| other == origin)
    };
    if origins.all(|origin| origin.to_str().is_ok_and(is_ours)) {
        return Ok(());
    }
    refused("the page is of an origin that server.cors_origins does not name")
}

fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_let_in(host: &str, origins: &[&str]) -> bool {
        let request = Request::builder().uri("/v1/venues").header(HOST, host);
        let request = origins
            .iter()
            .fold(request, |request, origin| request.header(ORIGIN, *origin));
        let server = ServerConfig {
            cors_origins: vec!["https://desk.example.com".into()],
            ..ServerConfig::default()
        };
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts, &server).is_ok()
    }

    #[test]
    fn programs_our_own_pages_and_those_of_configured_origins_are_let_in() {
        for host in [
            "127.0.0.1:8080",
            "localhost:8080",
            "[::1]:8080",
            "LOCALHOST",
        ] {
            assert!(is_let_in(host, &[]), "{host}");
            assert!(is_let_in(host, &[&format!("http://{host}")]), "{host}");
        }
        assert!(is_let_in("127.0.0.1:8080", &["https://desk.example.com"]));
    }

    #[test]
    fn pages_of_others_are_not_whatever_name_they_reach_the_port_by() {
        for origin in [
            "https://evil.example",
            "null",
            "",
            "http://127.0.0.1:9090",
            "127.0.0.1:8080",
            "https://desk.example.com.evil.example",
        ] {
            assert!(!is_let_in("127.0.0.1:8080", &[origin]), "{origin}");
            let both = ["http://127.0.0.1:8080", origin];
            assert!(!is_let_in("127.0.0.1:8080", &both), "{origin}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "10.0.0.1",
        ] {
            assert!(!is_let_in(host, &[]), "{host}");
            assert!(!is_let_in(host, &[&format!("http://{host}")]), "{host}");
        }
    }
}
