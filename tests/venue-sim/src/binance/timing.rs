//! The window within which a signed request must arrive.

use rust_decimal::Decimal;

use super::{ApiError, params::Params};

/// The window when none is sent.
const DEFAULT_WINDOW_MS: i64 = 5_000;
/// The widest window.
const MAX_WINDOW_MS: i64 = 60_000;
/// How far ahead of the venue a request may be, whatever its window.
const AHEAD_US: i64 = 1_000_000;
/// Timestamps above this are in microseconds; in milliseconds it lies beyond the year 5000.
const LARGEST_MS: i64 = 100_000_000_000_000;

/// When a request claims to have been made, and for how long it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    timestamp_us: i64,
    length_us: i64,
}

impl Window {
    /// Reads `timestamp` and `recvWindow`.
    ///
    /// # Errors
    /// `-1102` without a timestamp; `-1131` when the window is too wide.
    pub fn read(params: &Params) -> Result<Self, ApiError> {
        params.required("timestamp")?;
        let timestamp = params
            .integer("timestamp")?
            .ok_or_else(|| ApiError::mandatory("timestamp"))?;
        let window = params
            .decimal("recvWindow")?
            .unwrap_or(Decimal::from(DEFAULT_WINDOW_MS));
        if window > Decimal::from(MAX_WINDOW_MS) {
            return Err(ApiError::new(-1131, "recvWindow must be less than 60000"));
        }
        let length_us = i64::try_from((window * Decimal::ONE_THOUSAND).trunc()).unwrap_or_default();
        let timestamp_us = if timestamp > LARGEST_MS {
            timestamp
        } else {
            timestamp.saturating_mul(1000)
        };
        Ok(Self {
            timestamp_us,
            length_us,
        })
    }

    /// Judges the window at a venue time in microseconds.
    ///
    /// # Errors
    /// `-1021` when the request is too far ahead or too old.
    pub fn check(&self, now_us: i64) -> Result<(), ApiError> {
        if self.timestamp_us >= now_us.saturating_add(AHEAD_US) {
            let message = "Timestamp for this request was 1000ms ahead of the server's time.";
            return Err(ApiError::new(-1021, message));
        }
        if now_us.saturating_sub(self.timestamp_us) > self.length_us {
            return Err(ApiError::new(
                -1021,
                "Timestamp for this request is outside of the recvWindow.",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::clock::Stamp;
    use crate::server::RawRequest;

    const NOW_US: i64 = 1_800_000_000_000_000;

    fn window(query: &str) -> Result<Window, ApiError> {
        Window::read(&Params::parse(&RawRequest::new("GET", "/", query, Stamp::default())).unwrap())
    }

    #[test]
    fn a_request_is_good_from_a_second_ahead_until_its_window_closes() {
        let judged = |ms: i64| {
            window(&format!("timestamp={ms}"))
                .unwrap()
                .check(NOW_US)
                .map_err(|e| e.code)
        };
        let now_ms = NOW_US / 1000;
        assert_eq!(judged(now_ms + 999), Ok(()));
        assert_eq!(judged(now_ms + 1_000), Err(-1021));
        assert_eq!(judged(now_ms - 5_000), Ok(()));
        assert_eq!(judged(now_ms - 5_001), Err(-1021));
    }

    #[test]
    fn microsecond_timestamps_and_fractional_windows_are_understood() {
        let good = window(&format!("timestamp={}&recvWindow=0.5", NOW_US - 500)).unwrap();
        assert_eq!(good.check(NOW_US), Ok(()));
        assert_eq!(
            good.check(NOW_US + 1).map_err(|error| error.code),
            Err(-1021)
        );
    }

    #[test]
    fn a_window_over_a_minute_is_refused() {
        assert_eq!(window("timestamp=1&recvWindow=60000").map(|_| ()), Ok(()));
        assert_eq!(
            window("timestamp=1&recvWindow=60001").unwrap_err().code,
            -1131
        );
    }
}
