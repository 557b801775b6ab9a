//! `junit=FILE`: the verdict, thresholds and checks as test cases, for CI systems to show.
//!
//! A check is a failed case where it held in less than 99 % of its passes, as the default threshold
//! on checks has it; how often it failed is told in any case. An inconclusive or aborted run is an
//! error of the case `verdict`, since then nothing was decided.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::super::file;
use super::{Moment, Sink, try_out};
use crate::results::format;
use crate::results::summary::{Check, Summary, Threshold};
use crate::results::verdict::Outcome;

/// Checks that held in less than this part of their passes are failed cases.
const LEAST: f64 = 0.99;

/// Writes the file when the run is over.
#[derive(Debug)]
pub struct Junit(PathBuf);

impl Junit {
    /// To a file.
    ///
    /// # Errors
    /// It can be seen now that this will not be possible.
    pub fn to(path: &Path) -> Result<Junit, String> {
        try_out(path).map(|()| Junit(path.to_owned()))
    }
}

impl Sink for Junit {
    fn second(&mut self, _: &Moment) -> Result<u64, String> {
        Ok(0)
    }

    fn finish(&mut self, summary: &Summary) -> Result<u64, String> {
        let suites = suites(summary);
        let text = document(summary, &suites);
        let written = file::replace(&self.0, |out| out.write_all(text.as_bytes()));
        let cases = suites.iter().map(|suite| suite.cases.len() as u64).sum();
        written
            .map(|()| cases)
            .map_err(|error| format!("cannot write {}: {error}", self.0.display()))
    }
}

struct Suite {
    name: &'static str,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    came: Came,
    /// What more there is to know, in a sentence.
    told: String,
}

#[derive(PartialEq)]
enum Came {
    Good,
    Failed(String),
    Undecided(String),
}

impl Suite {
    fn failures(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.came, Came::Failed(_))).count()
    }

    fn errors(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.came, Came::Undecided(_))).count()
    }
}

fn suites(summary: &Summary) -> [Suite; 3] {
    [
        Suite { name: "verdict", cases: vec![verdict(summary)] },
        Suite { name: "thresholds", cases: summary.thresholds.iter().map(threshold).collect() },
        Suite { name: "checks", cases: summary.checks.iter().map(check).collect() },
    ]
}

fn verdict(summary: &Summary) -> Case {
    let verdict = &summary.verdict;
    let why = verdict.reasons.first().cloned().unwrap_or_default();
    let came = match verdict.result {
        Outcome::Pass | Outcome::Unjudged => Came::Good,
        Outcome::Fail => Came::Failed(why),
        Outcome::Inconclusive | Outcome::Aborted => Came::Undecided(why),
    };
    let told = [&[verdict.result.as_str().to_owned()], verdict.reasons.as_slice()].concat();
    Case { name: "verdict".to_owned(), came, told: told.join("\n") }
}

fn threshold(threshold: &Threshold) -> Case {
    let name = format!("{} {}", threshold.metric, threshold.expression);
    let observed = match threshold.observed {
        Some(observed) => format!("observed {}", format::quantity(observed, &threshold.unit)),
        None => "no data".to_owned(),
    };
    let samples = format::counted(threshold.samples, "sample");
    let came = if threshold.ok { Came::Good } else { Came::Failed(observed.clone()) };
    Case { name, came, told: format!("{observed}, {samples}") }
}

fn check(check: &Check) -> Case {
    let parts = [&check.scenario, &check.step, &check.name];
    let named: Vec<&str> =
        parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let passes = check.passed + check.failed;
    let told =
        format!("failed {} of {}", format::count(check.failed), format::counted(passes, "time"));
    let held = (check.passed as f64) >= LEAST * passes as f64;
    let came = if held { Came::Good } else { Came::Failed(told.clone()) };
    Case { name: named.join(": "), came, told }
}

