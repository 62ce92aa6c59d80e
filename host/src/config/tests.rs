use super::*;

const VENUE: &str = "[auth]\nmode = \"open\"\n[venues.sim]\nadapter = \"sim\"\n";

fn message(text: &str) -> String {
    Config::from_toml(text, "test.toml")
        .unwrap_err()
        .to_string()
}

#[test]
fn a_minimal_file_is_enough_and_defaults_are_the_documented_ones() {
    let config = Config::from_toml(
        &format!("{VENUE}[venues.sim.endpoints]\nspot = \"http://127.0.0.1:9101\"\n"),
        "test.toml",
    )
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.venues["sim"].recv_window_ms, 5_000);
    assert!(!config.venues["sim"].streams);
    assert_eq!(config.plugins.poll_ms, 2_000);
    assert_eq!(config.plugins.settle_ms, 100);
}

#[test]
fn every_error_names_its_key() {
    for (text, expected) in [
        ("[server]\nlisten = \"nowhere\"", "server.listen"),
        ("[server]\nlisen = \"127.0.0.1:1\"", "lisen"),
        (
            "[auth]\nmode = \"open\"\n[server]\nlisten = \"0.0.0.0:8080\"",
            "auth.mode",
        ),
        (
            "[store]\nurl = \"mysql://x\"\n[auth]\nmode = \"open\"",
            "store.url",
        ),
        (
            "[store]\nurl = \"postgres://u:secret@h/d\"\n[auth]\nmode = \"open\"",
            "store.password",
        ),
        (
            "[store]\nlease_seconds = 1\n[auth]\nmode = \"open\"",
            "store.lease_seconds",
        ),
        (
            "[store]\nidempotency_hours = 48\nretention_days = 2\n[auth]\nmode = \"open\"",
            "store.retention_days",
        ),
        (
            "[store]\nidempotency_hours = 0\n[auth]\nmode = \"open\"",
            "store.idempotency_hours",
        ),
        (
            "[store]\nverify_at_start = \"some\"\n[auth]\nmode = \"open\"",
            "store.verify_at_start",
        ),
        (
            "[auth]\nmode = \"open\"\n[plugins]\nsettle_ms = 9",
            "plugins.settle_ms",
        ),
        (
            "[auth]\nmode = \"open\"\n[plugins]\npoll_ms = 3600001",
            "plugins.poll_ms",
        ),
        ("", "auth.keys"),
        (
            "[auth]\nmode = \"open\"\n[server]\nmax_head_bytes = 100",
            "server.max_head_bytes",
        ),
        (
            "[auth]\nmode = \"open\"\n[server]\ncors_origins = [\"*\"]",
            "server.cors_origins",
        ),
        (
            "[auth]\nmode = \"open\"\n[server]\ntrusted_proxies = [\"10.0.0.0/40\"]",
            "server.trusted_proxies",
        ),
        (
            "[auth]\nmode = \"open\"\nquota = { requests = 0, window_seconds = 1 }",
            "auth.quota.requests",
        ),
        (
            "[auth]\nmode = \"open\"\nlockout.failures = 0",
            "auth.lockout.failures",
        ),
        (
            "[auth.jwt]\nissuer = \"i\"\naudience = \"a\"\nkeys = []",
            "auth.jwt.keys",
        ),
        (
            "[[auth.keys]]\nid = \"k\"\nhash = \"00\"\ntenant = \"t\"\nrole = \"viewer\"\nvenues = [\"x\"]",
            "auth.keys[0].venues",
        ),
        ("[orders]\nid_prefix = \"Gate\"", "orders.id_prefix"),
        (
            "[auth]\nmode = \"open\"\n[orders]\nrefresh_open_ms = 10",
            "orders.refresh_open_ms",
        ),
        (
            "[auth]\nmode = \"open\"\n[venues.sim]\nrecv_window_ms = 1",
            "adapter",
        ),
        (
            &format!("{VENUE}recv_window_ms = 0\n[venues.sim.endpoints]\na = \"http://x\""),
            "venues.sim.recv_window_ms",
        ),
        (
            &format!("{VENUE}[venues.sim.endpoints]\na = \"http://x/path\""),
            "venues.sim.endpoints.a",
        ),
        (
            &format!("{VENUE}[venues.sim.endpoints]\na = \"ftp://x\""),
            "venues.sim.endpoints.a",
        ),
        (
            &format!("{VENUE}[venues.sim.endpoints]\na = 5"),
            "venues.sim.endpoints.a",
        ),
        (
            "[auth]\nmode = \"open\"\n[cache]\nticker_ms = 60001",
            "cache.ticker_ms",
        ),
        (
            &format!("{VENUE}risk.max_notional.USDT = \"0\""),
            "venues.sim.risk.max_notional.USDT",
        ),
        (
            &format!("{VENUE}risk.price_collar_percent = \"-1\""),
            "venues.sim.risk.price_collar_percent",
        ),
        (
            &format!("{VENUE}risk.max_open_orders = 0"),
            "venues.sim.risk.max_open_orders",
        ),
        (
            "[auth]\nmode = \"open\"\n[tenants.open.risk]\nmax_orders_per_second = 0",
            "tenants.open.risk.max_orders_per_second",
        ),
        (
            "[auth]\nmode = \"open\"\n[tenants.opn.risk]\nmax_open_orders = 5",
            "tenants",
        ),
        (
            "[auth]\nmode = \"open\"\n[cache]\ncapacity = 0",
            "cache.capacity",
        ),
        (
            "[auth]\nmode = \"open\"\n[venues.auto]\nadapter = \"x\"",
            "auto",
        ),
        (
            "[auth]\nmode = \"open\"\n[venues.x]\nadapter = \"x\"\ncredentials = { api_key = \"abc\", secret = \"env:B\" }",
            "venues.x.credentials.api_key",
        ),
    ] {
        assert!(
            message(text).contains(expected),
            "{text}\n-> {}",
            message(text)
        );
    }
}

