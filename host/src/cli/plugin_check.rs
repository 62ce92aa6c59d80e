//! `switchyard plugin check`: holds a component to the numbered cases of the conformance kit.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use switchyard_conformance::{Options, Recording, Report, bless, judge, read_recordings};
use switchyard_runtime::Runtime;

use super::live::{LiveOptions, check_live};
use super::{CommandError, plugin_inspect, print};
use crate::config::PluginsConfig;

/// Everything that is generated follows from it, where no other is given.
const SEED: u64 = 20_261_121;

/// Longest text of a value that a blessing shows, in characters.
const SHOWN_CHARS: usize = 400;

/// How a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Table,
    /// For programs.
    Json,
    /// JUnit's XML, for continuous integration.
    Junit,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The component.
    file: PathBuf,
    /// Directory of recorded exchanges [default: for DIR/NAME.wasm the first there is of DIR/../NAME/cases,
    /// DIR/../cases, DIR/cases].
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// How the report is shown.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// What hostile answers and commands are generated from.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Take what the component does now for what the recordings expect: rewrites their requests and
    /// meanings, and shows what that changes. Read it: what is blessed is what later versions are held to.
    #[arg(long)]
    bless: bool,
    #[command(flatten)]
    live: LiveOptions,
}

pub(super) fn check(args: &CheckArgs) -> Result<(), CommandError> {
    if let Some(live) = args.live.named() {
        return show(&check_live(&args.file, &live)?, args.format);
    }
    let cases = args.cases.clone().or_else(|| known_place(&args.file));
    if args.bless {
        let cases = cases
            .as_deref()
            .ok_or("--bless: there are no recordings; --cases must say where")?;
        bless_all(&args.file, cases)?;
    }
    let recordings = match &cases {
        Some(directory) => read_recordings(directory)?,
        None => Vec::new(),
    };
    show(&report(args, recordings)?, args.format)
}

fn show(report: &Report, format: Format) -> Result<(), CommandError> {
    print(&match format {
        Format::Table => report.to_table(),
        Format::Json => format!("{:#}\n", report.to_json()),
        Format::Junit => report.to_junit()?,
    })?;
    if report.passed() {
        return Ok(());
    }
    Err(format!("{} cases are not passed", report.failed()).into())
}

fn report(args: &CheckArgs, recordings: Vec<Recording>) -> Result<Report, CommandError> {
    let unreadable = |error| format!("cannot read {}: {error}", args.file.display());
    let bytes = std::fs::read(&args.file).map_err(unreadable)?;
    let runtime = Runtime::new(PluginsConfig::default().limits(), None)?;
    let file = args.file.display().to_string();
    let options = Options {
        seed: args.seed,
        only: None,
    };
    Ok(judge(&runtime, &file, &bytes, recordings, options)?)
}

/// Where recordings lie beside a component: built ones are in a directory of their own, or beside the others.
fn known_place(file: &Path) -> Option<PathBuf> {
    let directory = file.parent()?;
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let above = directory.join("..");
    let places = [
        above.join(file.file_stem()?).join("cases"),
        above.join("cases"),
        directory.join("cases"),
    ];
    places.into_iter().find(|place| place.is_dir())
}

fn bless_all(file: &Path, cases: &Path) -> Result<(), CommandError> {
    let adapter = plugin_inspect::load(file)?;
    let changed = bless(cases, &adapter)?;
    for (name, differences) in &changed {
        let mut text = format!("blessed {name}\n");
        for difference in differences {
            let shown = |value: &serde_json::Value| -> String {
                value.to_string().chars().take(SHOWN_CHARS).collect()
            };
            text.push_str(&format!(
                "  {}\n  - {}\n  + {}\n",
                difference.at,
                shown(&difference.recorded),
                shown(&difference.replayed)
            ));
        }
        // The report alone is on standard output.
        eprint!("{text}");
    }
    eprintln!("{} recordings changed", changed.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_found_beside_the_adapter_they_are_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = |path: &str| directory.path().join(path);
        for place in ["dist", "cases", "venue/cases", "dist/cases"] {
            std::fs::create_dir_all(path(place)).unwrap();
        }
        let found = |file: &str| known_place(&path(file)).unwrap().canonicalize().unwrap();
        let canonical = |place: &str| path(place).canonicalize().unwrap();
        assert_eq!(found("dist/venue.wasm"), canonical("venue/cases"));
        assert_eq!(found("dist/other.wasm"), canonical("cases"));
        std::fs::remove_dir(path("cases")).unwrap();
        assert_eq!(found("dist/other.wasm"), canonical("dist/cases"));
        std::fs::remove_dir(path("dist/cases")).unwrap();
        assert_eq!(known_place(&path("dist/other.wasm")), None);
    }
}
