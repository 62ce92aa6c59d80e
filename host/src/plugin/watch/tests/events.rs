//! Woken by the operating system: polling is off, so that what events do not bring is never seen.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use super::super::Sighting;
use super::{Plugins, Watched, found};

/// Both ways a directory may be absent for a moment: the watch has seen it, or has not.
async fn sees_the_directory_change(watched: &mut Watched) -> Sighting {
    loop {
        match watched.next().await {
            Sighting::DirectoryGone { .. } | Sighting::DirectoryBack => {}
            other => return other,
        }
    }
}

#[tokio::test]
async fn each_way_to_change_a_file_wakes() {
    let plugins = Plugins::new();
    let mut watched = plugins.listen();
    plugins.write("sim.wasm", "created");
    watched.finds("sim", "created").await;
    plugins.write("sim.wasm", "written in place");
    watched.finds("sim", "written in place").await;
    plugins.replace("sim.wasm", "renamed over");
    watched.finds("sim", "renamed over").await;
    plugins.write("sim.wasm.minisig", "signed");
    watched
        .finds_signed("sim", "renamed over", Some("signed"))
        .await;
    plugins.remove("sim.wasm.minisig");
    watched.finds("sim", "renamed over").await;
    fs::rename(plugins.path("sim.wasm"), plugins.path("new.wasm")).unwrap();
    // A look may fall between the listing's two ends, so either may be seen first.
    let told = [watched.next().await, watched.next().await];
    let gone = Sighting::Gone { name: "sim".into() };
    assert!(told.contains(&gone), "{told:?}");
    let new = told.iter().find(|sighting| **sighting != gone).unwrap();
    assert_eq!(found(new).0, "new");
    plugins.remove("new.wasm");
    watched.misses("new").await;
    plugins.publish("2026_01", &[("map.wasm", "first")]);
    watched.finds("map", "first").await;
    plugins.publish("2026_02", &[("map.wasm", "second")]);
    watched.finds("map", "second").await;
}

#[tokio::test]
async fn many_files_at_once_are_all_told() {
    let plugins = Plugins::new();
    let mut watched = plugins.listen();
    let mut names: Vec<String> = (0..500).map(|number| format!("venue-{number}")).collect();
    for name in &names {
        plugins.replace(&format!("{name}.wasm"), name);
    }
    let mut told = Vec::new();
    for _ in &names {
        let sighting = watched.next().await;
        let (name, content, _) = found(&sighting);
        assert_eq!(name.as_bytes(), content);
        told.push(name.to_owned());
    }
    names.sort();
    told.sort();
    assert_eq!(told, names);
}

#[tokio::test]
async fn a_burst_of_writes_is_told_once_for_each_settling_at_most_and_ends_with_the_last() {
    let plugins = Plugins::new();
    let mut watched = plugins.listen();
    plugins.write("sim.wasm", "");
    watched.finds("sim", "").await;
    let begin = Instant::now();
    let path = plugins.path("sim.wasm");
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        for number in 0..1000 {
            writeln!(file, "{number}").unwrap();
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    let mut told = 0;
    loop {
        let sighting = watched.next().await;
        told += 1;
        if found(&sighting).1.ends_with(b"\n999\n") {
            break;
        }
    }
    writing.await.unwrap();
    let settlings = begin.elapsed().as_millis() / 30;
    assert!(told <= settlings, "{told} times in {settlings} settlings");
}

#[tokio::test]
async fn a_directory_replaced_by_another_is_watched_at_once() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "start");
    let mut watched = plugins.listen();
    watched.finds("sim", "start").await;
    for round in 0..20 {
        let content = format!("round {round}");
        let next = plugins.beside("next");
        fs::create_dir(&next).unwrap();
        fs::write(next.join("sim.wasm"), &content).unwrap();
        let old = plugins.beside(&format!("old-{round}"));
        fs::rename(&plugins.directory, &old).unwrap();
        fs::rename(next, &plugins.directory).unwrap();
        let sighting = sees_the_directory_change(&mut watched).await;
        assert_eq!(found(&sighting).1, content.as_bytes());
        // The old one is of no interest any more, and the new one is.
        fs::write(old.join("stray.wasm"), "stray").unwrap();
        let content = format!("round {round} in place");
        plugins.write("sim.wasm", &content);
        watched.finds("sim", &content).await;
    }
}

#[tokio::test]
async fn a_directory_removed_and_made_again_is_watched_though_it_looks_the_same() {
    let plugins = Plugins::new();
    plugins.write("sim.wasm", "start");
    let mut watched = plugins.listen();
    watched.finds("sim", "start").await;
    for round in 0..20 {
        let content = format!("round {round}");
        // File systems give the new directory the inode of the old one.
        fs::remove_dir_all(&plugins.directory).unwrap();
        fs::create_dir(&plugins.directory).unwrap();
        plugins.write("sim.wasm", &content);
        let sighting = sees_the_directory_change(&mut watched).await;
        assert_eq!(found(&sighting).1, content.as_bytes());
        let content = format!("round {round} in place");
        plugins.write("sim.wasm", &content);
        watched.finds("sim", &content).await;
    }
}

#[tokio::test]
async fn a_directory_that_is_a_symbolic_link_is_followed_when_it_is_swapped() {
    let plugins = Plugins::new();
    fs::remove_dir(&plugins.directory).unwrap();
    let release = |number: u32| plugins.beside(&format!("release-{number}"));
    let point_at = |number: u32| {
        let passing = plugins.beside("passing");
        symlink(release(number), &passing).unwrap();
        fs::rename(passing, &plugins.directory).unwrap();
    };
    for number in 0..2 {
        fs::create_dir(release(number)).unwrap();
        fs::write(
            release(number).join("sim.wasm"),
            format!("release {number}"),
        )
        .unwrap();
    }
    point_at(0);
    let mut watched = plugins.listen();
    watched.finds("sim", "release 0").await;
    point_at(1);
    watched.finds("sim", "release 1").await;
    plugins.write("sim.wasm", "in place");
    watched.finds("sim", "in place").await;
}

#[tokio::test]
async fn a_directory_swapped_further_up_is_watched_from_the_next_look_on() {
    let plugins = Plugins::new();
    let release = |number: u32| plugins.beside(&format!("release-{number}/plugins"));
    for number in 0..2 {
        fs::create_dir_all(release(number)).unwrap();
        fs::write(
            release(number).join("sim.wasm"),
            format!("release {number}"),
        )
        .unwrap();
    }
    let current = plugins.beside("current");
    symlink(plugins.beside("release-0"), &current).unwrap();
    let mut watched = plugins.watch(|settings| {
        settings.events = true;
        settings.directory = current.join("plugins");
    });
    watched.finds("sim", "release 0").await;
    let passing = plugins.beside("passing");
    symlink(plugins.beside("release-1"), &passing).unwrap();
    fs::rename(passing, &current).unwrap();
    // The swap itself is no event of the directory or the one above it; this is, by the watch on the old.
    fs::write(release(0).join("other.wasm"), "old").unwrap();
    watched.finds("sim", "release 1").await;
    fs::write(release(1).join("sim.wasm"), "in place").unwrap();
    watched.finds("sim", "in place").await;
}
