//! For continuous integration: JUnit's XML, a suite for each group.

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{CaseResult, Report};
use crate::case::{Group, Verdict};

impl Report {
    /// The report as JUnit's XML.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn to_junit(&self) -> Result<String, SerializeError> {
        let mut report = quick_junit::Report::new(&self.file);
        report.set_time(self.took);
        for group in Group::ALL {
            let mut suite = TestSuite::new(group.name());
            let results = self.results.iter();
            for result in results.filter(|result| result.case.group == group) {
                suite.add_test_case(test_case(result));
            }
            suite.add_property(("seed", self.seed.to_string().as_str()));
            report.add_test_suite(suite);
        }
        report.to_string()
    }
}

fn test_case(result: &CaseResult) -> TestCase {
    let case = result.case;
    let status = match &result.verdict {
        Verdict::Passed { .. } => TestCaseStatus::success(),
        Verdict::Skipped { reason } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
        Verdict::Failed { findings, more } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let mut text = format!("written in {}\n", case.rule);
            for finding in findings {
                text.push_str(&format!(
                    "on {}\nsent {}\ncame back {}\nexpected {}\n",
                    finding.on, finding.sent, finding.came_back, finding.expected
                ));
            }
            status.set_type(case.id);
            status.set_message(format!("{} findings", findings.len() + more));
            status.set_description(text);
            status
        }
    };
    let mut test = TestCase::new(format!("{} {}", case.id, case.title), status);
    test.set_classname(format!("switchyard.{}", case.group));
    test.set_time(result.took);
    test
}
