//! Timestamps: milliseconds as the contract has them, out of what venues send.

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::types::Timestamp;

/// Milliseconds in a second.
pub const MS_PER_SECOND: u64 = 1_000;
/// Milliseconds in a minute.
pub const MS_PER_MINUTE: u64 = 60 * MS_PER_SECOND;
/// Milliseconds in an hour.
pub const MS_PER_HOUR: u64 = 60 * MS_PER_MINUTE;
/// Milliseconds in a day.
pub const MS_PER_DAY: u64 = 24 * MS_PER_HOUR;

/// First value that the contract's timestamps do not reach.
pub const END: u64 = 1 << 53;

/// A JSON integer of milliseconds since 1970, below 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub Timestamp);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        if value < END {
            Ok(Self(value))
        } else {
            Err(D::Error::custom("a time beyond the year 287396"))
        }
    }
}

/// A JSON integer of microseconds since 1970, cut to milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub Timestamp);

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)? / 1_000;
        if value < END {
            Ok(Self(value))
        } else {
            Err(D::Error::custom("a time beyond the year 287396"))
        }
    }
}

/// The milliseconds of an RFC 3339 time in UTC (`2026-12-25T08:00:00.123Z`), further digits cut; `None`
/// where the text is no such time.
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let rest = match bytes {
        [
            _,
            _,
            _,
            _,
            b'-',
            _,
            _,
            b'-',
            _,
            _,
            b'T' | b't' | b' ',
            _,
            _,
            b':',
            _,
            _,
            b':',
            _,
            _,
            rest @ ..,
        ] => rest,
        _ => return None,
    };
    let day = date(
        number(&bytes[..4])?,
        number(&bytes[5..7])?,
        number(&bytes[8..10])?,
    )?;
    let (hour, minute, second) = (
        number(&bytes[11..13])?,
        number(&bytes[14..16])?,
        number(&bytes[17..19])?,
    );
    // A leap second is the last second of its minute to everything downstream.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let fraction = match rest {
        [b'Z' | b'z'] => &[][..],
        [b'.', digits @ .., b'Z' | b'z'] if !digits.is_empty() => digits,
        _ => return None,
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut millis = 0;
    for place in 0..3 {
        millis = millis * 10
            + fraction
                .get(place)
                .map_or(0, |digit| u64::from(digit - b'0'));
    }
    Some(
        day + hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second.min(59) * MS_PER_SECOND + millis,
    )
}

/// The first millisecond of a day of the Gregorian calendar from 1970 on; `None` where there is no such
/// day.
pub fn date(year: u64, month: u64, day: u64) -> Option<Timestamp> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // Days from 1 March of year 0 to 1 January 1970.
    Some((days - 719_468) * MS_PER_DAY)
}

/// The day of the Gregorian calendar, in UTC, that a time lies in: year, month and day.
pub fn calendar(time: Timestamp) -> (u64, u64, u64) {
    // Days since 1 March of year 0, so that the leap day is the last of its year; the inverse of `date`.
    let days = time / MS_PER_DAY + 719_468;
    let era = days / 146_097;
    let day = days % 146_097;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year, month + 3)
    } else {
        (year + 1, month - 9)
    };
    (era * 400 + year, month, day)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read_to_the_millisecond() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2017-07-12T02:41:59.559Z", 1_499_827_319_559),
            ("2000-02-29T23:59:60.9Z", 951_868_799_900),
            ("2026-12-25T08:00:00.123456789Z", 1_798_185_600_123),
        ] {
            assert_eq!(rfc3339(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.x1Z",
            "２026-01-01T00:00:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_has_its_place_in_the_calendar() {
        for (year, month, day) in [
            (1970, 1, 1),
            (2000, 2, 29),
            (2026, 12, 25),
            (2100, 3, 1),
            (2100, 12, 31),
        ] {
            let start = date(year, month, day).unwrap_or_default();
            assert_eq!(calendar(start), (year, month, day));
            assert_eq!(calendar(start + MS_PER_DAY - 1), (year, month, day));
        }
    }

    #[test]
    fn times_that_other_languages_would_round_are_refused() {
        assert!(serde_json::from_str::<Millis>("9007199254740991").is_ok());
        assert!(serde_json::from_str::<Millis>("9007199254740992").is_err());
        assert!(serde_json::from_str::<Millis>("-1").is_err());
        assert_eq!(
            serde_json::from_str::<Micros>("1499827319559123").ok(),
            Some(Micros(1_499_827_319_559))
        );
    }
}
