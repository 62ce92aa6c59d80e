//! The journal on a bad day, and what the command line makes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use switchyard_end_to_end::{
    GatewayProcess, TRADER, TestApp, eventually, limit_order, run_switchyard, simulator,
};

/// The next byte of an entry that can be changed without the file noticing.
fn tamper(app: &TestApp) {
    let path = app.directory().join("journal.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let changed = database
        .execute(
            "UPDATE entries SET body = replace(body, '50000', '50001') WHERE seq = 1",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
}
