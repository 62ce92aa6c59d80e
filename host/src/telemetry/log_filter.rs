//! Which lines are logged.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

use super::spans;

/// Where refusals and operators' calls are told, whatever else is.
pub const AUDIT_TARGET: &str = "switchyard::audit";

/// Longest filter, in bytes.
const MAX_LENGTH: usize = 500;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFilterError {
    /// It is too long.
    #[error("has more than {MAX_LENGTH} bytes")]
    TooLong,
    /// A part is neither a level nor a target with a level.
    #[error(
        "{0:?} is neither off, error, warn, info, debug or trace, nor a target with one of them, such as switchyard::venue=debug"
    )]
    Part(String),
    /// There are two levels for one thing.
    #[error("{0:?} is a second level for the same lines")]
    Twice(String),
}

/// Which lines are logged: a level for everything, and levels for targets (modules), such as `info` or
/// `switchyard::venue=debug,info`.
///
/// What libraries say is held to `debug`, and to `info` where they handle secrets, whatever the filter asks for.
/// Lines of the audit are logged unless the filter names their target.
#[derive(Debug, Clone)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        if text.len() > MAX_LENGTH {
            return Err(LogFilterError::TooLong);
        }
        let mut named: Vec<Option<&str>> = Vec::new();
        let mut targets = Targets::new();
        for part in text.split(',').map(str::trim) {
            let (target, level) = match part.rsplit_once('=') {
                Some((target, level)) => (Some(target.trim()), level.trim()),
                None => (None, part),
            };
            let is_target = |target: &str| {
                let allowed = |c: char| c.is_ascii_alphanumeric() || "_:-".contains(c);
                !target.is_empty() && target.chars().all(allowed)
            };
            let level = level_named(level).filter(|_| target.is_none_or(is_target));
            let level = level.ok_or_else(|| LogFilterError::Part(part.to_owned()))?;
            if named.contains(&target) {
                return Err(LogFilterError::Twice(part.to_owned()));
            }
            named.push(target);
            targets = match target {
                Some(target) => targets.with_target(target, level),
                None => targets.with_default(level),
            };
        }
        let this = Self {
            text: text.to_owned(),
            targets,
        };
        Ok(if this.names_audit() {
            this
        } else {
            Self {
                targets: this.targets.with_target(AUDIT_TARGET, Level::INFO),
                ..this
            }
        })
    }
}

impl LogFilter {
    /// The filter as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it says what becomes of the lines of the audit.
    pub fn names_audit(&self) -> bool {
        let mut parts = self.text.split(',').map(str::trim);
        parts.any(|part| part.starts_with(AUDIT_TARGET))
    }

    fn takes(&self, of: &Metadata<'_>) -> bool {
        if of.is_span() {
            // Whose request it is must show beside every line, whatever the level.
            return of.target() == spans::TARGET;
        }
        *of.level() <= most_of(of.target()) && self.targets.would_enable(of.target(), of.level())
    }
}

impl<S> Filter<S> for LogFilter {
    fn enabled(&self, of: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.takes(of)
    }

    fn callsite_enabled(&self, of: &'static Metadata<'static>) -> Interest {
        if self.takes(of) {
            Interest::always()
        } else {
            Interest::never()
        }
    }
}

fn level_named(name: &str) -> Option<LevelFilter> {
    // Numbers, which the library takes too, are easily the wrong way round.
    let names = ["off", "error", "warn", "info", "debug", "trace"];
    let lower = name.to_ascii_lowercase();
    names
        .contains(&lower.as_str())
        .then(|| lower.parse().ok())?
}

/// The most talkative level that is logged of a target. Below it, libraries show what they send and receive.
fn most_of(target: &str) -> Level {
    if target.starts_with("switchyard") {
        Level::TRACE
    } else if target.starts_with("aws_") {
        Level::INFO
    } else {
        Level::DEBUG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> LogFilter {
        text.parse().unwrap()
    }

    fn would_log(filter: &LogFilter, target: &str, level: Level) -> bool {
        level <= most_of(target) && filter.targets.would_enable(target, &level)
    }

    #[test]
    fn a_level_is_for_everything_and_a_target_for_itself() {
        let filter = filter("warn, switchyard::venue=debug");
        for (target, level, is_logged) in [
            ("switchyard::api", Level::INFO, false),
            ("switchyard::api", Level::WARN, true),
            ("switchyard::venue::http", Level::DEBUG, true),
            ("switchyard::venue::http", Level::TRACE, false),
        ] {
            let logged = would_log(&filter, target, level);
            assert_eq!(logged, is_logged, "{target} {level}");
        }
    }

    #[test]
    fn the_audit_is_logged_whatever_the_level_unless_it_is_named() {
        assert!(would_log(&filter("off"), AUDIT_TARGET, Level::INFO));
        let named = filter("info,switchyard::audit=off");
        assert!(!would_log(&named, AUDIT_TARGET, Level::ERROR));
    }

    #[test]
    fn libraries_are_never_logged_at_levels_that_show_what_they_carry() {
        let filter = filter("trace,hyper=trace,aws_sdk_ssm=trace");
        for (target, level, is_logged) in [
            ("switchyard::venue", Level::TRACE, true),
            ("hyper::proto", Level::DEBUG, true),
            ("hyper::proto", Level::TRACE, false),
            ("aws_sdk_ssm::operation", Level::INFO, true),
            ("aws_sdk_ssm::operation", Level::DEBUG, false),
        ] {
            let logged = would_log(&filter, target, level);
            assert_eq!(logged, is_logged, "{target} {level}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_and_not_taken_for_a_target() {
        for text in [
            "", "inf", "verbose", "3", "info,", "=info", "a=b=info", "a b=info", "[x]=info",
        ] {
            assert!(
                matches!(text.parse::<LogFilter>(), Err(LogFilterError::Part(_))),
                "{text:?}"
            );
        }
        for text in ["info,warn", "a=info,a=warn"] {
            assert!(
                matches!(text.parse::<LogFilter>(), Err(LogFilterError::Twice(_))),
                "{text:?}"
            );
        }
        let long = "a".repeat(MAX_LENGTH + 1);
        assert_eq!(
            long.parse::<LogFilter>().unwrap_err(),
            LogFilterError::TooLong
        );
    }
}
