//! The program announces itself to a launcher that knows no venue, and never outlives it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn start(more: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_switchyard-venue-sim"))
        .args(["--listen", "127.0.0.1:0", "--seed", "7", "--announce"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[test]
fn the_announcement_names_endpoints_that_answer_and_the_program_ends_with_its_stdin() {
    let (mut child, announced) = start(&["--exit-with-stdin"]);
    let venue = &announced["venues"][0];
    assert_eq!(venue["demo"][0]["symbol"], "BTC/USDT");
    assert!(
        venue["credentials"]["api_key"].is_string() && venue["credentials"]["secret"].is_string()
    );
    let endpoint = venue["endpoints"]["spot"].as_str().unwrap();
    assert_eq!(announced["control"], format!("{endpoint}/_control"));

    let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    stream
        .write_all(b"GET /api/v3/ping HTTP/1.1\r\nHost: venue\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("{}"),
        "{answer}"
    );

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn bitmex_is_announced_when_asked_for_and_answers_on_a_port_of_its_own() {
    let (mut child, announced) = start(&["--exit-with-stdin", "--bitmex", "127.0.0.1:0"]);
    assert_eq!(announced["venues"].as_array().unwrap().len(), 2);
    let venue = &announced["venues"][1];
    assert_eq!(
        (venue["name"].as_str(), venue["adapter"].as_str()),
        (Some("bitmex"), Some("bitmex"))
    );
    let endpoint = venue["endpoints"]["rest"].as_str().unwrap();
    assert_ne!(announced["venues"][0]["endpoints"]["spot"], endpoint);
    let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    stream
        .write_all(b"GET /api/v1/ HTTP/1.1\r\nHost: venue\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("BitMEX API"), "{answer}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_program_ends_cleanly_when_terminated() {
    let (mut child, _) = start(&[]);
    Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_program_does_not_listen_beyond_loopback_by_accident() {
    let output = Command::new(env!("CARGO_BIN_EXE_switchyard-venue-sim"))
        .args(["--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--allow-remote"));
}
