//! The report that a run ends with: the verdict and the few numbers that matter, then tables.
//!
//! It fits [`COLUMNS`] columns, and a narrower terminal as far as its numbers allow, reads without
//! colour, and leaves out what has nothing to say. All text that servers or scripts had a hand in
//! is made harmless on its way here.

mod categories;
mod errors;
mod generator;
mod limit;
mod own;
mod sections;
mod slowest;
mod starts;
mod tails;
mod variants;

use anstyle::{AnsiColor, Style};

use super::table::{Table, styled};
use super::text;
use crate::results::verdict::Outcome;
use crate::results::{Summary, format};

/// The widest line.
pub const COLUMNS: usize = 100;

/// What it is made narrower to at most: below that tables cannot be read.
pub const LEAST_COLUMNS: usize = 80;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
const HEAD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// Summary → text.
#[derive(Debug, Clone, Copy)]
pub struct Report<'s> {
    /// What is reported.
    pub summary: &'s Summary,
    /// Whether it is coloured.
    pub color: bool,
    /// Columns of the terminal; of no effect outside [`LEAST_COLUMNS`] to [`COLUMNS`].
    pub columns: usize,
}

impl Report<'_> {
    /// The whole report; ends with a line break.
    pub fn text(&self) -> String {
        let mut page = Page::new(self.columns.clamp(LEAST_COLUMNS, COLUMNS));
        self.headline(&mut page);
        if let Some(limit) = &self.summary.limit {
            limit::limit(limit, &mut page);
            errors::errors(self.summary, &mut page);
            return page.text(self.color);
        }
        sections::totals(self.summary, &mut page);
        self.remarks(&mut page);
        sections::thresholds(self.summary, &mut page);
        variants::variants(self.summary, &mut page);
        sections::scenarios(self.summary, &mut page);
        starts::starts(self.summary, &mut page);
        sections::stages(self.summary, &mut page);
        sections::steps(self.summary, &mut page);
        sections::calls(self.summary, &mut page);
        sections::checks(self.summary, &mut page);
        own::own(self.summary, &mut page);
        tails::tails(self.summary, &mut page);
        slowest::slowest(self.summary, &mut page);
        categories::categories(self.summary, &mut page);
        errors::errors(self.summary, &mut page);
        sections::connections(self.summary, &mut page);
        generator::generator(self.summary, &mut page);
        page.text(self.color)
    }

    /// `FAIL  shop: 10.0 s, 20 users, seed 4711`, and why.
    fn headline(&self, page: &mut Page) {
        let run = &self.summary.run;
        let verdict = &self.summary.verdict;
        let word = verdict.result.as_str().to_uppercase();
        let length = format::length(std::time::Duration::from_secs_f64(run.duration_s.max(0.0)));
        let users = format::counted(self.summary.users_max(), "user");
        let about = format!(": {length}, {users}, seed {}", run.seed);
        let name = text::harmless(&run.name).into_owned();
        let room = page.columns.saturating_sub(word.len() + 2 + text::width(&about));
        let name = text::shorten(&name, room.max(8)).into_owned();
        page.line(format!("{}  {name}{about}", styled(&word, style_of(verdict.result))));
        for reason in &verdict.reasons {
            page.item("-", reason);
        }
    }

    /// What bends the numbers, and what to do about it.
    fn remarks(&self, page: &mut Page) {
        if self.summary.anomalies.is_empty() && self.summary.recommendations.is_empty() {
            return;
        }
        page.head("Remarks");
        for anomaly in &self.summary.anomalies {
            page.item("!", &anomaly.message);
        }
        for recommendation in &self.summary.recommendations {
            page.item("→", recommendation);
        }
    }
}

fn style_of(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => GOOD,
        Outcome::Fail => BAD,
        Outcome::Inconclusive | Outcome::Aborted => DOUBTFUL,
        Outcome::Unjudged => HEAD,
    }
}

/// The lines so far, and how wide they may be.
#[derive(Debug)]
struct Page {
    lines: Vec<String>,
    columns: usize,
}

impl Page {
    fn new(columns: usize) -> Page {
        Page { lines: Vec::new(), columns }
    }

    fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// An empty line.
    fn gap(&mut self) {
        self.line(String::new());
    }

    /// The head of a section.
    fn head(&mut self, title: &str) {
        self.gap();
        self.line(styled(title, HEAD));
    }

    /// A table, indented.
    fn table(&mut self, table: &Table) {
        let lines = table.lines(self.columns - 2, FAINT);
        self.lines.extend(lines.into_iter().map(|line| format!("  {line}")));
    }

    /// A sentence behind a bullet, wrapped.
    fn item(&mut self, bullet: &str, sentence: &str) {
        let lines = text::wrap(&text::harmless(sentence), self.columns - 4);
        for (i, line) in lines.iter().enumerate() {
            self.line(format!("  {} {line}", if i == 0 { bullet } else { " " }));
        }
    }

    /// A sentence under a table, wrapped.
    fn note(&mut self, sentence: &str) {
        let lines = text::wrap(&text::harmless(sentence), self.columns - 4);
        for (i, line) in lines.iter().enumerate() {
            self.line(format!("  {}{line}", if i == 0 { "" } else { "  " }));
        }
    }

    fn text(self, color: bool) -> String {
        let text =
            self.lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect::<String>();
        if color { text } else { anstream::adapter::strip_str(&text).to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    fn plain(summary: &Summary) -> String {
        Report { summary, color: false, columns: COLUMNS }.text()
    }

    #[test]
    fn a_run_that_went_well_is_told_in_a_few_lines() {
        insta::assert_snapshot!(plain(&example::good()));
    }

    #[test]
    fn a_run_that_went_badly_says_why_first() {
        insta::assert_snapshot!(plain(&example::bad()));
    }

    #[test]
    fn a_run_without_a_single_call_is_still_a_report() {
        insta::assert_snapshot!(plain(&example::empty()));
    }

    #[test]
    fn targets_of_one_run_are_held_against_each_other() {
        let whole = plain(&example::compared());
        let from = whole.find("new against old").expect("it is told");
        let to = whole.find("\nScenarios").expect("it is told");
        insta::assert_snapshot!(&whole[from..to]);
    }

    #[test]
    fn hostile_names_neither_pass_the_width_nor_reach_the_terminal() {
        for name in
            ["x".repeat(3000), "漢".repeat(500), "\x1b[2J\x1b]0;pwned\x07\u{202e}\n".repeat(40)]
        {
            let mut summary = example::bad();
            example::rename(&mut summary, &name);
            for columns in [COLUMNS, LEAST_COLUMNS, 9, 300] {
                for line in (Report { summary: &summary, color: false, columns }).text().lines() {
                    assert!(text::width(line) <= COLUMNS, "{} columns: {line}", text::width(line));
                    assert_eq!(text::harmless(line), line);
                }
            }
        }
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let summary = &example::bad();
        let colored = Report { summary, color: true, columns: COLUMNS }.text();
        assert_ne!(colored, plain(summary));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain(summary));
    }

    #[test]
    fn long_tables_are_cut_and_say_so() {
        let mut summary = example::good();
        summary.steps = vec![summary.steps[0].clone(); 70];
        assert!(plain(&summary).contains("… and 20 more; --summary-json has them all"));
    }
}
