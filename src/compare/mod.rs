//! Whether a run differs from another, or only its noise does: `loadtool compare`, and of the
//! variants of one run `--ab`.
//!
//! [`series`] holds a run and [`seconds`] those of one series, [`bootstrap`] finds how much each
//! number moves by itself, and [`judge`](judge()) sets the difference against that and against the
//! least change that matters to anybody. Runs of their own are drawn each by itself; variants that
//! shared their seconds are drawn together, so that what slows both is no noise between them.

pub mod bootstrap;
pub mod change_points;
pub mod group;
pub mod origin;
pub mod seconds;
pub mod series;
pub mod student;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use self::bootstrap::{Spread, small_sample_quantile};
use self::group::Pooled;
use self::seconds::Series;
use self::series::{Key, Run};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which series.
    pub series: Key,
    /// Of what.
    pub stat: Stat,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "percentiles [ms], and what the two others say")]
pub enum Stat {
    P50,
    P95,
    P99,
    /// Per second.
    Rate,
    /// The part that failed.
    Errors,
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

impl Stat {
    /// In the order in which tables show them.
    const ALL: [Stat; 5] = [Stat::P50, Stat::P95, Stat::P99, Stat::Rate, Stat::Errors];

    /// As tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Stat::P50 => "p50",
            Stat::P95 => "p95",
            Stat::P99 => "p99",
            Stat::Rate => "rate",
            Stat::Errors => "errors",
        }
    }

    fn of(self) -> Of {
        match self {
            Stat::P50 => Of::Time(500_000),
            Stat::P95 => Of::Time(950_000),
            Stat::P99 => Of::Time(990_000),
            Stat::Rate => Of::Rate,
            Stat::Errors => Of::Errors,
        }
    }

    /// Samples that it needs; a percentile 4 / (1 − p).
    fn least_samples(self) -> u64 {
        match self {
            Stat::P50 => 8,
            Stat::P95 => 80,
            Stat::P99 => 400,
            Stat::Rate | Stat::Errors => 1,
        }
    }

    fn is_enough(self, series: &Series) -> bool {
        let seconds = match self {
            Stat::Rate => series.full().len(),
            _ => series.seconds(),
        };
        series.samples() >= self.least_samples() && seconds >= LEAST_SECONDS
    }
}

impl Of {
    fn whole(self, series: &Series) -> Option<f64> {
        match self {
            Of::Time(ppm) => series.quantile(ppm),
            Of::Rate => series.rate(),
            Of::Errors => series.errors(&series.all()),
        }
    }

    fn drawn(self, series: &Series, places: &[usize]) -> Option<f64> {
        match self {
            Of::Time(ppm) => series.drawn_quantile(places, ppm),
            Of::Rate => series.drawn_rate(places),
            Of::Errors => series.errors(places),
        }
    }

