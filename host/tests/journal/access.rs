//! What operators did to API keys.

use switchyard::model::{AccessEvent, Asker, Role, Timestamp, VenueScope};
use switchyard::store::Commit;

use crate::suite::{Home, is_whole};

fn by() -> Asker {
    Asker {
        key_id: "root".into(),
        request_id: "r".into(),
    }
}

fn created(id: &str, at: i64) -> AccessEvent {
    AccessEvent::KeyCreated {
        id: id.into(),
        hash: format!("{at:064x}"),
        tenant: "t".into(),
        role: Role::Trader,
        venues: VenueScope::of(Some(["sim".to_owned()])),
        expires_at: Some(Timestamp::from_millis(9)),
        at: Timestamp::from_millis(at),
        by: by(),
    }
}

pub(crate) async fn what_was_done_to_keys_stands_across_restarts_and_retention(home: &impl Home) {
    let events = vec![
        created("one", 1),
        created("two", 2),
        AccessEvent::KeyRotated {
            id: "one".into(),
            hash: "aa".into(),
            previous_until: Timestamp::from_millis(7),
            at: Timestamp::from_millis(3),
            by: by(),
        },
        AccessEvent::KeyRevoked {
            id: "two".into(),
            hashes: vec!["bb".into()],
            at: Timestamp::from_millis(4),
            by: by(),
        },
    ];
    let journal = home.open().await.unwrap();
    for event in events.clone() {
        journal.commit(Commit::of_access(event)).await.unwrap();
    }
    assert_eq!(journal.access().await.unwrap(), events);
    while journal.compact(Timestamp::now()).await.unwrap() > 0 {}
    journal.rebuild().await.unwrap();
    assert!(journal.differences().await.unwrap().is_empty());
    is_whole(&journal).await;
    drop(journal);
    let journal = home.open().await.unwrap();
    assert_eq!(journal.access().await.unwrap(), events);
    assert!(journal.halts().await.unwrap().is_empty());
}
