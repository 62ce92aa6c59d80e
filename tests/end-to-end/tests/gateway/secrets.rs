//! Secrets stay where they are: not in the log, whatever its level, and not in any answer.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, GatewayProcess, OPERATOR, OTHER_TRADER, TRADER, VIEWER,
    eventually, limit_order, simulator,
};
use switchyard_postgres_server::PostgresServer;
use switchyard_venue_sim::{FaultAction, FaultRule};

use crate::tokens::{SECRET, section, token};

/// What stands for a signature where exchanges with venues are shown.
const REDACTED_SIGNATURE: &str = "signature=[signature]";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_logged_at_any_level_or_answered_in_any_failure() {
    let sim = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
    config.log_level = "trace".to_owned();
    let log = directory.path().join("log");
    let process = GatewayProcess::start(&config.write(), &log).await;
    process.ready().await;
    let trader = process.anonymous().with(TRADER);
    let mut answers = Vec::new();

    let placed = trader
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201);
    answers.push(
        trader
            .get(&format!("/v1/orders/{}/events", placed.id()))
            .await,
    );
    answers.push(trader.cancel(&placed.id()).await);
    answers.push(placed);
    for fault in [
        FaultAction::DropBefore,
        FaultAction::ExecuteThenDrop,
        FaultAction::TruncatedBody,
        FaultAction::GarbageBody { bytes: 200 },
        FaultAction::HtmlErrorPage { status: 502 },
        FaultAction::Status {
            status: 401,
            retry_after: None,
            body: None,
        },
        FaultAction::Status {
            status: 429,
            retry_after: Some(1),
            body: None,
        },
    ] {
        for (method, path) in [("POST", "/api/v3/order"), ("GET", "/api/v3/account")] {
            let rule = FaultRule::on(method, path).times(1);
            sim.control().add_fault(rule.act(fault.clone()));
        }
        let placed = trader.place(&limit_order("0.001", "50000")).await;
        if let Some(id) = placed["id"].as_str().or(placed["order_id"].as_str()) {
            answers.push(trader.get(&format!("/v1/orders/{id}/events")).await);
        }
        answers.push(placed);
        answers.push(trader.get("/v1/balances").await);
    }
    answers.push(trader.place(&limit_order("100", "59000")).await);
    answers.push(
        process
            .anonymous()
            .showing("a-wrong-key-that-was-shown")
            .get("/v1/orders")
            .await,
    );
    sim.shutdown().await;
    answers.push(trader.place(&limit_order("0.001", "50000")).await);
    for path in [
        "/v1/orders",
        "/v1/orders/active",
        "/v1/balances",
        "/v1/venues",
        "/health",
        "/metrics",
        "/health/venues/sim",
        "/openapi.json",
        "/v1/orders?source=venue&venue=sim&symbol=BTC/USDT",
    ] {
        answers.push(trader.get(path).await);
    }
    assert_eq!(process.terminate().await, Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("\"TRACE\"") || log.contains("\"DEBUG\""),
        "the log is at its most talkative"
    );

    // Journaled exchanges show where a signature was.
    let log = log.replace(REDACTED_SIGNATURE, "");
    for answer in &mut answers {
        answer.text = answer.text.replace(REDACTED_SIGNATURE, "");
    }

    let credentials = sim.credentials();
    for (what, secret) in [
        ("the venue's secret", credentials.secret.as_str()),
        ("the venue's API key", &credentials.api_key),
        ("a signature", "signature="),
        ("a gateway key", VIEWER.key),
        ("a gateway key", TRADER.key),
        ("a gateway key", OPERATOR.key),
        ("a gateway key", OTHER_TRADER.key),
        ("a wrong key", "a-wrong-key-that-was-shown"),
    ] {
        let leak = log.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "the log holds {what}");
        for answer in &answers {
            assert!(!answer.text.contains(secret), "{what}: {}", answer.text);
            assert!(!format!("{:?}", answer.headers).contains(secret), "{what}");
        }
    }
}

/// A password of PostgreSQL's.
const PASSWORD: &str = "the-journals-password-9d1f";

/// A server that lets in who knows the password; none, said out loud, where PostgreSQL is not installed.
fn server_with_a_password() -> Option<PostgresServer> {
    let mut server = PostgresServer::start()?;
    server.run(&format!("ALTER USER switchyard PASSWORD '{PASSWORD}'"));
    let rules = server.run("SHOW hba_file");
    server.run(&format!(
        "COPY (SELECT 'host all all 127.0.0.1/32 scram-sha-256') TO '{rules}'"
    ));
    server.crash();
    server.start_again(&[]);
    Some(server)
}

