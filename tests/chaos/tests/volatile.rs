//! The file system that forgets: what it loses, what it keeps, and that a database can be told from one that
//! does not sync.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use switchyard_chaos::VolatileFiles;
use tempfile::TempDir;

struct Disk {
    directory: TempDir,
    volatile: VolatileFiles,
}

impl Disk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let volatile = VolatileFiles::beginning_with(&directory.path().join("data"));
        Self {
            directory,
            volatile,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A process that does this and crashes; the power goes with it. Gives what it printed.
    fn crash_after(&mut self, deeds: &[&[&str]]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_file-deeds"));
        for deed in deeds {
            let (name, words) = deed.split_first().unwrap();
            command.arg(name).arg(self.path(words[0]));
            match *name {
                "rename" => command.arg(self.path(words[1])),
                _ => command.args(&words[1..]),
            };
        }
        let output = command.envs(self.volatile.environment()).output().unwrap();
        assert_eq!(output.status.code(), None, "{output:?}");
        self.volatile.cut_power();
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is on the disk.
    fn content(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }
}

#[test]
fn what_is_written_is_read_by_its_process_and_lost_with_it() {
    let mut disk = Disk::new();
    let read = disk.crash_after(&[&["write", "data", "one"], &["print", "data"]]);
    assert_eq!(read, "one\n");
    assert_eq!(disk.content("data"), None);
    assert_eq!(
        disk.crash_after(&[&["print", "data"]]),
        "entity not found\n"
    );
}

#[test]
fn what_is_synced_stays_and_what_follows_does_not() {
    let mut disk = Disk::new();
    disk.crash_after(&[
        &["write", "data", "one,"],
        &["sync", "data"],
        &["write", "data", "two,"],
    ]);
    assert_eq!(disk.content("data").as_deref(), Some("one,"));
    let read = disk.crash_after(&[
        &["write", "data", "three,"],
        &["sync", "data"],
        &["print", "data"],
    ]);
    assert_eq!(read, "one,three,\n");
    assert_eq!(disk.content("data").as_deref(), Some("one,three,"));
}

#[test]
fn a_file_is_as_short_as_it_was_cut_once_it_is_synced() {
    let mut disk = Disk::new();
    disk.crash_after(&[
        &["write", "data", "abcdef"],
        &["sync", "data"],
        &["cut", "data", "2"],
    ]);
    assert_eq!(disk.content("data").as_deref(), Some("abcdef"));
    disk.crash_after(&[
        &["cut", "data", "2"],
        &["write", "data", "xy"],
        &["sync", "data"],
    ]);
    assert_eq!(disk.content("data").as_deref(), Some("abxy"));
}

#[test]
fn names_change_when_their_directory_is_synced() {
    let mut disk = Disk::new();
    disk.crash_after(&[
        &["write", "data", "a"],
        &["sync", "data"],
        &["unlink", "data"],
    ]);
    assert_eq!(disk.content("data").as_deref(), Some("a"));
    disk.crash_after(&[&["rename", "data", "data-2"], &["sync-names", "data"]]);
    assert_eq!(
        (disk.content("data"), disk.content("data-2").as_deref()),
        (None, Some("a"))
    );
    let read = disk.crash_after(&[
        &["unlink", "data-2"],
        &["print", "data-2"],
        &["sync-names", "data"],
    ]);
    assert_eq!(read, "entity not found\n");
    assert_eq!(disk.content("data-2"), None);
}

#[test]
fn a_file_made_anew_under_an_old_name_has_nothing_of_the_old_one() {
    let mut disk = Disk::new();
    disk.crash_after(&[
        &["write", "data", "a long text"],
        &["sync", "data"],
        &["unlink", "data"],
        &["write", "data", "b"],
        &["sync", "data"],
        &["sync-names", "data"],
    ]);
    assert_eq!(disk.content("data").as_deref(), Some("b"));
}

#[test]
fn locks_and_other_files_are_left_alone() {
    let mut disk = Disk::new();
    disk.crash_after(&[&["write", "data.lock", "held"], &["write", "other", "kept"]]);
    assert_eq!(disk.content("data.lock").as_deref(), Some("held"));
    assert_eq!(disk.content("other").as_deref(), Some("kept"));
}

const ROWS: u32 = 40;

/// Commits rows one by one in a write-ahead log, carried into the database whenever it has so many pages,
/// begins another, and crashes. Gives the rows that are left.
fn rows_left(disk: &mut Disk, synchronous: &str, checkpoint_pages: u32) -> u32 {
    let set_up = format!(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = {checkpoint_pages}; PRAGMA synchronous = {synchronous};
         CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, text TEXT)"
    );
    let insert = "INSERT INTO t (text) VALUES (hex(randomblob(400)))";
    let begun = format!("BEGIN; {insert}");
    let mut deeds: Vec<Vec<&str>> = vec![vec!["sql", "data", &set_up]];
    deeds.extend((0..ROWS).map(|_| vec!["sql", "data", insert]));
    deeds.push(vec!["sql", "data", &begun]);
    let deeds: Vec<&[&str]> = deeds.iter().map(Vec::as_slice).collect();
    disk.crash_after(&deeds);
    rows(&disk.path("data"))
}

fn rows(path: &Path) -> u32 {
    let database = Connection::open(path).unwrap();
    let sound: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    database
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap_or_default()
}

#[test]
fn a_database_that_syncs_each_commit_keeps_each_and_nothing_more() {
    let mut disk = Disk::new();
    for crash in 1..=3 {
        assert_eq!(rows_left(&mut disk, "FULL", 9), crash * ROWS);
    }
}

#[test]
fn a_database_that_does_not_sync_loses_commits() {
    for synchronous in ["OFF", "NORMAL"] {
        let mut disk = Disk::new();
        let left = rows_left(&mut disk, synchronous, 1_000);
        assert!(left < ROWS, "{synchronous}: {left}");
    }
}

#[test]
fn writes_that_reach_the_disk_early_and_out_of_order_change_nothing_for_a_database_that_syncs() {
    for seed in 1..=8 {
        println!("seed {seed}");
        let mut disk = Disk::new();
        disk.volatile = disk.volatile.leaking(50, seed);
        assert_eq!(rows_left(&mut disk, "FULL", 9), ROWS);
        assert_eq!(rows_left(&mut disk, "FULL", 9), 2 * ROWS);
    }
}
