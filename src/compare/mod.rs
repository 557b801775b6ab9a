//! `loadtool compare`: whether a run differs from another, or only its noise does.
//!
//! [`seconds`] reads what `--out json=FILE` wrote, [`bootstrap`] finds how much each number moves by
//! itself, [`judge`](judge()) sets the difference against that and against the least change that
//! matters to anybody.

pub mod bootstrap;
pub mod change_points;
pub mod group;
pub mod seconds;
pub mod student;
pub mod told;

use std::collections::BTreeSet;

use serde::Serialize;

use self::bootstrap::Spread;
use self::group::Pooled;
use self::seconds::{Key, Run, Series};

/// Fewer seconds with samples say nothing of how a number moves.
const LEAST_SECONDS: usize = 8;

/// How sure the whole table is to hold no false alarm, all rows together.
const ALPHA: f64 = 0.05;

/// How runs are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Method {
    /// The least change that matters, as a part: 0.05.
    pub least: f64,
    /// Decides the draws.
    pub seed: u64,
}

/// One number of one series, there and here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Which series.
    pub series: Key,
    /// `p50`, `p95`, `p99` [ms], `rate` [1/s], `errors` (a part).
    pub stat: &'static str,
    /// Of the base.
    pub base: f64,
    /// Of the candidate.
    pub candidate: f64,
    /// How much more, as a part of the base; of `errors` the difference itself.
    pub change: f64,
    /// Where the change lies, as far as noise lets it be known; null where that is unknown.
    pub interval: Option<(f64, f64)>,
    /// What it means.
    pub verdict: Verdict,
}

/// What a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Worse, beyond noise and by enough to matter.
    Regression,
    /// Better, likewise.
    Improvement,
    /// Not different by enough to matter.
    Same,
    /// There is not enough to tell.
    TooFew,
}

impl Verdict {
    /// As tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Regression => "regression",
            Verdict::Improvement => "improvement",
            Verdict::Same => "same",
            Verdict::TooFew => "too few samples",
        }
    }
}

/// A number that can be read off seconds.
struct Stat {
    name: &'static str,
    of: Of,
    /// Samples that it needs.
    samples: u64,
}

/// What it is of, which says how it is compared.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// A percentile in parts per million: by ratio, more is worse.
    Time(u32),
    /// By ratio, less is worse.
    Rate,
    /// The part that failed: by difference, more is worse.
    Errors,
}

/// In the order in which tables show them. A percentile needs 4 / (1 − p) samples.
const STATS: [Stat; 5] = [
    Stat { name: "p50", of: Of::Time(500_000), samples: 8 },
    Stat { name: "p95", of: Of::Time(950_000), samples: 80 },
    Stat { name: "p99", of: Of::Time(990_000), samples: 400 },
    Stat { name: "rate", of: Of::Rate, samples: 1 },
    Stat { name: "errors", of: Of::Errors, samples: 1 },
];

impl Of {
    fn whole(self, series: &Series) -> Option<f64> {
        match self {
            Of::Time(ppm) => series.quantile(ppm),
            other => other.drawn(series, &series.all()),
        }
    }

    fn drawn(self, series: &Series, places: &[usize]) -> Option<f64> {
        match self {
            Of::Time(ppm) => series.drawn_quantile(places, ppm),
            Of::Rate => series.rate(places),
            Of::Errors => series.errors(places),
        }
    }

    fn spread(self, series: &Series, draws: &[Vec<usize>]) -> Option<Spread> {
        let moved: Vec<f64> = draws.iter().filter_map(|draw| self.drawn(series, draw)).collect();
        Spread::of(self.whole(series)?, &moved, self == Of::Errors)
    }
}

