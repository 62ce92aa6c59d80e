//! Does to files what its arguments say, one after another, and ends as in a crash.
//!
//! `write FILE TEXT`, `sync FILE`, `sync-names FILE`, `cut FILE LENGTH`, `unlink FILE`, `rename FILE TO`, `print FILE`,
//! and for a database `sql FILE STATEMENT`, whose connection stays open.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a deed that fails ends the test that wanted it"
)]

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use rusqlite::Connection;

fn open(path: &str) -> File {
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(path).unwrap()
}

fn main() {
    let mut databases: HashMap<String, Connection> = HashMap::new();
    let mut words = std::env::args().skip(1);
    while let Some(deed) = words.next() {
        let file = words.next().unwrap();
        let mut next = || words.next().unwrap();
        match deed.as_str() {
            "write" => open(&file).write_all(next().as_bytes()).unwrap(),
            "sync" => open(&file).sync_data().unwrap(),
            "sync-names" => {
                let directory = Path::new(&file).parent().unwrap();
                File::open(directory).unwrap().sync_all().unwrap();
            }
            "cut" => open(&file).set_len(next().parse().unwrap()).unwrap(),
            "unlink" => fs::remove_file(&file).unwrap(),
            "rename" => fs::rename(&file, next()).unwrap(),
            "print" => println!(
                "{}",
                fs::read_to_string(&file).unwrap_or_else(|error| error.kind().to_string())
            ),
            "sql" => {
                let database = databases
                    .entry(file.clone())
                    .or_insert_with(|| Connection::open(&file).unwrap());
                database.execute_batch(&next()).unwrap();
            }
            other => panic!("no such deed: {other}"),
        }
    }
    std::process::abort();
}
