//! The API as its own description tells of it.

use switchyard_end_to_end::{OPERATOR, SEED, Schemathesis, TRADER, TestApp, VIEWER};

/// Who tries it out makes many requests, and shows keys that nobody has.
const PATIENT: &str =
    "[auth.quota]\nrequests = 1000000000\nwindow_seconds = 1\n[auth.lockout]\nfailures = 1000000\n";

/// What each answer is held to, beside its own description: that what is wrong is refused, and what needs a key has one.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth,\
                      problems_are_the_described_ones";

/// Under a halt, orders are refused with 503, as they should be; `make check-api` tries these too, last and alone.
const HALTING: &str = r"^/v1/venues/\{venue\}/(halt|resume)$";

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_right_and_wrong_requests_is_described_whoever_makes_them() {
    let Some(schemathesis) = Schemathesis::install().await else {
        return;
    };
    let app = TestApp::with(|mut config| {
        config.last_lines = PATIENT.to_owned();
        config
    })
    .await;
    let (directory, seed) = (tempfile::tempdir().unwrap(), SEED.to_string());
    for key in [VIEWER, TRADER, OPERATOR] {
        let arguments = [
            "--seed",
            &seed,
            "--max-examples",
            "2",
            "--phases",
            "examples,coverage,fuzzing",
            "--checks",
            CHECKS,
            "--exclude-path-regex",
            HALTING,
        ];
        let base = app.anonymous().base().to_owned();
        let tried = schemathesis.run(&base, key.key, directory.path(), &arguments);
        if let Err(found) = tried.await {
            panic!("as {}:\n{found}", key.role);
        }
    }
}
