//! Adapters that fail or are taken back while others are on their way.

use std::fs;

use serde_json::{Value, json};
use switchyard_end_to_end::{PlainVenue, TestApp, eventually, hostile_adapters};

use crate::reloading::{
    app, becomes, drop_in, of_version, plugin, post, same_but_newer, sha256, upload, with_section,
};

async fn active(app: &TestApp) -> String {
    let plugin = plugin(app).await;
    plugin["active"]["sha256"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rollback_goes_further_back_and_not_to_what_the_first_took_out() {
    let (app, _plugins) = app("canary_share = 0").await;
    let first = active(&app).await;
    let mut came = vec![first.clone()];
    for number in 1..=2 {
        let next = same_but_newer(&app, number);
        drop_in(&app, &next);
        came.push(sha256(&next));
        becomes(&app, &came[came.len() - 1], "active").await;
    }
    let back = post(&app, "rollback", &json!({})).await.expect(200);
    assert_eq!(back["active"]["sha256"], came[1].as_str());
    let back = post(&app, "rollback", &json!({})).await.expect(200);
    assert_eq!(back["active"]["sha256"], first.as_str());
    let nothing = post(&app, "rollback", &json!({})).await;
    nothing.expect_problem(409, "plugin-conflict");
    // By name, what was taken back may serve again.
    let wanted = json!({"version": came[2]});
    let promoted = post(&app, "promote", &wanted).await.expect(200);
    assert_eq!(promoted["active"]["sha256"], came[2].as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_be_promoted_leaves_the_candidate_on_its_way() {
    let (app, _plugins) = app("").await;
    let others = fs::read(switchyard_end_to_end::adapters().join("bitmex.wasm")).unwrap();
    let unfit = sha256(&others);
    upload(&app, others).await.expect(202);
    becomes(&app, &unfit, "rejected").await;
    let next = same_but_newer(&app, 1);
    let candidate = sha256(&next);
    upload(&app, next).await.expect(202);
    let refused = post(&app, "promote", &json!({"version": unfit})).await;
    assert!(refused.status >= 400, "{}", refused.text);
    becomes(&app, &candidate, "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_breaks_the_contract_serves_neither_by_itself_nor_by_hand() {
    let (app, _plugins) = app("").await;
    let mut bytes = fs::read(hostile_adapters().join("faulty-adapter.wasm")).unwrap();
    let marker = b"switchyard-planted-fault:00";
    let at = bytes
        .windows(marker.len())
        .position(|window| window == marker);
    // The ninth fault: requests that declare no cost.
    bytes[at.unwrap() + marker.len() - 1] = b'9';
    let broken = sha256(&bytes);
    upload(&app, bytes).await.expect(202);
    let rejected = becomes(&app, &broken, "rejected").await;
    assert!(
        rejected["reason"].to_string().contains("ENC-005"),
        "{rejected}"
    );
    let refused = post(&app, "promote", &json!({"version": broken})).await;
    let problem = refused.expect_problem(422, "plugin-rejected");
    assert!(problem.text.contains("ENC-005"), "{}", problem.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_is_compared_anew_when_what_it_was_compared_with_is_quarantined() {
    const PATH: &str = "/v1/plugins/hostile-adapter";
    let plugins = tempfile::tempdir().unwrap();
    let file = plugins.path().join("hostile-adapter.wasm");
    let component = hostile_adapters().join("hostile-adapter.wasm");
    fs::copy(&component, &file).unwrap();
    let venue = PlainVenue::start("").await;
    let app = TestApp::with(|mut config| {
        let binance = config.plugins.join("binance.wasm");
        fs::copy(binance, plugins.path().join("binance.wasm")).unwrap();
        config.plugins = plugins.path().to_owned();
        config.plugin_lines.push_str(
            "\npoll_ms = 200\nsettle_ms = 20\ntraps_allowed = 1\ncanary_share = 0.01\ntrial.time_ms = 2000\ntrial.max_slowdown_percent = 100000",
        );
        config.venue("hostile", "hostile-adapter", ("rest", &venue.url()), None)
    })
    .await;
    let shown = async || app.viewer().get(PATH).await.expect(200);
    let first = shown().await["active"]["sha256"].clone();
    let is = async |bytes: &[u8], state: &str| -> Value {
        let sha256 = sha256(bytes);
        eventually(&format!("{sha256} is {state}"), async || {
            let version = of_version(shown().await.json(), &sha256).clone();
            (version["state"] == state)
                .then_some(version.clone())
                .ok_or(version)
        })
        .await
    };
    let bytes = fs::read(&component).unwrap();
    let [second, third] = [1, 2].map(|number| with_section(bytes.clone(), number));
    fs::write(&file, &second).unwrap();
    is(&second, "active").await;
    fs::write(&file, &third).unwrap();
    is(&third, "canary").await;
    for _ in 0..2 {
        let trap = "/v1/tickers?venue=hostile&symbol=TRAP/USDT";
        app.viewer().get(trap).await;
    }
    is(&second, "quarantined").await;
    assert_eq!(shown().await["active"]["sha256"], first);
    let version = is(&third, "active").await;
    let history = version["history"].as_array().unwrap();
    let began = history.iter().filter(|step| step["state"] == "compiling");
    assert_eq!(began.count(), 2, "{version}");
}
