//! For a person at a terminal.

use std::fmt::Write;

use super::Report;
use crate::case::{Finding, Verdict};

impl Report {
    /// A line for each case, then what is to be said of those that failed.
    pub fn to_table(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = self.write_table(&mut text);
        text
    }

    fn write_table(&self, text: &mut String) -> std::fmt::Result {
        match &self.identity {
            Some(identity) => writeln!(
                text,
                "{}: {} {} ({}), {} recorded exchanges, seed {}",
                self.file,
                identity.venue,
                identity.version,
                identity.capabilities.join(", "),
                self.recordings,
                self.seed
            )?,
            None => writeln!(text, "{}: not an adapter that can be loaded", self.file)?,
        }
        for result in &self.results {
            let (mark, remark) = match &result.verdict {
                Verdict::Passed { looked_at } => ("pass", format!("{looked_at} looked at")),
                Verdict::Failed { findings, more } => {
                    ("FAIL", format!("{} findings", findings.len() + more))
                }
                Verdict::Skipped { reason } => ("skip", reason.clone()),
            };
            let case = result.case;
            writeln!(text, "  {mark}  {}  {} ({remark})", case.id, case.title)?;
        }
        for result in &self.results {
            if let Verdict::Failed { findings, more } = &result.verdict {
                let case = result.case;
                writeln!(
                    text,
                    "\n{}  {}\n  written in  {}",
                    case.id, case.title, case.rule
                )?;
                for finding in findings {
                    write_finding(text, finding)?;
                }
                if *more > 0 {
                    writeln!(text, "  and {more} more")?;
                }
            }
        }
        if !self.unrecorded.is_empty() {
            let unrecorded = self.unrecorded.join(", ");
            writeln!(text, "\nclaimed, and no success recorded: {unrecorded}")?;
        }
        let (passed, failed, skipped) = self.counts();
        let took = self.took.as_secs_f64();
        writeln!(
            text,
            "\n{passed} passed, {failed} failed, {skipped} skipped, in {took:.2} s"
        )
    }
}

fn write_finding(text: &mut String, finding: &Finding) -> std::fmt::Result {
    let Finding {
        on,
        sent,
        came_back,
        expected,
    } = finding;
    writeln!(text, "  on          {on}")?;
    writeln!(text, "    sent      {sent}")?;
    writeln!(text, "    came back {came_back}")?;
    writeln!(text, "    expected  {expected}")
}
