//! What differs from venue to venue lives in adapters: the host knows none by its name.

use std::fs;
use std::path::{Path, PathBuf};

/// Names of exchanges, and of what only they have.
const VENUES: [&str; 13] = [
    "binance", "bitmex", "bybit", "okx", "kraken", "coinbase", "deribit", "bitfinex", "kucoin",
    "fapi", "dapi", "x-mbx", "api/v3",
];

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn no_file_of_the_host_or_the_contract_names_a_venue() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for part in ["host", "wit"] {
        files_below(&root.join(part), &mut files);
    }
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut named = Vec::new();
    for file in files {
        // What is not text has no names in it that anyone wrote.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.to_lowercase();
            if let Some(venue) = VENUES.iter().find(|venue| line.contains(**venue)) {
                named.push(format!("{}:{number} names {venue}", file.display()));
            }
        }
    }
    assert!(named.is_empty(), "{}", named.join("\n"));
}