/// Compares every series that all runs of both groups have, in order; a series that only one group
/// has is told beside.
pub fn compare(base: &[Run], candidate: &[Run], method: Method) -> Comparison {
    let (there, here) = (keys(base), keys(candidate));
    let both: Vec<&Key> = there.intersection(&here).copied().collect();
    let missing = |one: &BTreeSet<&Key>, other: &[Run]| -> Vec<Key> {
        let lacks = |key: &&&Key| !other.iter().any(|run| run.series.contains_key(**key));
        one.iter().filter(lacks).map(|key| (*key).clone()).collect()
    };
    // Two-sided, and shared among all rows (Bonferroni).
    let alpha = ALPHA / (both.len() * STATS.len()).max(1) as f64;
    let mut rows = Vec::new();
    for (place, key) in both.iter().enumerate() {
        let seed = method.seed ^ (place as u64) << 8;
        let (there, here) = (Sample::of(base, key, seed ^ 1), Sample::of(candidate, key, seed ^ 2));
        for stat in &STATS {
            let (Some(a), Some(b)) = (there.pooled(stat.of), here.pooled(stat.of)) else {
                continue;
            };
            let enough = there.is_enough(stat) && here.is_enough(stat);
            let noise = a.noise(&b, alpha);
            rows.push(judge((*key).clone(), stat, (a.value, b.value), noise, enough, method.least));
        }
    }
    Comparison { rows, only_base: missing(&there, candidate), only_candidate: missing(&here, base) }
}

/// Series that all of these runs have.
fn keys(runs: &[Run]) -> BTreeSet<&Key> {
    let first = runs.first().into_iter().flat_map(|run| run.series.keys());
    first.filter(|key| runs.iter().all(|run| run.series.contains_key(*key))).collect()
}

/// One series of a group of runs, each with its draws.
struct Sample<'r>(Vec<(&'r Series, Vec<Vec<usize>>)>);

impl Sample<'_> {
    fn of<'r>(runs: &'r [Run], key: &Key, seed: u64) -> Sample<'r> {
        let drawn = runs.iter().enumerate().map(|(place, run)| {
            let series = &run.series[key];
            (series, bootstrap::draws(series.seconds(), seed ^ (place as u64) << 32))
        });
        Sample(drawn.collect())
    }

    /// A number of all runs; `None` if one of them has it not.
    fn pooled(&self, of: Of) -> Option<Pooled> {
        let spreads = self.0.iter().map(|(series, draws)| of.spread(series, draws));
        Pooled::of(&spreads.collect::<Option<Vec<_>>>()?, of == Of::Errors)
    }

    fn is_enough(&self, stat: &Stat) -> bool {
        let enough =
            |series: &Series| series.samples() >= stat.samples && series.seconds() >= LEAST_SECONDS;
        self.0.iter().all(|(series, _)| enough(series))
    }
}

/// Two runs beside each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// By series and statistic.
    pub rows: Vec<Row>,
    /// Series that the candidate has not.
    pub only_base: Vec<Key>,
    /// Series that the base has not.
    pub only_candidate: Vec<Key>,
}

impl Comparison {
    /// Whether anything is worse.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.rows.iter().any(|row| row.verdict == verdict)
    }
}

/// The difference against its noise, and against what matters.
fn judge(
    series: Key,
    stat: &Stat,
    (base, candidate): (f64, f64),
    noise: f64,
    enough: bool,
    least: f64,
) -> Row {
    let (change, interval) = if stat.of == Of::Errors {
        let change = candidate - base;
        (change, (change - noise, change + noise))
    } else {
        // Ratios are even on a logarithmic scale.
        let ratio = candidate / base;
        (ratio - 1.0, (ratio * (-noise).exp() - 1.0, ratio * noise.exp() - 1.0))
    };
    let worse = (change > 0.0) != (stat.of == Of::Rate);
    let sure = interval.0 > 0.0 || interval.1 < 0.0;
    let matters = change.abs() >= least;
    let verdict = if !enough {
        Verdict::TooFew
    } else if sure && matters {
        if worse { Verdict::Regression } else { Verdict::Improvement }
    } else if matters && interval.1 - interval.0 > 4.0 * least {
        Verdict::TooFew // a change that would matter, and may or may not be there
    } else {
        Verdict::Same
    };
    let interval = (enough && change.is_finite()).then_some(interval);
    Row { series, stat: stat.name, base, candidate, change, interval, verdict }
}

#[cfg(test)]
mod tests;
