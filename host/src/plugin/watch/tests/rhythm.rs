//! How often looks happen and files are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{
    AccessKind, AccessMode, CreateKind, DataChange, EventKind, Flag, ModifyKind, RenameMode,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::super::events::{Meaning, meaning};
use super::super::pace::Pace;
use super::super::settle::{Confirmed, File, Glance, Stamp, State, Step};
use super::SETTLE;

fn glance(size: u64) -> Glance {
    Glance::File {
        component: Stamp {
            inode: (1, 1),
            size,
            modified: (0, 0),
            changed: (0, 0),
        },
        signature: None,
    }
}

fn content(sha256: &str) -> State {
    State::Content {
        sha256: sha256.into(),
        signature: None,
    }
}

#[test]
fn a_file_that_grows_look_by_look_is_read_once_before_it_rests_and_twice_after() {
    let now = Instant::now();
    let mut file = File::new(now);
    assert_eq!(file.glance(glance(1), now), Step::Read);
    assert!(!file.saw(content("1"), now));
    for size in 2..1000 {
        assert_eq!(file.glance(glance(size), now), Step::Nothing);
        assert!(!file.is_settled());
    }
    for tell in [false, true] {
        assert_eq!(file.glance(glance(999), now), Step::Read);
        assert_eq!(file.saw(content("999"), now), tell);
    }
    assert!(file.is_settled());
}

#[test]
fn a_file_is_not_read_again_once_its_times_cannot_hide_a_change() {
    let begin = Instant::now();
    let mut file = File::new(begin);
    for tell in [false, true] {
        assert_eq!(file.glance(glance(1), begin), Step::Read);
        assert_eq!(file.saw(content("old"), begin), tell);
    }
    // A write that a file system with times of two seconds shows in none of them.
    let soon = begin + Duration::from_secs(1);
    for tell in [false, true] {
        assert_eq!(file.glance(glance(1), soon), Step::Read);
        assert_eq!(file.saw(content("new"), soon), tell);
    }
    let later = begin + Duration::from_secs(2);
    assert_eq!(file.glance(glance(1), later), Step::Read);
    assert!(!file.saw(content("new"), later));
    assert_eq!(file.glance(glance(1), later), Step::Nothing);
    assert_eq!(file.glance(glance(2), later), Step::Read);
}

#[test]
fn a_file_that_could_not_be_read_is_tried_at_each_look() {
    let begin = Instant::now();
    let mut file = File::new(begin);
    let problem = || State::Problem("Input/output error".into());
    for (second, tell) in [(0, false), (1, true), (10, false), (100, false)] {
        let now = begin + Duration::from_secs(second);
        assert_eq!(file.glance(glance(1), now), Step::Read);
        assert_eq!(file.saw(problem(), now), tell);
    }
}

#[test]
fn a_state_counts_when_two_looks_running_have_seen_it() {
    let mut state = Confirmed::new('a');
    for (seen, tell) in [
        ('b', false),
        ('a', false),
        ('b', false),
        ('c', false),
        ('b', false),
        ('b', true),
        ('b', false),
        ('a', false),
        ('a', true),
    ] {
        assert_eq!(state.saw(seen), tell, "{seen}");
    }
}

/// Looks within a time.
async fn looks(pace: &Pace, settled: bool, events: bool, within: Duration) -> usize {
    let mut looks = 0;
    let looking = async {
        loop {
            pace.next_look(settled, events).await;
            looks += 1;
        }
    };
    drop(timeout(within, looking).await);
    looks
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_thousand_events_in_a_second_cost_a_look_for_each_settling() {
    let wake = Arc::<Notify>::default();
    let pace = Pace::new(wake.clone(), SETTLE, None);
    let burst = tokio::spawn(async move {
        for _ in 0..1000 {
            wake.notify_one();
            sleep(Duration::from_millis(1)).await;
        }
    });
    let looks = looks(&pace, true, true, HOUR).await;
    burst.await.unwrap();
    assert!((10..=11).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn an_event_while_nothing_happens_is_looked_at_at_once() {
    let wake = Arc::<Notify>::default();
    let pace = Pace::new(wake.clone(), SETTLE, Some(HOUR));
    let event = Duration::from_secs(60);
    let begin = Instant::now();
    tokio::spawn(async move {
        sleep(event).await;
        wake.notify_one();
    });
    pace.next_look(true, true).await;
    assert_eq!(begin.elapsed(), event);
}

#[tokio::test(start_paused = true)]
async fn without_events_the_poll_is_what_makes_looks() {
    let pace = |poll| Pace::new(Arc::default(), SETTLE, poll);
    let second = Some(Duration::from_secs(1));
    assert_eq!(looks(&pace(second), true, true, HOUR).await, 3600);
    assert_eq!(looks(&pace(None), true, true, HOUR).await, 0);
    // Polling off and nothing to rely on instead.
    assert_eq!(looks(&pace(None), true, false, HOUR).await, 1800);
    // What has not settled does not wait for either.
    assert_eq!(looks(&pace(None), false, true, HOUR).await, 36_000);
}

#[test]
fn only_events_that_change_something_of_the_directory_wake() {
    let directory = Path::new("/srv/plugins");
    let says = |kind: EventKind, path: &str| {
        let event = notify::Event::new(kind).add_path(PathBuf::from(path));
        meaning(&Ok(event), directory)
    };
    let write = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    let rename = EventKind::Modify(ModifyKind::Name(RenameMode::From));
    let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
    let read = EventKind::Access(AccessKind::Close(AccessMode::Read));
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    let create = EventKind::Create(CreateKind::Folder);
    for (kind, path, meaning) in [
        (write, "/srv/plugins/sim.wasm", Meaning::LookAgain),
        (written, "/srv/plugins/sim.wasm", Meaning::LookAgain),
        (rename, "/srv/plugins/..data", Meaning::LookAgain),
        (open, "/srv/plugins/sim.wasm", Meaning::Nothing),
        (read, "/srv/plugins/sim.wasm", Meaning::Nothing),
        (open, "/srv/plugins", Meaning::Nothing),
        (rename, "/srv/plugins", Meaning::WatchMayBeDead),
        (create, "/srv/plugins", Meaning::WatchMayBeDead),
        (rename, "/srv", Meaning::WatchMayBeDead),
        (write, "/srv/journal.db", Meaning::Nothing),
        (create, "/srv/plugins-old", Meaning::Nothing),
    ] {
        assert_eq!(says(kind, path), meaning, "{kind:?} {path}");
    }
    let overflow = notify::Event::new(EventKind::Other).set_flag(Flag::Rescan);
    assert_eq!(meaning(&Ok(overflow), directory), Meaning::WatchMayBeDead);
    let failure = notify::Error::generic("lost");
    assert_eq!(meaning(&Err(failure), directory), Meaning::WatchMayBeDead);
}
