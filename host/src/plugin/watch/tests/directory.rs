//! What becomes of the directory itself, at looks whose times the test knows.

use std::fs;
use std::time::Duration;

use tokio::time::sleep;

use super::super::Sighting;
use super::{Plugins, SETTLE, Watched};

const POLL: Duration = Duration::from_secs(2);

async fn is_told_that_it_is_gone(watched: &mut Watched, words: &str) {
    match watched.next().await {
        Sighting::DirectoryGone { problem } => assert!(problem.contains(words), "{problem}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_disappears_takes_no_adapter_with_it() {
    let plugins = Plugins::new();
    plugins.write("changed.wasm", "one");
    plugins.write("missing.wasm", "one");
    plugins.write("same.wasm", "one");
    let mut watched = plugins.poll(POLL);
    for name in ["changed", "missing", "same"] {
        watched.finds(name, "one").await;
    }
    fs::remove_dir_all(&plugins.directory).unwrap();
    is_told_that_it_is_gone(&mut watched, "No such file or directory").await;
    watched.is_silent().await;
    fs::create_dir(&plugins.directory).unwrap();
    plugins.write("changed.wasm", "two");
    plugins.write("new.wasm", "two");
    plugins.write("same.wasm", "one");
    assert_eq!(watched.next().await, Sighting::DirectoryBack);
    watched.finds("changed", "two").await;
    watched.misses("missing").await;
    watched.finds("new", "two").await;
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_is_not_there_at_the_start_is_told_and_waited_for() {
    let plugins = Plugins::new();
    fs::remove_dir(&plugins.directory).unwrap();
    fs::write(&plugins.directory, "a file").unwrap();
    let mut watched = plugins.poll(POLL);
    is_told_that_it_is_gone(&mut watched, "Not a directory").await;
    fs::remove_file(&plugins.directory).unwrap();
    is_told_that_it_is_gone(&mut watched, "No such file").await;
    fs::create_dir(&plugins.directory).unwrap();
    plugins.write("sim.wasm", "one");
    assert_eq!(watched.next().await, Sighting::DirectoryBack);
    watched.finds("sim", "one").await;
}

#[tokio::test(start_paused = true)]
async fn a_directory_replaced_within_the_settling_was_never_gone() {
    let plugins = Plugins::new();
    plugins.write("same.wasm", "one");
    plugins.write("sim.wasm", "one");
    let mut watched = plugins.poll(SETTLE);
    watched.finds("same", "one").await;
    watched.finds("sim", "one").await;
    for gap in 0..100 {
        let content = format!("after {gap} ms");
        let next = plugins.beside("next");
        fs::create_dir(&next).unwrap();
        fs::write(next.join("same.wasm"), "one").unwrap();
        fs::write(next.join("sim.wasm"), &content).unwrap();
        fs::rename(&plugins.directory, plugins.beside(&format!("old-{gap}"))).unwrap();
        sleep(Duration::from_millis(gap)).await;
        fs::rename(next, &plugins.directory).unwrap();
        watched.finds("sim", &content).await;
    }
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_comes_back_is_seen_with_polling_off_and_no_events() {
    let plugins = Plugins::new();
    fs::remove_dir(&plugins.directory).unwrap();
    let mut watched = plugins.watch(|_| {});
    is_told_that_it_is_gone(&mut watched, "No such file").await;
    fs::create_dir(&plugins.directory).unwrap();
    assert_eq!(watched.next().await, Sighting::DirectoryBack);
}
