//! How BitMEX writes numbers and times, and reads them back.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;

const DAY_S: i64 = 86_400;

/// A JSON number: whole where the amount is whole, else a double, as BitMEX writes prices.
pub(super) fn number(value: Decimal) -> Value {
    let value = value.normalize();
    match value.to_i64().filter(|_| value.scale() == 0) {
        Some(whole) => Value::from(whole),
        None => Value::from(value.to_f64().unwrap_or_default()),
    }
}

/// A number, or `null` without one.
pub(super) fn optional(value: Option<Decimal>) -> Value {
    value.map_or(Value::Null, number)
}

/// A time in milliseconds since the epoch, in ISO 8601 with milliseconds, in UTC.
pub(super) fn time(ms: i64) -> String {
    let seconds = ms.div_euclid(1000);
    let (year, month, day) = date(seconds.div_euclid(DAY_S));
    let of_day = seconds.rem_euclid(DAY_S);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let millis = ms.rem_euclid(1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Milliseconds since the epoch of a time in ISO 8601, with or without a time of day; UTC without a zone.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim_end_matches('Z').trim_end_matches("+00:00");
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut clock = clock.splitn(3, ':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let seconds: Decimal = clock.next().unwrap_or("0").parse().ok()?;
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
    let in_range = in_range && (0..24).contains(&hour) && (0..60).contains(&minute);
    let ms = (seconds * Decimal::ONE_THOUSAND).trunc().to_i64()?;
    in_range.then(|| (days(year, month, day) * DAY_S + hour * 3600 + minute * 60) * 1000 + ms)
}

/// The proleptic Gregorian date of a day since the epoch.
fn date(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_milliseconds_and_read_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
            (1_798_200_000_000, "2026-12-25T12:00:00.000Z"),
        ] {
            assert_eq!(time(ms), text);
            assert_eq!(parse_time(text), Some(ms));
        }
        assert_eq!(parse_time("2026-12-25"), Some(1_798_156_800_000));
        assert_eq!(parse_time("2026-12-25 12:00"), Some(1_798_200_000_000));
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn whole_amounts_are_integers_and_prices_keep_their_digits() {
        assert_eq!(number(Decimal::new(1_000, 1)).to_string(), "100");
        assert_eq!(number(Decimal::new(600_005, 1)).to_string(), "60000.5");
    }
}
