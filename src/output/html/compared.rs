//! Runs that were compared as one page: the verdict first, then a table and the latencies of each
//! candidate over those of the base. It has the report's style, policy and manners.

use maud::{Markup, html};

use super::document;
use super::pair::Pair;
use crate::compare::series::{Key, Run};
use crate::compare::{Comparison, Verdict};
use crate::metrics::Histogram;
use crate::results::format;

/// What was compared with what.
pub struct Compared<'c> {
    /// What the base is called.
    pub base: &'c str,
    /// Its runs.
    pub runs: &'c [Run],
    /// The least change that matters, as a part.
    pub min_change: f64,
    /// Each that was held against it.
    pub candidates: Vec<Candidate<'c>>,
}

/// One that was held against the base.
pub struct Candidate<'c> {
    /// What it is called.
    pub name: &'c str,
    /// Its runs.
    pub runs: &'c [Run],
    /// How it differs.
    pub comparison: &'c Comparison,
}

impl Compared<'_> {
    /// The whole document.
    pub fn page(&self) -> String {
        let word = self.word();
        let title = format!("{} {}", word.to_uppercase(), self.title());
        let body = html! {
            header class=(self.class()) {
                h1 { span.verdict { (word.to_uppercase()) } " " (self.title()) }
                @for candidate in &self.candidates {
                    p.answer {
                        @if self.candidates.len() > 1 { (candidate.name) ": " }
                        (candidate.comparison.sentence())
                    }
                }
                p.faint {
                    "Changes from " (format::share(self.min_change)) " on matter; bounds are as "
                    "wide as the noise of the runs' seconds makes them."
                }
            }
            @for candidate in &self.candidates { (self.section(candidate)) }
        };
        document(&title, &body, env!("CARGO_PKG_VERSION"))
    }

    fn title(&self) -> String {
        let names: Vec<&str> = self.candidates.iter().map(|one| one.name).collect();
        format!("{} against {}", names.join(", "), self.base)
    }

    /// The worst that can be said of any candidate.
    fn word(&self) -> &'static str {
        let any = |verdict| self.candidates.iter().any(|one| one.comparison.has(verdict));
        match () {
            () if any(Verdict::Regression) => "regression",
            () if any(Verdict::Improvement) => "improvement",
            () if any(Verdict::Same) => "same",
            () => "too few samples",
        }
    }

    fn class(&self) -> &'static str {
        match self.word() {
            "regression" => "fail",
            "improvement" | "same" => "pass",
            _ => "inconclusive",
        }
    }

    fn section(&self, candidate: &Candidate) -> Markup {
        let pair = Pair {
            base: self.base,
            candidate: candidate.name,
            comparison: candidate.comparison,
            min_change: self.min_change,
            latencies: latencies(self.runs, candidate),
        };
        html! {
            section {
                @if self.candidates.len() > 1 { h2 { (candidate.name) } } @else { h2 { "Changes" } }
                (pair.table())
            }
            section {
                h2 { "How latencies are spread" }
                (pair.plots())
            }
        }
    }
}

/// All times of each series that both have, over their runs.
fn latencies(base: &[Run], candidate: &Candidate) -> Vec<(Key, [Histogram; 2])> {
    let merged = |runs: &[Run], key: &Key| {
        let mut all = Histogram::default();
        runs.iter().filter_map(|run| run.series.get(key)).for_each(|one| all.merge(one.times()));
        all
    };
    let mut keys: Vec<&Key> = candidate.comparison.rows.iter().map(|row| &row.series).collect();
    keys.dedup();
    let both =
        keys.into_iter().map(|key| (key.clone(), [merged(base, key), merged(candidate.runs, key)]));
    both.filter(|(_, samples)| samples.iter().any(|one| !one.is_empty())).collect()
}
