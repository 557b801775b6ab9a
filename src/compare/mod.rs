//! `loadtool compare`: whether a run differs from another, or only its noise does.
//!
//! [`seconds`] reads what `--out json=FILE` wrote, [`bootstrap`] finds how much each number moves by
//! itself, [`judge`](judge()) sets the difference against that and against the least change that
//! matters to anybody.

pub mod bootstrap;
pub mod seconds;
pub mod told;

use serde::Serialize;

use self::bootstrap::Spread;
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

/// Compares every series that both have, in order; a series that only one has is in `missing`.
pub fn compare(base: &Run, candidate: &Run, method: Method) -> Comparison {
    let both: Vec<&Key> =
        base.series.keys().filter(|key| candidate.series.contains_key(*key)).collect();
    let of = |one: &Run, other: &Run| -> Vec<Key> {
        one.series.keys().filter(|key| !other.series.contains_key(*key)).cloned().collect()
    };
    // Two-sided, and shared among all rows (Bonferroni).
    let z =
        bootstrap::normal_quantile(1.0 - ALPHA / 2.0 / (both.len() * STATS.len()).max(1) as f64);
    let mut rows = Vec::new();
    for (place, key) in both.iter().enumerate() {
        let (there, here) = (&base.series[*key], &candidate.series[*key]);
        let draws = |run: &Series, salt: u64| {
            bootstrap::draws(run.seconds(), method.seed ^ (place as u64) << 8 ^ salt)
        };
        let (draws_there, draws_here) = (draws(there, 1), draws(here, 2));
        for stat in &STATS {
            let spreads = (stat.of.spread(there, &draws_there), stat.of.spread(here, &draws_here));
            let (Some(a), Some(b)) = spreads else { continue };
            let enough = [there, here]
                .iter()
                .all(|run| run.samples() >= stat.samples && run.seconds() >= LEAST_SECONDS);
            rows.push(judge((*key).clone(), stat, a, b, z, enough, method.least));
        }
    }
    Comparison { rows, only_base: of(base, candidate), only_candidate: of(candidate, base) }
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
    base: Spread,
    candidate: Spread,
    z: f64,
    enough: bool,
    least: f64,
) -> Row {
    let noise = z * (base.deviation.powi(2) + candidate.deviation.powi(2)).sqrt();
    let (change, interval) = if stat.of == Of::Errors {
        let change = candidate.value - base.value;
        (change, (change - noise, change + noise))
    } else {
        // Ratios are even on a logarithmic scale.
        let ratio = candidate.value / base.value;
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
    Row {
        series,
        stat: stat.name,
        base: base.value,
        candidate: candidate.value,
        change,
        interval,
        verdict,
    }
}

#[cfg(test)]
mod tests;
