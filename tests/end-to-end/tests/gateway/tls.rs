//! Encrypted connections.

use std::fs;
use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use switchyard_end_to_end::{Caller, GatewayConfig, eventually_within, start_gateway};
use tempfile::TempDir;

pub(crate) fn write_certificate(directory: &Path) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(directory.join("certificate.pem"), cert.pem()).unwrap();
    cert.pem()
}

fn config(directory: &TempDir) -> GatewayConfig {
    let mut config = GatewayConfig::in_directory(directory.path());
    let path =
        |name: &str| serde_json::Value::from(directory.path().join(name).display().to_string());
    config.server_lines = format!(
        "tls = {{ certificate = {}, key = {} }}\nhead_timeout_ms = 1000",
        path("certificate.pem"),
        path("key.pem")
    );
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_served_encrypted_and_a_new_certificate_is_taken_in() {
    let directory = tempfile::tempdir().unwrap();
    let first = write_certificate(directory.path());
    let gateway = start_gateway(&config(&directory)).await.unwrap();
    let address = gateway.anonymous().base().replace("http://", "https://");
    let answer = Caller::trusting(&address, &first)
        .get("/health/live")
        .await
        .expect(200);
    assert_eq!(
        answer.header("strict-transport-security"),
        Some("max-age=31536000")
    );
    assert!(
        Caller::anonymous(&address)
            .request(reqwest::Method::GET, "/health/live")
            .send()
            .await
            .is_err()
    );
    let plain = gateway
        .anonymous()
        .request(reqwest::Method::GET, "/health/live")
        .send()
        .await;
    assert!(plain.is_err(), "nothing is said in the clear");
    // Half a connection, which is given up and keeps nobody from being served.
    let silent = tokio::net::TcpStream::connect(address.trim_start_matches("https://"))
        .await
        .unwrap();
    // One that cannot be used changes nothing; the next one is taken in.
    fs::write(directory.path().join("certificate.pem"), "nothing").unwrap();
    let second = write_certificate(directory.path());
    let patience = std::time::Duration::from_secs(20);
    eventually_within(patience, "the new certificate is shown", || async {
        let fresh = Caller::trusting(&address, &second);
        let answer = fresh
            .request(reqwest::Method::GET, "/health/live")
            .send()
            .await;
        answer.map(drop).map_err(|error| error.to_string())
    })
    .await;
    drop(silent);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let error = start_gateway(&config(&directory)).await.unwrap_err();
    assert!(error.contains("server.tls.certificate"), "{error}");
    write_certificate(directory.path());
    fs::write(directory.path().join("key.pem"), "nothing").unwrap();
    let error = start_gateway(&config(&directory)).await.unwrap_err();
    assert!(error.contains("server.tls.key"), "{error}");
    // The key of another certificate.
    let other = tempfile::tempdir().unwrap();
    write_certificate(directory.path());
    write_certificate(other.path());
    fs::copy(
        other.path().join("key.pem"),
        directory.path().join("key.pem"),
    )
    .unwrap();
    let error = start_gateway(&config(&directory)).await.unwrap_err();
    assert!(error.contains("server.tls.key"), "{error}");
}
