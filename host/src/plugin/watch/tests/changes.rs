//! What becomes of one file, at looks whose times the test knows.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::time::{Instant, sleep};

use super::super::look;
use super::super::settle::State;
use super::{COMPONENT_BYTES, Plugins, SETTLE, found};

const POLL: Duration = Duration::from_secs(2);

fn append(plugins: &Plugins, file: &str, content: &[u8]) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(plugins.path(file))
        .unwrap();
    file.write_all(content).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_look_tells_everything_that_is_present_and_nothing_else() {
    let plugins = Plugins::new();
    let names: Vec<String> = (0..200)
        .map(|number| format!("venue-{number:03}"))
        .collect();
    for name in &names {
        plugins.write(&format!("{name}.wasm"), name);
    }
    for ignored in [
        ".hidden.wasm",
        "a.wasm.tmp",
        "b.wasm~",
        "#c.wasm#",
        ".d.wasm.swp",
        "e.wasm.bak",
        "f.wasm.part",
        "g.wasm.minisig",
        "Upper.wasm",
        "9.wasm",
        "dot.ted.wasm",
        ".wasm",
        "h.WASM",
        "README.md",
    ] {
        plugins.write(ignored, "not an adapter");
    }
    let mut watched = plugins.poll(POLL);
    for name in &names {
        watched.finds(name, name).await;
    }
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_one_settling_after_it_was_seen() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "one");
    let begin = Instant::now();
    let mut watched = plugins.poll(POLL);
    watched.finds("sim", "one").await;
    assert_eq!(begin.elapsed(), SETTLE);
    plugins.replace("sim.wasm", "two");
    watched.finds("sim", "two").await;
    assert_eq!(begin.elapsed(), SETTLE + POLL + SETTLE);
}

#[tokio::test(start_paused = true)]
async fn the_same_content_again_is_not_told() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "one");
    let mut watched = plugins.poll(POLL);
    watched.finds("sim", "one").await;
    let file = File::options().write(true).open(plugins.path("sim.wasm"));
    file.unwrap().set_modified(SystemTime::now()).unwrap();
    watched.is_silent().await;
    plugins.write("sim.wasm", "one");
    watched.is_silent().await;
    plugins.replace("sim.wasm", "one");
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_renamed_over_another_is_told() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "one");
    plugins.write("other.wasm", "two");
    let mut watched = plugins.poll(POLL);
    watched.finds("other", "two").await;
    watched.finds("sim", "one").await;
    fs::rename(plugins.path("other.wasm"), plugins.path("sim.wasm")).unwrap();
    watched.misses("other").await;
    watched.finds("sim", "two").await;
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_write_in_place_is_told_though_size_and_modification_time_are_as_before() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "one");
    let mut watched = plugins.poll(POLL);
    watched.finds("sim", "one").await;
    watched.is_silent().await;
    let before = fs::metadata(plugins.path("sim.wasm")).unwrap();
    plugins.write("sim.wasm", "two");
    let file = File::options().write(true).open(plugins.path("sim.wasm"));
    file.unwrap()
        .set_modified(before.modified().unwrap())
        .unwrap();
    watched.finds("sim", "two").await;
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_in_chunks_is_told_when_it_is_complete_and_never_before() {
    for seed in 0..50 {
        println!("seed {seed}");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let plugins = Plugins::new();
        plugins.write("sim.wasm", "old");
        let mut watched = plugins.poll(SETTLE);
        watched.finds("sim", "old").await;
        let pause =
            |random: &mut ChaCha8Rng| sleep(Duration::from_millis(random.random_range(0..100)));
        pause(&mut random).await;
        fs::write(plugins.path("sim.wasm"), "").unwrap();
        let mut whole = Vec::new();
        for _ in 0..random.random_range(1..30) {
            pause(&mut random).await;
            let chunk: Vec<u8> = (0..random.random_range(1..500))
                .map(|_| random.random())
                .collect();
            append(&plugins, "sim.wasm", &chunk);
            whole.extend(chunk);
        }
        watched.finds("sim", &whole).await;
        watched.is_silent().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_copy_that_rests_is_told_and_then_the_whole() {
    let plugins = Plugins::new();
    let mut watched = plugins.poll(POLL);
    append(&plugins, "sim.wasm", b"half");
    watched.finds("sim", "half").await;
    append(&plugins, "sim.wasm", b" and half");
    watched.finds("sim", "half and half").await;
}

#[tokio::test(start_paused = true)]
async fn a_file_deleted_and_created_within_the_settling_is_one_change() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "one");
    let mut watched = plugins.poll(SETTLE);
    watched.finds("sim", "one").await;
    for (round, gap) in (0..100).enumerate() {
        let content = format!("round {round}");
        plugins.remove("sim.wasm");
        sleep(Duration::from_millis(gap)).await;
        plugins.write("sim.wasm", &content);
        watched.finds("sim", &content).await;
    }
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_file_is_told_once_and_again_when_it_is_back() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "one");
    let mut watched = plugins.poll(POLL);
    watched.finds("sim", "one").await;
    plugins.remove("sim.wasm");
    watched.misses("sim").await;
    watched.is_silent().await;
    plugins.write("sim.wasm", "one");
    watched.finds("sim", "one").await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_is_told_once_with_its_reason() {
    let plugins = Plugins::new();
    plugins.write("large.wasm", vec![0; COMPONENT_BYTES + 1]);
    plugins.write("largest.wasm", vec![0; COMPONENT_BYTES]);
    fs::create_dir(plugins.path("directory.wasm")).unwrap();
    symlink("nowhere.wasm", plugins.path("lost.wasm")).unwrap();
    symlink("loop.wasm", plugins.path("loop.wasm")).unwrap();
    let pipe = plugins.path("pipe.wasm");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let mut watched = plugins.poll(POLL);
    watched.refuses("directory", "is a directory").await;
    watched
        .refuses(
            "large",
            "65537 bytes, more than the 65536 that plugins.component_bytes allows",
        )
        .await;
    watched.finds("largest", vec![0; COMPONENT_BYTES]).await;
    watched.refuses("loop", "symbolic link").await;
    watched
        .refuses("lost", "nowhere.wasm, which does not exist")
        .await;
    watched.refuses("pipe", "is not a regular file").await;
    watched.is_silent().await;
    plugins.write("large.wasm", vec![0; COMPONENT_BYTES + 2]);
    watched.refuses("large", "65538 bytes").await;
    plugins.write("large.wasm", "small");
    watched.finds("large", "small").await;
    plugins.write("nowhere.wasm", "found");
    watched.finds("lost", "found").await;
    watched.finds("nowhere", "found").await;
}