    /// How far the second is from the first: by ratio on a logarithmic scale, on which ratios are
    /// even; `None` where there is none.
    fn difference(self, (base, candidate): (f64, f64)) -> Option<f64> {
        match self {
            Of::Errors => Some(candidate - base),
            _ => (base > 0.0 && candidate > 0.0).then(|| (candidate / base).ln()),
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
    let remarks = origin::remarks(base, candidate);
    let compared = each_series(base, candidate, |key, seed, alpha| {
        let seed = method.seed ^ seed;
        let (there, here) = (Sample::of(base, key, seed ^ 1), Sample::of(candidate, key, seed ^ 2));
        let row = |stat: Stat| {
            let (a, b) = (there.pooled(stat.of())?, here.pooled(stat.of())?);
            let enough = there.is_enough(stat) && here.is_enough(stat);
            let noise = a.noise(&b, alpha);
            Some(judge(key.clone(), stat, (a.value, b.value), noise, enough, method.least))
        };
        Stat::ALL.into_iter().filter_map(row).collect()
    });
    Comparison { remarks, ..compared }
}

/// Compares two variants of one run, whose seconds are the same: noise is how the difference moves
/// when both are drawn at the same places, so what slows both for a while is none.
pub fn compare_paired(base: &Run, candidate: &Run, method: Method) -> Comparison {
    let of = std::slice::from_ref;
    each_series(of(base), of(candidate), |key, seed, alpha| {
        let (a, b) = (&base.series[key], &candidate.series[key]);
        let seconds = a.seconds().min(b.seconds());
        let draws = bootstrap::draws(seconds, method.seed ^ seed);
        let quantile = small_sample_quantile(seconds, alpha);
        let row = |stat: Stat| {
            let of = stat.of();
            let whole = (of.whole(a)?, of.whole(b)?);
            of.difference(whole)?;
            let moved: Vec<f64> = draws
                .iter()
                .filter_map(|draw| of.difference((of.drawn(a, draw)?, of.drawn(b, draw)?)))
                .collect();
            let spread = Spread::of(0.0, &moved, true)?;
            let noise = quantile * spread.deviation;
            let enough = stat.is_enough(a) && stat.is_enough(b);
            Some(judge(key.clone(), stat, whole, noise, enough, method.least))
        };
        Stat::ALL.into_iter().filter_map(row).collect()
    })
}

/// The rows of each series that all runs have, given a seed of its own and how sure a row is to be.
fn each_series(
    base: &[Run],
    candidate: &[Run],
    rows: impl Fn(&Key, u64, f64) -> Vec<Row>,
) -> Comparison {
    let (there, here) = (keys(base), keys(candidate));
    let both: Vec<&Key> = there.intersection(&here).copied().collect();
    let missing = |one: &BTreeSet<&Key>, other: &[Run]| -> Vec<Key> {
        let lacks = |key: &&&Key| !other.iter().any(|run| run.series.contains_key(**key));
        one.iter().filter(lacks).map(|key| (*key).clone()).collect()
    };
    // Two-sided, and shared among all rows (Bonferroni).
    let alpha = ALPHA / (both.len() * Stat::ALL.len()).max(1) as f64;
    let each = both.iter().enumerate();
    Comparison {
        rows: each.flat_map(|(place, key)| rows(key, (place as u64) << 8, alpha)).collect(),
        only_base: missing(&there, candidate),
        only_candidate: missing(&here, base),
        remarks: Vec::new(),
    }
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

    fn is_enough(&self, stat: Stat) -> bool {
        self.0.iter().all(|(series, _)| stat.is_enough(series))
    }
}

/// Two runs beside each other.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// By series and statistic.
    pub rows: Vec<Row>,
    /// Series that the candidate has not.
    pub only_base: Vec<Key>,
    /// Series that the base has not.
    pub only_candidate: Vec<Key>,
    /// How the runs do not match; those of one run do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl Comparison {
    /// Whether anything is worse.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.rows.iter().any(|row| row.verdict == verdict)
    }

    /// What it comes to, in one sentence.
    pub fn sentence(&self) -> String {
        let count = |verdict| self.rows.iter().filter(|row| row.verdict == verdict).count();
        let (worse, better) = (count(Verdict::Regression), count(Verdict::Improvement));
        let (same, few) = (count(Verdict::Same), count(Verdict::TooFew));
        let word = match (worse, better, same) {
            (0, 0, 0) => "Nothing can be told",
            (0, 0, _) => "No change that matters",
            (0, ..) => "Improved",
            _ => "Regression",
        };
        format!(
            "{word}: {worse} worse, {better} better, {same} the same, {few} with too few samples"
        )
    }
}

/// The difference against its noise, and against what matters.
fn judge(
    series: Key,
    stat: Stat,
    (base, candidate): (f64, f64),
    noise: f64,
    enough: bool,
    least: f64,
) -> Row {
    let (change, interval) = if stat.of() == Of::Errors {
        let change = candidate - base;
        (change, (change - noise, change + noise))
    } else {
        let ratio = candidate / base;
        (ratio - 1.0, (ratio * (-noise).exp() - 1.0, ratio * noise.exp() - 1.0))
    };
    let worse = (change > 0.0) != (stat.of() == Of::Rate);
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
    Row { series, stat, base, candidate, change, interval, verdict }
}

#[cfg(test)]
mod tests;
