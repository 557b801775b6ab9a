//! The series of a run that are looked at, second by second, and what matters in each kind of them.

use std::ops::Range;

use super::Sources;
use super::excursion::FALSE_ALARMS;
use crate::metrics::statistics::{median, poisson_tail};
use crate::results::course::{Course, Moment};
use crate::results::format;
use crate::results::tick::Tick;

/// Calls a second from which a p95 has some above it, and from which a median means anything.
const FOR_P95: f64 = 60.0;
const FOR_P50: f64 = 10.0;

/// Calls or iterations a second from which fewer of them can be told.
const FOR_RATE: f64 = 20.0;

/// Latencies that differ by less than this matter to nobody [ms].
const LEAST_MS: f64 = 1.0;

/// What a series is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Latency,
    Failures,
    Throughput,
    Cpu,
    Memory,
}

impl Kind {
    /// As programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Latency => "high_latency",
            Kind::Failures => "high_error_rate",
            Kind::Throughput => "low_throughput",
            Kind::Cpu => "high_cpu",
            Kind::Memory => "high_memory",
        }
    }

    /// As the summary names it.
    pub fn unit(self) -> &'static str {
        match self {
            Kind::Latency => "ms",
            Kind::Failures => "fraction",
            Kind::Throughput => "1/s",
            Kind::Cpu => "percent",
            Kind::Memory => "bytes",
        }
    }

    /// For people.
    pub fn quantity(self, value: f64) -> String {
        format::quantity(value, self.unit())
    }

    /// Whether a change of its level is worth telling: failures come and go, and this process's
    /// own figures follow the load.
    pub fn has_levels(self) -> bool {
        matches!(self, Kind::Latency | Kind::Throughput)
    }

    /// Whether two levels differ by a fifth, and by what somebody would notice.
    pub fn is_other_level(self, before: f64, after: f64) -> bool {
        let (low, high) = (before.min(after), before.max(after));
        let noticed = self != Kind::Latency || high - low >= LEAST_MS;
        noticed && high > 0.0 && high >= 1.2 * low
    }
}

/// One series of one stretch of a run.
#[derive(Debug, Clone)]
pub struct Series {
    pub kind: Kind,
    /// As sentences call it: `p95 of GET /login`.
    pub name: String,
    /// The run's second of the first value.
    pub begin: usize,
    /// NaN where a second says nothing.
    pub values: Vec<f64>,
    /// Of failures: out of how many.
    pub samples: Vec<f64>,
}

/// Every series of a stretch that has enough samples.
pub fn all(sources: &Sources, stretch: Range<usize>) -> Vec<Series> {
    let ticks = &sources.timeline[stretch.clone()];
    let begin = stretch.start;
    let mut all = Vec::new();
    for course in sources.courses {
        let moments: Vec<Moment> = stretch
            .clone()
            .map(|second| course.seconds.get(second).copied().unwrap_or_default())
            .collect();
        all.extend(latency(course, begin, &moments));
        all.extend(failures(course, begin, &moments));
    }
    all.extend(throughput(begin, ticks));
    let of = |kind, name: &str, value: fn(&Tick) -> Option<f64>| {
        let values: Vec<f64> = ticks.iter().map(|tick| value(tick).unwrap_or(f64::NAN)).collect();
        Series { kind, name: name.to_owned(), begin, values, samples: Vec::new() }
    };
    all.push(of(Kind::Cpu, "CPU of loadtool", |tick| tick.health.cpu_percent));
    all.push(of(Kind::Memory, "memory of loadtool", |tick| tick.health.memory_bytes));
    all
}

fn title(course: &Course) -> String {
    match &*course.step {
        "" => format!("{} {}", course.method, course.name),
        step => format!("{} {} in {step}", course.method, course.name),
    }
}

/// Of the highest percentile that so many calls have.
fn latency(course: &Course, begin: usize, moments: &[Moment]) -> Option<Series> {
    let calls: Vec<f64> = moments.iter().map(|moment| f64::from(moment.calls)).collect();
    let usual = median(&calls)?;
    let (percentile, of, least): (_, fn(&Moment) -> u32, f64) = match usual {
        FOR_P95.. => ("p95", |moment| moment.p95_us, FOR_P95),
        FOR_P50.. => ("p50", |moment| moment.p50_us, FOR_P50),
        _ => return None,
    };
    let value = |moment: &Moment| {
        let enough = f64::from(moment.calls) >= least / 2.0 && of(moment) > 0;
        if enough { f64::from(of(moment)) / 1e3 } else { f64::NAN }
    };
    Some(Series {
        kind: Kind::Latency,
        name: format!("{percentile} of {}", title(course)),
        begin,
        values: moments.iter().map(value).collect(),
        samples: Vec::new(),
    })
}

