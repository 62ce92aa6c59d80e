//! An export verifies by itself, and one that was tampered with does not.

use std::sync::Arc;

use switchyard::model::{OrderId, Timestamp};
use switchyard::secrets::Secrets;
use switchyard::store::{ExportRange, Journal, export, open_to_read, verify_export};

use crate::files::Directory;
use crate::orders::{acknowledged, keep, record, refused};
use crate::suite::Home as _;

async fn exported(journal: &Arc<Journal>, range: ExportRange) -> String {
    let mut lines = Vec::new();
    export(&**journal, range, &mut lines).await.unwrap();
    String::from_utf8(lines).unwrap()
}

async fn written() -> (Directory, Arc<Journal>, OrderId) {
    let home = Directory::new();
    let journal = home.open().await.unwrap();
    let mut last = None;
    for at in 0..8 {
        let order = keep(&journal, &record("t", None, at), vec![refused()]).await;
        last = Some(order.order.id);
    }
    (home, journal, last.unwrap())
}

#[tokio::test]
async fn an_export_verifies_beside_a_running_gateway() {
    let (home, journal, _) = written().await;
    let beside = open_to_read(&home.config(), &Secrets::default())
        .await
        .unwrap();
    let text = exported(&beside, ExportRange::default()).await;
    let found = verify_export(text.as_bytes()).unwrap();
    assert_eq!(found.lines, 16);
    assert_eq!(found.head_hash, journal.head().await.unwrap().hash);
}

#[tokio::test]
async fn an_export_of_one_order_or_of_a_time_verifies() {
    let (_home, journal, id) = written().await;
    let of_order = ExportRange {
        order: Some(id.clone()),
        ..ExportRange::default()
    };
    let text = exported(&journal, of_order).await;
    assert_eq!(verify_export(text.as_bytes()).unwrap().lines, 2);
    assert_eq!(text.matches(&format!("\"subject\":\"{id}\"")).count(), 2);
    let future = Timestamp::now().plus(std::time::Duration::from_secs(60));
    for (from, to, lines) in [
        (None, Some(future), 16),
        (Some(future), None, 0),
        (Some(Timestamp::from_millis(0)), None, 16),
    ] {
        let range = ExportRange {
            from,
            to,
            order: None,
        };
        let text = exported(&journal, range).await;
        assert_eq!(verify_export(text.as_bytes()).unwrap().lines, lines);
    }
}

#[tokio::test]
async fn an_export_verifies_where_entries_were_removed() {
    let (_home, journal, _) = written().await;
    keep(&journal, &record("t", None, 20), vec![acknowledged("1")]).await;
    let soon = Timestamp::now().plus(std::time::Duration::from_secs(60));
    journal.compact(soon).await.unwrap();
    let text = exported(&journal, ExportRange::default()).await;
    verify_export(text.as_bytes()).unwrap();
    // A checkpoint that says something else, and one in place of an entry.
    let forged = text.replace("\\\"entries\\\":16", "\\\"entries\\\":15");
    assert_ne!(forged, text);
    verify_export(forged.as_bytes()).unwrap_err();
}

#[tokio::test]
async fn an_export_that_was_tampered_with_does_not_verify() {
    let (_home, journal, id) = written().await;
    let text = exported(&journal, ExportRange::default()).await;
    let lines: Vec<&str> = text.lines().collect();
    let without = |place: usize| {
        let mut lines = lines.clone();
        lines.remove(place);
        lines.join("\n")
    };
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    for (what, tampered) in [
        ("a changed value", text.replacen("60000.01", "60000.02", 1)),
        ("a changed order", text.replacen(id.as_str(), "swyother", 1)),
        ("a line taken out", without(5)),
        ("the first entry taken out", without(1)),
        ("the last entry taken out", without(16)),
        ("the first line taken out", without(0)),
        ("the end cut off", without(17)),
        ("lines exchanged", swapped.join("\n")),
    ] {
        assert!(verify_export(tampered.as_bytes()).is_err(), "{what}");
    }
    verify_export(text.as_bytes()).unwrap();
}
