//! JSON Web Tokens in place of keys.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde_json::{Value, json};
use switchyard_end_to_end::{TestApp, limit_order};

/// What tokens are signed with.
pub(crate) const SECRET: &str = "an issuer's secret of at least thirty-two bytes";

/// What a gateway is configured with to take tokens; the secret is written into a file of this directory.
pub(crate) fn section(directory: &Path) -> String {
    let secret = directory.join("jwt.secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let secret = Value::from(format!("file:{}", secret.display()));
    format!(
        "[auth.jwt]\nissuer = \"https://id.example.com\"\naudience = \"switchyard\"\n\
         [[auth.jwt.keys]]\nid = \"main\"\nalgorithm = \"HS256\"\nkey = {secret}\n"
    )
}

async fn app() -> TestApp {
    app_with("").await
}

async fn app_with(last_lines: &str) -> TestApp {
    TestApp::with(|mut config| {
        config.last_lines = section(&config.directory) + last_lines;
        config
    })
    .await
}

/// A token of alice's, with these claims in place of the usual ones.
pub(crate) fn token(claims: Value) -> String {
    token_of("main", claims)
}

fn token_of(kid: &str, claims: Value) -> String {
    let now = switchyard::model::Timestamp::now().as_millis() / 1_000;
    let mut all = json!({
        "iss": "https://id.example.com", "aud": "switchyard", "sub": "alice", "exp": now + 60,
        "tenant": "a", "role": "trader",
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let header = json!({"alg": "HS256", "kid": kid});
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let message = format!("{}.{}", part(&header), part(&all));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_trades_for_its_tenant_at_its_venues_in_its_role() {
    let app = app().await;
    let alice = app.anonymous().showing(&token(json!({"venues": ["sim"]})));
    let order = alice
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    app.viewer().order(&order).await.expect(200);
    let events = app
        .viewer()
        .get(&format!("/v1/orders/{order}/events"))
        .await
        .expect(200);
    assert!(events.text.contains("jwt:alice"), "{}", events.text);
    alice.get("/v1/keys").await.expect_problem(403, "forbidden");
    let reader = app.anonymous().showing(&token(json!({"role": "viewer"})));
    reader.cancel(&order).await.expect_problem(403, "forbidden");
    let stranger = app.anonymous().showing(&token(json!({"tenant": "b"})));
    stranger
        .order(&order)
        .await
        .expect_problem(404, "order-not-found");
    let elsewhere = app
        .anonymous()
        .showing(&token(json!({"venues": ["other"]})));
    elsewhere
        .order(&order)
        .await
        .expect_problem(404, "order-not-found");
    elsewhere
        .get("/v1/balances?venue=sim")
        .await
        .expect_problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_fit_is_refused() {
    let app = app().await;
    for claims in [
        json!({"exp": 1}),
        json!({"iss": "https://elsewhere.example.com"}),
        json!({"aud": "another"}),
        json!({"tenant": "nobody"}),
        json!({"role": "root"}),
    ] {
        let caller = app.anonymous().showing(&token(claims.clone()));
        let refused = caller.get("/v1/orders").await;
        assert_eq!(refused.status, 401, "{claims}: {}", refused.text);
        refused.expect_problem(401, "unauthenticated");
    }
    let good = token(json!({}));
    let unsigned = good.rsplit_once('.').unwrap().0;
    let forged = app.anonymous().showing(&format!("{unsigned}."));
    forged.get("/v1/orders").await.expect(401);
    app.anonymous()
        .showing(&good)
        .get("/v1/orders")
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_changed_its_keys_locks_nobody_out() {
    let app = app_with("[auth.lockout]\nfailures = 3\n").await;
    for _ in 0..5 {
        let caller = app
            .anonymous()
            .showing(&token_of("2019-01", json!({"role": "viewer"})));
        caller
            .get("/v1/orders")
            .await
            .expect_problem(401, "unauthenticated");
    }
    let metrics = app.viewer().get("/metrics").await.expect(200);
    let line = "switchyard_http_requests_denied_total{reason=\"unknown_kid\"} 5";
    assert!(metrics.text.contains(line), "{}", metrics.text);
}
