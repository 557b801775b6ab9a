//! One hold as it is seen afterwards: its figures, its gates, and whether this tool was up to it.
//!
//! Samples belong to a hold by the intended start of their iteration, which the tag `stage` keeps.

use std::ops::Range;
use std::time::Duration;

use super::LimitSpec;
use super::judge::{Gain, Seen, judge};
use super::search::{Judgement, Purpose, Step};
use super::signals::Told;
use crate::aggregator::Aggregator;
use crate::metrics::{MetricId, Selector, Unit, Value, Window, metric};
use crate::plan::Threshold;
use crate::results::fitness::{self, BUSY};
use crate::results::format::ms;
use crate::results::limit::LimitStep;
use crate::results::run_info::{RunInfo, ScenarioInfo, StageInfo};
use crate::results::{summary, thresholds};

/// A hold of one scenario.
pub(super) struct Hold<'h> {
    /// What is searched for.
    pub spec: &'h LimitSpec,
    /// The scenario.
    pub info: &'h ScenarioInfo,
    /// Its index in the plan.
    pub index: usize,
    /// The hold's name.
    pub stage: &'h str,
    /// Since the run's start.
    pub span: Range<Duration>,
    /// All that was recorded.
    pub aggregator: &'h Aggregator,
}

impl Hold<'_> {
    fn length(&self) -> Duration {
        self.span.end - self.span.start
    }

    fn totals(&self) -> &Window {
        self.aggregator.totals()
    }

    fn selector(&self, metric: MetricId) -> Selector {
        Selector::of(metric).with("scenario", &self.info.name).with("stage", self.stage)
    }

    /// Iterations that ended, however they did.
    pub fn ended(&self) -> u64 {
        let of = |metric| self.totals().count(&self.selector(metric).any("outcome"));
        of(metric::ITERATIONS) + of(metric::ITERATIONS_INTERRUPTED)
    }

    /// The gates over it.
    pub fn gates(&self) -> Vec<summary::Threshold> {
        let run = run_of_hold(self.info, self.stage, self.length());
        let judged = self.spec.gates.iter().flat_map(|gate| {
            let series = gate.series.clone().with("stage", self.stage);
            thresholds::judge(&Threshold { series, ..gate.clone() }, self.totals(), &run)
        });
        judged.collect()
    }

    /// Its row and its verdict; `before` are the holds before it, `signals` what the target said.
    pub fn judged(
        &self,
        step: Step,
        before: &[LimitStep],
        signals: Told,
    ) -> (Judgement, LimitStep) {
        let mut row = self.row(step);
        let (gates, measurement) = (self.gates(), self.measurement());
        let backlog = self.backlog();
        let (judgement, mut reasons) = judge(&Seen {
            target_per_s: self.spec.axis.is_rate().then_some(step.level),
            achieved_per_s: row.achieved_per_s,
            tolerance: self.spec.tolerance,
            calls: self.totals().count(&self.selector(metric::HTTP_CALLS)),
            measurement: &measurement,
            gates: &gates,
            growth: fitness::trend(backlog),
            waiting: self.waiting(backlog, step.level * self.length().as_secs_f64()),
            gain: self.gain(step, row.goodput_per_s, before),
            signals: &signals,
        });
        reasons.extend(signals.missing);
        row.signals = signals.rows;
        row.reasons = reasons;
        word(judgement).clone_into(&mut row.verdict);
        (judgement, row)
    }

    /// The figures.
    fn row(&self, step: Step) -> LimitStep {
        let (totals, length) = (self.totals(), self.length());
        let per_s = |count: u64| count as f64 / length.as_secs_f64();
        let failed = self.share(metric::ITERATION_FAILED).map_or(0, |(hits, _)| hits);
        let times = totals.fold(&self.selector(metric::HTTP_CALL_DURATION));
        let quantile = |ppm| Some(times.as_ref()?.histogram()?.quantile(ppm)?.as_secs_f64() * 1e3);
        let errors = self.share(metric::HTTP_CALL_FAILED);
        LimitStep {
            purpose: purpose(step.purpose).to_owned(),
            target: step.level,
            from_s: self.span.start.as_secs_f64(),
            hold_s: length.as_secs_f64(),
            achieved_per_s: per_s(self.ended()),
            goodput_per_s: per_s(self.ended().saturating_sub(failed)),
            calls_per_s: per_s(totals.count(&self.selector(metric::HTTP_CALLS))),
            error_rate: errors.map(|(hits, total)| hits as f64 / total as f64),
            vus: self.users().into_iter().max().unwrap_or_default(),
            p50_ms: quantile(500_000),
            p95_ms: quantile(950_000),
            p99_ms: quantile(990_000),
            littles_law: self.littles_law(),
            verdict: String::new(),
            reasons: Vec::new(),
            signals: Vec::new(),
        }
    }

    fn share(&self, metric: MetricId) -> Option<(u64, u64)> {
        match self.totals().fold(&self.selector(metric)) {
            Some(Value::Rate { hits, total }) if total > 0 => Some((hits, total)),
            _ => None,
        }
    }

    /// Active users at the end of each of its seconds.
    fn users(&self) -> Vec<u64> {
        slice(self.aggregator.timeline(), &self.span).iter().map(|tick| tick.vus).collect()
    }

    /// Users at work by Little's law, L = λW, over those that were seen: 1 where all is right.
    fn littles_law(&self) -> Option<f64> {
        let durations =
            self.totals().fold(&self.selector(metric::ITERATION_DURATION).any("outcome"))?;
        let mean = durations.histogram()?.of_unit(Unit::Ms).mean()? / 1e3;
        let users = self.users();
        let seen = users.iter().sum::<u64>() as f64 / users.len().max(1) as f64;
        let by_law = self.ended() as f64 / self.length().as_secs_f64() * mean;
        // Fewer than one user at a time are not told from none by a look once a second.
        (seen >= 5.0 && self.ended() > 0).then(|| by_law / seen)
    }

    fn backlog(&self) -> &[u32] {
        let all = self.aggregator.backlogs().get(self.index).map_or(&[][..], Vec::as_slice);
        slice(all, &self.span)
    }

    /// Arrivals that wait at its end, if they are more than the tolerance bears.
    fn waiting(&self, backlog: &[u32], planned: f64) -> Option<u64> {
        let waiting = backlog.last().copied().unwrap_or_default();
        (f64::from(waiting) > f64::max(10.0, self.spec.tolerance * planned))
            .then_some(waiting.into())
    }

    /// Why this tool may have been the bottleneck.
    fn measurement(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let busy = slice(self.aggregator.busy(), &self.span);
        let (busy, seconds) =
            (busy.iter().filter(|percent| **percent > BUSY).count(), self.length().as_secs());
        if busy as u64 * 2 > seconds {
            failures
                .push(format!("this tool was busy above {BUSY} % for {busy} of {seconds} seconds"));
        }
        let p99 = |metric| {
            let times = self.totals().fold(&self.selector(metric));
            let times = times.as_ref().and_then(Value::histogram)?.quantile(990_000)?;
            Some(times.as_secs_f64() * 1e3)
        };
        let lag = p99(metric::ITERATION_LAG_GENERATOR).unwrap_or_default();
        let borne = fitness::bearable_lag(p99(metric::ITERATION_RESPONSE_TIME).unwrap_or_default());
        if lag > borne {
            failures.push(format!(
                "this tool was late: p99 {}, of which {} can be borne",
                ms(lag),
                ms(borne)
            ));
        }
        failures
    }

    /// What more users brought since the best lower hold that passed.
    fn gain(&self, step: Step, goodput: f64, before: &[LimitStep]) -> Option<Gain> {
        if self.spec.axis.is_rate() {
            return None;
        }
        let lower = before.iter().filter(|row| row.verdict == "pass" && row.target < step.level);
        let before = lower.max_by(|a, b| a.target.total_cmp(&b.target))?;
        Some(Gain {
            users: step.level / before.target - 1.0,
            goodput: goodput / before.goodput_per_s - 1.0,
        })
    }
}

/// What a hold is judged within: a run that consists of nothing else.
fn run_of_hold(info: &ScenarioInfo, stage: &str, hold: Duration) -> RunInfo {
    let stages = vec![StageInfo { name: stage.to_owned(), planned: hold, length: hold }];
    let scenarios = vec![ScenarioInfo { load: hold, stages, ..info.clone() }];
    RunInfo { load: hold, scenarios, ..RunInfo::default() }
}

/// The seconds of a span.
fn slice<'a, T>(all: &'a [T], span: &Range<Duration>) -> &'a [T] {
    let (from, until) = (span.start.as_secs() as usize, span.end.as_secs() as usize);
    all.get(from..until.min(all.len())).unwrap_or_default()
}

fn word(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Pass => "pass",
        Judgement::Trip => "trip",
        Judgement::Inconclusive => "inconclusive",
    }
}

/// As reports name it.
pub(super) fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Listed => "listed",
        Purpose::Ramp => "ramp",
        Purpose::Narrow => "narrow",
        Purpose::Lower => "lower",
        Purpose::Upper => "upper",
        Purpose::Drift => "drift",
        Purpose::Assert => "assert",
    }
}
