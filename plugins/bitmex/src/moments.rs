//! BitMEX's times: RFC 3339 in UTC, to the millisecond, both ways.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error as _};
use switchyard_sdk::time::{self, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND};
use switchyard_sdk::types::Timestamp;

/// A time in an answer, as milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        time::rfc3339(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("not a time in UTC"))
    }
}

/// Last millisecond of the year 9999, beyond which the format has no years.
const LAST: Timestamp = 253_402_300_799_999;

/// `2018-02-08T04:30:37.000Z`, for a query.
pub(crate) fn text(at: Timestamp) -> String {
    let at = at.min(LAST);
    let (year, month, day) = time::calendar(at);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        at % MS_PER_DAY / MS_PER_HOUR,
        at % MS_PER_HOUR / MS_PER_MINUTE,
        at % MS_PER_MINUTE / MS_PER_SECOND,
        at % MS_PER_SECOND,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_as_it_was_written() {
        for at in [0, 1_518_064_237_123, 1_795_219_200_000, LAST] {
            assert_eq!(time::rfc3339(&text(at)), Some(at));
        }
        assert_eq!(text(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