#[test]
fn no_error_repeats_a_url_that_may_hold_a_secret() {
    let open = "[auth]\nmode = \"open\"\n";
    for (text, key) in [
        (
            format!("{open}[store]\nurl = \"mysql://u:hunter2@h/d\""),
            "store.url",
        ),
        (format!("{open}[store]\nurl = \"hunter2\""), "store.url"),
        (
            format!("{VENUE}[venues.sim.endpoints]\na = \"https://u:hunter2@x\""),
            "venues.sim.endpoints.a",
        ),
        (
            format!("{VENUE}[venues.sim.endpoints]\na = \"https://x?key=hunter2\""),
            "venues.sim.endpoints.a",
        ),
        (
            format!("{open}[telemetry.otlp]\nendpoint = \"https://u:hunter2@x\""),
            "telemetry.otlp.endpoint",
        ),
    ] {
        let message = message(&text);
        assert!(message.contains(key), "{message}");
        assert!(message.contains("(not shown)"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    let plain = format!("{VENUE}[venues.sim.endpoints]\na = \"https://x/path\"");
    assert!(message(&plain).contains("https://x/path"));
}

#[test]
fn orders_that_nobody_remembers_are_the_only_tenants_or_nobodys() {
    let key = |id: &str, tenant: &str| {
        format!(
            "[[auth.keys]]\nid = \"{id}\"\nhash = \"00\"\ntenant = \"{tenant}\"\nrole = \"viewer\"\n"
        )
    };
    for (text, tenant) in [
        ("[auth]\nmode = \"open\"".to_owned(), "open"),
        (key("1", "desk"), "desk"),
        (key("1", "desk") + &key("2", "desk"), "desk"),
        (key("1", "desk") + &key("2", "fund"), "adopted"),
    ] {
        let config = Config::from_toml(&text, "test.toml").unwrap();
        assert_eq!(config.auth.tenant_of_unknown_orders(), tenant, "{text}");
    }
}

#[test]
fn configurations_that_come_with_the_gateway_are_read() {
    let key = "[[auth.keys]]\nid = \"k\"\nhash = \"00\"\ntenant = \"t\"\nrole = \"viewer\"\n";
    for text in [
        include_str!("../../../monitoring/deploy/image.toml"),
        include_str!("../../../monitoring/deploy/compose/switchyard.toml"),
        include_str!("../../../monitoring/deploy/kubernetes/switchyard.toml"),
    ] {
        let config = Config::from_toml(&format!("{text}\n{key}"), "shipped").unwrap();
        assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
        assert_eq!(config.plugins.approval, Approval::Manual);
    }
}

#[test]
fn the_rules_of_production_hold_where_the_gateway_comes_deployed_with_its_stage() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitoring/deploy");
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let key = "[{id=\"k\",hash=\"00\",tenant=\"t\",role=\"viewer\"}]";
    let key = own(("SWITCHYARD__AUTH__KEYS", key));
    let mut all = Vec::new();
    for file in ["compose/switchyard.toml", "kubernetes/switchyard.toml"] {
        let file = deploy.join(file);
        let stage = Some(Stage::Production);
        let layers = Layers::read(&file, stage, [key.clone()]).unwrap();
        all.push((file.display().to_string(), layers));
    }
    // What aws/switchyard.yaml puts together when a task starts.
    let read = |file: &str| std::fs::read_to_string(deploy.join(file)).unwrap();
    let stage = "[stage]\nacknowledge = [\"plaintext-listener\"]\n";
    let text = [
        read("image.toml"),
        read("aws/venues.toml"),
        stage.to_owned(),
    ]
    .join("\n");
    let environment = [
        (
            "SWITCHYARD__STORE__URL",
            "postgres://switchyard@db/switchyard",
        ),
        ("SWITCHYARD__SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/16\"]"),
    ];
    let layers = Layers::of_text(&text, "aws", environment.map(own)).unwrap();
    all.push(("aws".to_owned(), layers));
    for (name, layers) in all {
        let config = layers.config().unwrap();
        let mut findings = config.findings();
        findings.retain(|finding| !finding.acknowledged);
        assert!(findings.is_empty(), "{name}: {findings:?}");
        assert_eq!(config.store.backend(), Backend::Postgres, "{name}");
        assert!(
            config
                .venues
                .values()
                .all(|venue| venue.credentials.is_some())
        );
    }
}

#[test]
fn malformed_toml_names_the_file() {
    assert!(
        message("[server").contains("test.toml"),
        "{}",
        message("[server")
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/nowhere/switchyard.toml"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("/nowhere/switchyard.toml"), "{error}");
}
