//! Candles, orders and fills of a range.

use switchyard_runtime::wit::market::{Candle, GetCandles};
use switchyard_runtime::wit::trading::{Fills, History, ListFills, ListHistory};

use super::{NO_RESULTS, about, command, typed};
use crate::case::{Checks, Verdict};
use crate::scene::Scene;
use crate::subject::Subject;

pub(super) fn lists(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let mut check = |scene: &Scene,
                     times: Vec<u64>,
                     since: Option<u64>,
                     before: Option<u64>,
                     is_strict: bool| {
        let in_order = times
            .windows(2)
            .all(|pair| pair[0] < pair[1] || (!is_strict && pair[0] == pair[1]));
        let within = times.iter().all(|time| {
            since.is_none_or(|since| *time >= since) && before.is_none_or(|before| *time < before)
        });
        checks.expect(in_order && within, || {
            about(
                scene,
                format!("times {times:?}"),
                "oldest first, from since on and before before",
            )
        });
    };
    for (scene, candles) in typed::<Vec<Candle>>(subject, "get-candles") {
        if let Some(asked) = command::<GetCandles>(scene) {
            let times = candles.iter().map(|candle| candle.opened_at).collect();
            check(scene, times, asked.since, asked.before, true);
        }
    }
    for (scene, history) in typed::<History>(subject, "list-history") {
        if let Some(asked) = command::<ListHistory>(scene) {
            let times = history
                .orders
                .iter()
                .filter_map(|order| order.created_at)
                .collect();
            check(scene, times, Some(asked.since), Some(asked.before), false);
        }
    }
    for (scene, fills) in typed::<Fills>(subject, "list-fills") {
        if let Some(asked) = command::<ListFills>(scene) {
            let times = fills.fills.iter().map(|fill| fill.at).collect();
            check(scene, times, Some(asked.since), Some(asked.before), false);
        }
    }
    for (scene, history) in typed::<History>(subject, "list-history") {
        let ids: Vec<_> = history
            .orders
            .iter()
            .map(|order| (&order.symbol, &order.venue_id))
            .collect();
        once(&mut checks, scene, &ids);
    }
    for (scene, fills) in typed::<Fills>(subject, "list-fills") {
        let ids: Vec<_> = fills
            .fills
            .iter()
            .map(|fill| (&fill.symbol, &fill.venue_fill_id))
            .collect();
        once(&mut checks, scene, &ids);
    }
    checks.verdict(NO_RESULTS)
}

fn once(checks: &mut Checks, scene: &Scene, ids: &[(&String, &String)]) {
    let twice = ids
        .iter()
        .enumerate()
        .find(|(at, id)| ids[..*at].contains(id));
    checks.expect(twice.is_none(), || {
        about(
            scene,
            format!("{:?} twice", twice.map(|(_, id)| id)),
            "each row once",
        )
    });
}

pub(super) fn read_until(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let mut check = |scene: &Scene, read_until: Option<u64>, since: u64, rows: usize| {
        let holds = read_until.is_none_or(|until| until > since || rows > 0);
        checks.expect(holds, || {
            let text = format!("read-until {read_until:?} with {rows} rows, since {since}");
            about(
                scene,
                text,
                "later than since, or the next page would be this one",
            )
        });
    };
    for (scene, history) in typed::<History>(subject, "list-history") {
        if let Some(asked) = command::<ListHistory>(scene) {
            check(scene, history.read_until, asked.since, history.orders.len());
        }
    }
    for (scene, fills) in typed::<Fills>(subject, "list-fills") {
        if let Some(asked) = command::<ListFills>(scene) {
            check(scene, fills.read_until, asked.since, fills.fills.len());
        }
    }
    checks.verdict(NO_RESULTS)
}