fn document(summary: &Summary, suites: &[Suite]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let run = &summary.run;
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(count).sum::<usize>();
    let _ = writeln!(
        text,
        r#"<testsuites name="{}" tests="{}" failures="{}" errors="{}" time="{:.3}">"#,
        Xml(&run.name),
        sum(|suite| suite.cases.len()),
        sum(Suite::failures),
        sum(Suite::errors),
        run.duration_s,
    );
    for suite in suites.iter().filter(|suite| !suite.cases.is_empty()) {
        let _ = writeln!(
            text,
            r#"  <testsuite name="{}: {}" tests="{}" failures="{}" errors="{}" skipped="0" time="{:.3}" timestamp="{}">"#,
            Xml(&run.name),
            suite.name,
            suite.cases.len(),
            suite.failures(),
            suite.errors(),
            run.duration_s,
            Xml(without_zone(&run.started_at)),
        );
        for case in &suite.cases {
            write_case(&mut text, &format!("{}.{}", run.name, suite.name), case);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn write_case(text: &mut String, class: &str, case: &Case) {
    let (class, name) = (Xml(class), Xml(&case.name));
    let _ = writeln!(text, r#"    <testcase classname="{class}" name="{name}" time="0">"#);
    let told = Xml(&case.told);
    let _ = match &case.came {
        Came::Good => writeln!(text, "      <system-out>{told}</system-out>"),
        Came::Failed(why) => {
            writeln!(
                text,
                r#"      <failure message="{}" type="failure">{told}</failure>"#,
                Xml(why)
            )
        }
        Came::Undecided(why) => {
            writeln!(text, r#"      <error message="{}" type="error">{told}</error>"#, Xml(why))
        }
    };
    text.push_str("    </testcase>\n");
}

/// The format knows no time zones: `2026-01-02T03:04:05`.
fn without_zone(time: &str) -> &str {
    time.split(['.', 'Z']).next().unwrap_or(time)
}

/// Text for an attribute or between tags; what XML cannot hold at all becomes U+FFFD.
struct Xml<'t>(&'t str);

impl std::fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\n' | '\t' => write!(f, "&#{};", u32::from(c))?,
                '\u{fffe}' | '\u{ffff}' => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    fn written(summary: &Summary) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("junit.xml");
        Junit::to(&path).unwrap().finish(summary).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    fn outcomes(summary: &Summary) -> Vec<(String, &'static str)> {
        let of = |case: &Case| match case.came {
            Came::Good => "good",
            Came::Failed(_) => "failed",
            Came::Undecided(_) => "undecided",
        };
        let cases = suites(summary).into_iter().flat_map(|suite| suite.cases);
        cases.map(|case| (case.name.clone(), of(&case))).collect()
    }

    #[test]
    fn each_threshold_and_check_is_a_case_that_fails_if_it_did() {
        let mut summary = example::good();
        summary.checks = [(1000, 0), (995, 5), (980, 20)]
            .map(|(passed, failed)| Check {
                scenario: "shop".into(),
                name: format!("{failed} fail"),
                passed,
                failed,
                ..Check::default()
            })
            .into();
        let cases = outcomes(&summary);
        let checks =
            [("shop: 0 fail", "good"), ("shop: 5 fail", "good"), ("shop: 20 fail", "failed")];
        assert_eq!(cases[0], ("verdict".into(), "good"));
        let last: Vec<_> = cases[cases.len() - 3..].iter().map(|(n, o)| (n.as_str(), *o)).collect();
        assert_eq!(last, checks);
        let bad = outcomes(&example::bad());
        assert_eq!(bad.iter().filter(|(_, came)| *came == "failed").count(), {
            let bad = example::bad();
            let crossed = bad.thresholds.iter().filter(|threshold| !threshold.ok).count();
            let held = |check: &&Check| check.failed * 99 > check.passed;
            crossed + bad.checks.iter().filter(held).count() + 1
        });
    }

    #[test]
    fn a_run_that_decided_nothing_is_an_error() {
        let mut summary = example::good();
        summary.verdict.result = Outcome::Inconclusive;
        summary.verdict.reasons = vec!["too few samples".into()];
        assert_eq!(outcomes(&summary)[0].1, "undecided");
        let text = written(&summary);
        assert!(text.contains(r#"<error message="too few samples" type="error">"#), "{text}");
        assert!(text.contains(r#"errors="1""#), "{text}");
    }

    #[test]
    fn hostile_names_stay_within_their_places() {
        let name = "\"/><failure>\u{0}\u{1b}]&amp;\u{ffff}\n<!--";
        let mut summary = example::bad();
        example::rename(&mut summary, name);
        summary.run.name = name.into();
        let text = written(&summary);
        let read = roxmltree::Document::parse(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let suites = read.root_element();
        assert_eq!(
            suites.attribute("name"),
            Some("\"/><failure>\u{fffd}\u{fffd}]&amp;\u{fffd}\n<!--")
        );
        let cases = read.descendants().filter(|node| node.has_tag_name("testcase")).count();
        assert_eq!(suites.attribute("tests"), Some(&*cases.to_string()));
        let failures = read.descendants().filter(|node| node.has_tag_name("failure")).count();
        assert_eq!(suites.attribute("failures"), Some(&*failures.to_string()));
    }
}