/// How often a text holds another.
fn times(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_new_keys_and_the_journals_password_are_in_no_log_of_either_format() {
    let server = server_with_a_password();
    for format in ["json", "text"] {
        nothing_secret_is_logged_as(format, server.as_ref()).await;
    }
}

async fn nothing_secret_is_logged_as(format: &str, server: Option<&PostgresServer>) {
    let (sim, directory) = (simulator().await, tempfile::tempdir().unwrap());
    let home = directory.path();
    let mut config = GatewayConfig::in_directory(home).simulated(&sim);
    config.log_level = "trace".to_owned();
    config.last_lines = section(home);
    // Where it listens is not read from a log that is for people.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    config.listen = free.local_addr().unwrap().to_string();
    drop(free);
    let quoted = |text: String| Value::from(text).to_string();
    let state = quoted(home.join("versions").display().to_string());
    config
        .plugin_lines
        .push_str(&format!("\nstate_directory = {state}"));
    let mut text = config.to_toml();
    let mut replace = |from: &str, to: &str| {
        assert_eq!(times(&text, from), 1, "{from}: {text}");
        text = text.replace(from, to);
    };
    replace("[log]\n", &format!("[log]\nformat = \"{format}\"\n"));
    if let Some(server) = server {
        let password = home.join("password");
        fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
        let of_its_own = format!("url = \"sqlite://{}\"", home.join("journal.db").display());
        let password = quoted(format!("file:{}", password.display()));
        let on_the_server = format!("url = \"{}\"\npassword = {password}", server.url());
        replace(&of_its_own, &on_the_server);
    }
    let path = home.join("switchyard.toml");
    fs::write(&path, text).unwrap();
    let log = home.join("log");
    let process = GatewayProcess::spawn(&path, &log, Vec::new());
    let anonymous = Caller::anonymous(&format!("http://{}", config.listen));
    eventually("the gateway is ready", || async {
        let asked = anonymous.request(Method::GET, "/health/ready").send().await;
        match asked {
            Ok(answer) if answer.status() == 200 => Ok(()),
            other => Err(format!("{other:?}; {}", process.log())),
        }
    })
    .await;

    let (good, expired) = (token(json!({})), token(json!({"exp": 1})));
    let alice = anonymous.showing(&good);
    let placed = alice.place(&limit_order("0.001", "50000")).await;
    let placed = placed.expect(201);
    let events = format!("/v1/orders/{}/events", placed.id());
    // The next gateway on the server's journal, at another venue, is not to look for it.
    let canceled = alice.cancel(&placed.id()).await.expect(200);
    let mut answers = vec![alice.get(&events).await.expect(200), placed, canceled];
    let late = anonymous.showing(&expired).get("/v1/orders").await;
    answers.push(late.expect(401));
    let forged = format!("{good}x");
    answers.push(
        anonymous
            .showing(&forged)
            .get("/v1/orders")
            .await
            .expect(401),
    );

    let operator = anonymous.with(OPERATOR);
    // The journal on the server outlives the gateway, and so does what was said of keys.
    let id = format!("desk-{format}");
    let wanted = json!({"id": id, "role": "trader"});
    let made = operator.post("/v1/keys", &wanted).await.expect(201);
    let rotate = format!("/v1/keys/{id}/rotate");
    let grace = json!({"grace_seconds": 600});
    let rotated = operator.post(&rotate, &grace).await.expect(200);
    let (old, new) = (made.text_of("key"), rotated.text_of("key"));
    let shown = |answer: &Answer| (times(&answer.text, &old), times(&answer.text, &new));
    assert_eq!(shown(&made), (1, 0), "a key is in its own answer, once");
    assert_eq!(shown(&rotated), (0, 1), "a key is in its own answer, once");
    for key in [&old, &new] {
        let desk = anonymous.showing(key);
        answers.push(desk.get("/v1/orders").await.expect(200));
        answers.push(desk.get("/v1/keys").await.expect(403));
    }
    answers.push(operator.get("/v1/keys").await.expect(200));
    let revoke = format!("/v1/keys/{id}");
    answers.push(operator.delete(&revoke).await.expect(200));
    answers.push(anonymous.showing(&new).get("/v1/orders").await.expect(401));
    for path in ["/metrics", "/health", "/v1/venues"] {
        answers.push(operator.get(path).await.expect(200));
    }

    assert_eq!(process.terminate().await, Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "the log is at its most talkative"
    );
    let is_json = log.lines().next().is_some_and(|line| line.starts_with('{'));
    assert_eq!(is_json, format == "json", "{log}");
    let signature = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
    let credentials = sim.credentials();
    for (what, secret) in [
        ("a token", good.as_str()),
        ("a token's signature", &signature(&good)),
        ("an expired token's signature", &signature(&expired)),
        ("the issuer's secret", SECRET),
        ("a key that was made", &old),
        ("a key that replaced it", &new),
        ("the journal's password", PASSWORD),
        ("a key of the configuration", OPERATOR.key),
        ("the venue's secret", &credentials.secret),
        ("the venue's API key", &credentials.api_key),
    ] {
        let leak = log.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "the log ({format}) holds {what}");
        for answer in &answers {
            assert!(!answer.text.contains(secret), "{what}: {}", answer.text);
            assert!(!format!("{:?}", answer.headers).contains(secret), "{what}");
        }
    }
}
