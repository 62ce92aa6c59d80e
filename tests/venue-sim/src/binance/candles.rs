//! The intervals of candles, and where in time they start. Times here are minutes since the epoch.

use crate::engine::History;

const DAY: i64 = 24 * 60;
/// Minutes from the epoch, a Thursday, to the first Monday.
const FIRST_MONDAY: i64 = 4 * DAY;

/// The length of a candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// So many minutes.
    Minutes(i64),
    /// From Monday to Monday.
    Week,
    /// A calendar month.
    Month,
}

impl Interval {
    /// Reads Binance's name of an interval.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "1m" => Self::Minutes(1),
            "3m" => Self::Minutes(3),
            "5m" => Self::Minutes(5),
            "15m" => Self::Minutes(15),
            "30m" => Self::Minutes(30),
            "1h" => Self::Minutes(60),
            "2h" => Self::Minutes(120),
            "4h" => Self::Minutes(240),
            "6h" => Self::Minutes(360),
            "8h" => Self::Minutes(480),
            "12h" => Self::Minutes(720),
            "1d" => Self::Minutes(DAY),
            "3d" => Self::Minutes(3 * DAY),
            "1w" => Self::Week,
            "1M" => Self::Month,
            _ => return None,
        })
    }

    /// The start of the candle that holds a minute.
    fn floor(self, minute: i64) -> i64 {
        match self {
            Self::Minutes(length) => minute - minute.rem_euclid(length),
            Self::Week => minute - (minute - FIRST_MONDAY).rem_euclid(7 * DAY),
            Self::Month => {
                let day = minute.div_euclid(DAY);
                (day - (day_of_month(day) - 1)) * DAY
            }
        }
    }

    /// The start of the candle after the one that starts here.
    #[must_use]
    pub fn next(self, start: i64) -> i64 {
        match self {
            Self::Minutes(length) => start + length,
            Self::Week => start + 7 * DAY,
            // 31 days later is always in the next month.
            Self::Month => self.floor(start + 31 * DAY),
        }
    }

    fn previous(self, start: i64) -> i64 {
        self.floor(start - 1)
    }
}

/// Day of the month of a day since the epoch, in the proleptic Gregorian calendar.
fn day_of_month(day: i64) -> i64 {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    of_year - (153 * shifted_month + 2) / 5 + 1
}

/// Where the wanted candles start: forward from `from`, or else the last ones.
#[must_use]
pub fn starts(
    history: &History,
    interval: Interval,
    from: Option<i64>,
    until: i64,
    limit: usize,
) -> Vec<i64> {
    let Some(first) = history.first_minute().map(|minute| interval.floor(minute)) else {
        return Vec::new();
    };
    if let Some(from) = from {
        let floor = interval.floor(from);
        let mut start = if floor < from {
            interval.next(floor)
        } else {
            floor
        }
        .max(first);
        let mut starts = Vec::new();
        while start <= until && starts.len() < limit {
            starts.push(start);
            start = interval.next(start);
        }
        return starts;
    }
    let mut start = interval.floor(until);
    let mut starts = Vec::new();
    while start >= first && starts.len() < limit {
        starts.push(start);
        start = interval.previous(start);
    }
    starts.reverse();
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_start_on_the_first_and_weeks_on_monday() {
        let leap_day = 19_782; // 2024-02-29, a Thursday
        assert_eq!(day_of_month(leap_day), 29);
        assert_eq!(
            Interval::Month.floor(leap_day * DAY + 7),
            (leap_day - 28) * DAY
        );
        assert_eq!(
            Interval::Month.next((leap_day - 28) * DAY),
            (leap_day + 1) * DAY
        );
        assert_eq!(Interval::Week.floor(leap_day * DAY), (leap_day - 3) * DAY);
    }
}