fn failures(course: &Course, begin: usize, moments: &[Moment]) -> Option<Series> {
    if moments.iter().all(|moment| moment.failed == 0) {
        return None;
    }
    let share = |moment: &Moment| f64::from(moment.failed) / f64::from(moment.calls);
    Some(Series {
        kind: Kind::Failures,
        name: format!("failures of {}", title(course)),
        begin,
        values: moments.iter().map(share).collect(),
        samples: moments.iter().map(|moment| f64::from(moment.calls)).collect(),
    })
}

/// Of calls, or of iterations in scripts that make none.
fn throughput(begin: usize, ticks: &[Tick]) -> Option<Series> {
    let of = |name: &str, count: fn(&Tick) -> u64| {
        let values: Vec<f64> = ticks.iter().map(|tick| count(tick) as f64).collect();
        let enough = median(&values)? >= FOR_RATE;
        let name = name.to_owned();
        enough.then_some(Series {
            kind: Kind::Throughput,
            name,
            begin,
            values,
            samples: Vec::new(),
        })
    };
    of("calls", |tick| tick.calls).or_else(|| of("iterations", |tick| tick.iterations))
}

impl Series {
    /// Seconds.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Values that are tested.
    pub fn tests(&self) -> usize {
        self.values.iter().filter(|value| value.is_finite()).count()
    }

    /// The run's second of an index.
    pub fn second(&self, index: usize) -> u32 {
        u32::try_from(self.begin + index).unwrap_or(u32::MAX)
    }

    /// On the scale on which its noise is even, more being worse: latencies by their logarithm,
    /// since noise stretches them and never makes them negative.
    pub fn scaled(&self) -> Vec<f64> {
        let scale = |value: &f64| match self.kind {
            Kind::Latency => value.ln(),
            Kind::Throughput => -value,
            _ => *value,
        };
        self.values.iter().map(scale).collect()
    }

    /// A value on that scale as it is.
    pub fn unscaled(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Latency => value.exp(),
            Kind::Throughput => -value,
            _ => value,
        }
    }

    /// A deviation that there always is, on that scale: clocks have grains, counts are counts.
    pub fn floor(&self) -> f64 {
        let usual = self.level(0..self.len());
        match self.kind {
            Kind::Latency => 0.02,
            Kind::Throughput => usual.max(1.0).sqrt(),
            Kind::Failures => {
                let samples = median(&self.samples).unwrap_or(1.0).max(1.0);
                let whole = self.mean_share();
                (whole * (1.0 - whole) / samples).sqrt().max(1e-9)
            }
            Kind::Cpu => 2.0,
            Kind::Memory => 0.005 * usual,
        }
    }

    /// The median of a part; 0 if it has none.
    pub fn level(&self, part: Range<usize>) -> f64 {
        let present: Vec<f64> =
            self.values[part].iter().copied().filter(|value| value.is_finite()).collect();
        median(&present).unwrap_or(0.0)
    }

    /// What was usual in the seconds that are left in `others`.
    pub fn usual(&self, others: &[f64]) -> Option<f64> {
        if self.kind == Kind::Failures {
            return Some(self.mean_share_where(|index| others[index].is_finite()));
        }
        let present: Vec<f64> = others.iter().copied().filter(|value| value.is_finite()).collect();
        median(&present).map(|value| self.unscaled(value))
    }

    fn mean_share(&self) -> f64 {
        self.mean_share_where(|_| true)
    }

    fn mean_share_where(&self, counts: impl Fn(usize) -> bool) -> f64 {
        let (mut failed, mut all) = (0.0, 0.0);
        for (index, (share, samples)) in self.values.iter().zip(&self.samples).enumerate() {
            if share.is_finite() && counts(index) {
                failed += share * samples;
                all += samples;
            }
        }
        if all > 0.0 { failed / all } else { 0.0 }
    }

    /// Whether a second, one of so many `tests`, is far enough from what is usual to matter to
    /// anybody, and, of failures, more than the dice give: these are too few for deviations.
    pub fn is_unusual(&self, second: usize, usual: f64, tests: usize) -> bool {
        let value = self.values[second];
        match self.kind {
            Kind::Latency => value >= 1.5 * usual && value >= usual + LEAST_MS,
            Kind::Throughput => value <= 0.8 * usual,
            Kind::Cpu => value >= 1.25 * usual && value >= usual + 20.0,
            Kind::Memory => value >= 1.2 * usual && value >= usual + 20e6,
            Kind::Failures => {
                let samples = self.samples[second];
                let failed = (value * samples).round() as u64;
                let chance = poisson_tail(failed, usual * samples);
                value >= usual + 0.01 && failed >= 3 && chance * tests as f64 <= FALSE_ALARMS
            }
        }
    }
}
