use std::fs;

use super::*;
use crate::config::{Approval, Setting, explain};

const BASE: &str = "[auth]
mode = \"open\"

[server]
listen = \"127.0.0.1:1\"
request_timeout_ms = 1000

[store]
url = \"sqlite:///base.db\"

[venues.sim]
adapter = \"sim\"
endpoints = { spot = \"http://127.0.0.1:1\" }
credentials = { api_key = \"env:KEY\", secret = \"ssm:///desk/secret\" }
";

/// A directory with these files: names and contents.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn variables(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    variables.iter().map(own).collect()
}

fn setting(settings: &[Setting], key: &str) -> (String, String) {
    let setting = settings.iter().find(|setting| setting.key == key);
    let setting = setting.unwrap_or_else(|| panic!("{key}"));
    (setting.value.to_string(), setting.from.to_string())
}

#[test]
fn later_layers_stand_above_earlier_ones_and_each_value_says_where_it_is_from() {
    let directory = directory(&[
        ("gateway.toml", BASE),
        (
            "gateway.staging.toml",
            "[server]\nlisten = \"127.0.0.1:2\"\nrequest_timeout_ms = 2000\n[plugins]\napproval = \"manual\"\n",
        ),
    ]);
    let file = directory.path().join("gateway.toml");
    let environment = variables(&[
        ("SWITCHYARD__SERVER__LISTEN", "127.0.0.1:3"),
        ("SWITCHYARD__CACHE__TICKER_MS", "7"),
        ("SWITCHYARD_STAGE", "production"),
        ("HOME", "/root"),
    ]);
    let layers = Layers::read(&file, Some(Stage::Staging), environment).unwrap();
    let layers = layers.with_flag("--listen", "server.listen", "127.0.0.1:4");
    let config = layers.config().unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:4");
    assert_eq!(config.server.request_timeout_ms, 2_000);
    assert_eq!(config.store.url, "sqlite:///base.db");
    assert_eq!(config.plugins.approval, Approval::Manual);
    assert_eq!(config.cache.ticker_ms, 7);

    let settings = explain(&layers, &config);
    let in_base = |line: usize| format!("{}:{line}", file.display());
    let in_stage = |line: usize| {
        let stage = directory.path().join("gateway.staging.toml");
        format!("{}:{line}", stage.display())
    };
    for (key, value, from) in [
        ("server.listen", "\"127.0.0.1:4\"", "--listen".to_owned()),
        ("server.request_timeout_ms", "2000", in_stage(3)),
        ("plugins.approval", "\"manual\"", in_stage(5)),
        ("store.url", "\"sqlite:///base.db\"", in_base(9)),
        (
            "cache.ticker_ms",
            "7",
            "SWITCHYARD__CACHE__TICKER_MS".to_owned(),
        ),
        ("cache.capacity", "2000", "default".to_owned()),
        ("plugins.code_cache", "null", "default".to_owned()),
        (
            "venues.sim.endpoints.spot",
            "\"http://127.0.0.1:1\"",
            in_base(13),
        ),
        (
            "venues.sim.credentials.secret",
            "\"ssm:///desk/secret\"",
            in_base(14),
        ),
    ] {
        assert_eq!(setting(&settings, key), (value.to_owned(), from), "{key}");
    }
}

#[test]
fn every_default_is_explained_and_hashes_are_not_shown() {
    let text = "[[auth.keys]]\nid = \"a\"\nhash = \"0123\"\ntenant = \"t\"\nrole = \"viewer\"\n";
    let layers = Layers::of_text(text, "x.toml", []).unwrap();
    let config = layers.config().unwrap();
    let settings = explain(&layers, &config);
    assert_eq!(
        setting(&settings, "auth.keys[0].tenant"),
        ("\"t\"".to_owned(), "x.toml:4".to_owned())
    );
    let (hash, _) = setting(&settings, "auth.keys[0].hash");
    assert!(!hash.contains("0123"), "{hash}");
    for key in [
        "log.level",
        "orders.id_prefix",
        "plugins.trial.calls",
        "plugins.trusted_keys",
        "secrets.refresh_seconds",
        "stage.acknowledge",
        "limiter.queue",
        "store.retention_days",
    ] {
        assert_eq!(setting(&settings, key).1, "default", "{key}");
    }
}

#[test]
fn an_unknown_key_or_value_names_its_layer_and_what_may_have_been_meant() {
    let with = |text: &str, environment: &[(&str, &str)]| {
        let text = format!("[auth]\nmode = \"open\"\n{text}");
        let layers = Layers::of_text(&text, "x.toml", variables(environment)).unwrap();
        layers.config().unwrap_err().to_string()
    };
    for (text, environment, parts) in [
        (
            "[server]\nlisen = \"127.0.0.1:1\"",
            None,
            &["server.lisen", "did you mean \"listen\"", "x.toml:4"][..],
        ),
        (
            "[log]\nformat = \"jsn\"",
            None,
            &["log.format", "did you mean \"json\"", "text", "x.toml:4"],
        ),
        ("[serve]", None, &["serve", "did you mean \"server\""]),
        (
            "",
            Some(("SWITCHYARD__STORE__RETENTION_DAY", "9")),
            &[
                "store.retention_day",
                "did you mean \"retention_days\"",
                "SWITCHYARD__STORE__RETENTION_DAY",
            ],
        ),
        (
            "[server]\nrequest_timeout_ms = \"long\"",
            None,
            &["server.request_timeout_ms", "x.toml:4"],
        ),
        (
            "",
            Some(("SWITCHYARD__SERVER__REQUEST_TIMEOUT_MS", "0")),
            &[
                "server.request_timeout_ms",
                "must be from 1 to 60000",
                "from SWITCHYARD__SERVER__REQUEST_TIMEOUT_MS",
            ],
        ),
        (
            "[cache]\nticker_ms = 60001",
            None,
            &["cache.ticker_ms", "from 0 to 60000", "x.toml:4"],
        ),
        (
            "[venues.a]\nadapter = \"a\"\nendpoints = { x = \"ftp://x\" }",
            None,
            &["venues.a.endpoints.x", "must be http", "x.toml:5"],
        ),
        (
            "[zebra]",
            None,
            &["zebra", "allowed: server, plugins", "x.toml"],
        ),
    ] {
        let environment: Vec<_> = environment.into_iter().collect();
        let message = with(text, &environment);
        for part in parts {
            assert!(message.contains(part), "{part}\nin {message}");
        }
    }
}

#[test]
fn a_secret_put_where_its_place_belongs_is_not_repeated_whatever_layer_it_is_in() {
    for secret in ["hunter2hunter2", "98765432109876"] {
        let environment = [("SWITCHYARD__VENUES__SIM__CREDENTIALS__SECRET", secret)];
        let layers = Layers::of_text(BASE, "x.toml", variables(&environment)).unwrap();
        let message = layers.config().unwrap_err().to_string();
        assert!(
            message.contains("venues.sim.credentials.secret"),
            "{message}"
        );
        assert!(
            message.contains("SWITCHYARD__VENUES__SIM__CREDENTIALS__SECRET"),
            "{message}"
        );
        assert!(!message.contains(secret), "{message}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_not_repeated_for_it_may_be_a_secret() {
    let keys = "[{\"id\": \"desk\", \"hash\": \"5ec7e7\"}]";
    for (text, environment, secret, parts) in [
        (
            "[venues.sim]\nadapter = \"sim\"\ncredentials = \"hunter2\"",
            None,
            "hunter2",
            &[
                "venues.sim.credentials",
                "is a text, and must be",
                "x.toml:5",
            ][..],
        ),
        (
            "[venues.sim]\nadapter = \"sim\"\ncredentials = 98765432109876",
            None,
            "98765432109876",
            &["venues.sim.credentials", "is a number, and must be"],
        ),
        (
            "",
            Some(("SWITCHYARD__AUTH__KEYS", keys)),
            "5ec7e7",
            &[
                "auth.keys",
                "is a text, and must be",
                "SWITCHYARD__AUTH__KEYS",
            ],
        ),
    ] {
        let text = format!("[auth]\nmode = \"open\"\n{text}");
        let environment: Vec<_> = environment.into_iter().collect();
        let layers = Layers::of_text(&text, "x.toml", variables(&environment)).unwrap();
        let message = layers.config().unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part}\nin {message}");
        }
        assert!(!message.contains(secret), "{message}");
    }
}

#[test]
fn a_stage_without_its_file_and_a_file_that_is_not_toml_are_named() {
    let directory = directory(&[("a.toml", BASE), ("b.toml", "[server]\nlisten = hunter2\n")]);
    let read = |name: &str, stage| {
        let error = Layers::read(&directory.path().join(name), stage, []);
        error.unwrap_err().to_string()
    };
    let missing = read("a.toml", Some(Stage::Production));
    assert!(missing.contains("a.production.toml"), "{missing}");
    let malformed = read("b.toml", None);
    assert!(malformed.contains("b.toml"), "{malformed}");
    assert!(malformed.contains("line 2"), "{malformed}");
    assert!(!malformed.contains("hunter2"), "{malformed}");
}