#[test]
fn a_pipe_that_took_a_files_place_after_the_glance_is_refused_without_waiting_for_a_writer() {
    let plugins = Plugins::new();
    let pipe = plugins.path("sim.wasm");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let reading = look::read(&pipe, COMPONENT_BYTES);
    assert_eq!(
        reading.state,
        State::Problem("is not a regular file".into())
    );
}

#[tokio::test(start_paused = true)]
async fn the_content_told_before_a_problem_is_told_again_after_it() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "one");
    let mut watched = plugins.poll(POLL);
    watched.finds("sim", "one").await;
    plugins.replace("sim.wasm", vec![0; COMPONENT_BYTES + 1]);
    watched.refuses("sim", "more than").await;
    plugins.replace("sim.wasm", "one");
    watched.finds("sim", "one").await;
}

#[tokio::test(start_paused = true)]
async fn a_signature_comes_with_its_component_and_its_change_tells_both() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "one");
    let mut watched = plugins.poll(POLL);
    watched.finds_signed("sim", "one", None).await;
    plugins.write("sim.wasm.minisig", "signed");
    watched.finds_signed("sim", "one", Some("signed")).await;
    plugins.write("sim.wasm.minisig", "signed again");
    watched
        .finds_signed("sim", "one", Some("signed again"))
        .await;
    plugins.write("sim.wasm", "two");
    watched
        .finds_signed("sim", "two", Some("signed again"))
        .await;
    plugins.write("sim.wasm.minisig", vec![b'x'; 64 * 1024 + 1]);
    watched
        .refuses(
            "sim",
            "sim.wasm.minisig: 65537 bytes, more than the 65536 that a signature",
        )
        .await;
    plugins.remove("sim.wasm.minisig");
    watched.finds_signed("sim", "two", None).await;
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_config_map_that_is_swapped_tells_what_changed() {
    let plugins = Plugins::new();
    plugins.publish("2026_01", &[("sim.wasm", "one"), ("other.wasm", "same")]);
    let mut watched = plugins.poll(POLL);
    watched.finds("other", "same").await;
    watched.finds("sim", "one").await;
    plugins.publish("2026_02", &[("sim.wasm", "two"), ("other.wasm", "same")]);
    watched.finds("sim", "two").await;
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_takes_its_time_is_told_what_is_there_in_the_end() {
    let plugins = Plugins::new();
    for number in 0..20 {
        plugins.write(&format!("venue-{number:02}.wasm"), "one");
    }
    let mut watched = plugins.poll(POLL);
    sleep(Duration::from_secs(60)).await;
    for round in 0..10 {
        plugins.replace("venue-19.wasm", format!("round {round}"));
        sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(watched.sightings.len(), super::super::WAITING_SIGHTINGS);
    for number in 0..19 {
        watched.finds(&format!("venue-{number:02}"), "one").await;
    }
    let last = watched.next().await;
    assert_eq!(found(&last).1, b"round 9", "{last:?}");
    watched.is_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_nobody_listens() {
    let plugins = Plugins::new();
    let mut watched = plugins.poll(POLL);
    watched.is_silent().await;
    drop(watched.sightings);
    watched.running.await.unwrap();
}
