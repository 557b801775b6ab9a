//! One hold as it is seen afterwards: its figures, its gates, and whether this tool was up to it.
//!
//! Samples belong to a hold by the intended start of their iteration, which the tag `stage` keeps.

use std::ops::Range;
use std::time::Duration;

use super::LimitSpec;
use super::judge::{Gain, Rate, Seen, judge};
use super::mix::{Mix, Part};
use super::search::{Judgement, Purpose, Step};
use super::signals::Told;
use crate::aggregator::Aggregator;
use crate::metrics::{MetricId, Selector, Unit, Value, Window, metric};
use crate::plan::Threshold;
use crate::results::limit::{LimitStep, PartOfStep, SeriesOfStep};
use crate::results::run_info::{RunInfo, ScenarioInfo, StageInfo};
use crate::results::tick::ScenarioTick;
use crate::results::{fitness, rising};
use crate::results::{summary, thresholds};

/// What the rehearsal has shown of the scenarios that are steered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Alone {
    /// Whether users pause with `lt.think`.
    pub thinks: bool,
    /// How long the longest iteration takes, with its pauses.
    pub took: Duration,
}

/// A hold of one scenario, or of several in proportion.
pub(super) struct Hold<'h> {
    /// What is searched for.
    pub spec: &'h LimitSpec,
    /// What is steered.
    pub mix: &'h Mix,
    /// The hold's name.
    pub stage: &'h str,
    /// Since the run's start.
    pub span: Range<Duration>,
    /// How one user fares who is alone.
    pub alone: Alone,
    /// Seconds of workers that were lost meanwhile.
    pub lost: u64,
    /// All that was recorded.
    pub aggregator: &'h Aggregator,
}

impl Hold<'_> {
    pub(super) fn length(&self) -> Duration {
        self.span.end - self.span.start
    }

    pub(super) fn totals(&self) -> &Window {
        self.aggregator.totals()
    }

    pub(super) fn selector(&self, metric: MetricId) -> Selector {
        self.mix.selector(metric, self.stage)
    }

    /// Iterations that ended, however they did.
    pub fn ended(&self) -> u64 {
        self.ended_of(|all| all)
    }

    fn ended_of(&self, pick: impl Fn(Selector) -> Selector) -> u64 {
        let of = |metric| self.totals().count(&pick(self.selector(metric).any("outcome")));
        of(metric::ITERATIONS) + of(metric::ITERATIONS_INTERRUPTED)
    }

    /// The gates over it.
    pub fn gates(&self) -> Vec<summary::Threshold> {
        let run = run_of_hold(self.mix, self.stage, self.length());
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
        let (gates, measurement) = (self.gates(), self.measurement(step.level));
        let (judgement, mut reasons) = judge(&Seen {
            rates: &self.rates(step.level),
            tolerance: self.spec.tolerance,
            calls: self.totals().count(&self.selector(metric::HTTP_CALLS)),
            late: self.totals().count(&self.selector(metric::ITERATIONS_LATE).any("outcome")),
            unanswered: fitness::perhaps_ours(
                self.totals(),
                &self.selector(metric::HTTP_CALL_FAILED),
            ),
            measurement: &measurement,
            gates: &gates,
            growth: self.growth(),
            piling: self.piling(step.level),
            waiting: self.waiting(step.level),
            gain: self.gain(step, row.goodput_per_s, before),
            signals: &signals,
        });
        reasons.extend(signals.missing);
        row.signals = signals.rows;
        row.gates = gates;
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
            parts: self.parts(step.level),
            verdict: String::new(),
            reasons: Vec::new(),
            gates: Vec::new(),
            series: self.series(),
            signals: Vec::new(),
        }
    }

    fn share(&self, metric: MetricId) -> Option<(u64, u64)> {
        match self.totals().fold(&self.selector(metric)) {
            Some(Value::Rate { hits, total }) if total > 0 => Some((hits, total)),
            _ => None,
        }
    }

    /// What was asked for, and what came of it; by scenario, if there are several. On the axis of
    /// users nothing is asked for.
    fn rates(&self, level: f64) -> Vec<Rate> {
        if !self.spec.axis.is_rate() {
            return Vec::new();
        }
        let rate = |(part, level): (&Part, f64)| Rate {
            of: self.mix.is_mixed().then(|| part.name().to_owned()),
            wanted: level * self.length().as_secs_f64(),
            ended: self.ended_of(|all| part.selector(all)) as f64,
            seconds: self.length().as_secs_f64(),
        };
        self.mix.at(level).map(rate).collect()
    }

    /// Each scenario's figures, if there are several.
    fn parts(&self, level: f64) -> Vec<PartOfStep> {
        let part = |(part, level): (&Part, f64)| {
            let times = part.selector(self.selector(metric::HTTP_CALL_DURATION));
            let times = self.totals().fold(&times);
            let p95 = times.as_ref().and_then(Value::histogram).and_then(|it| it.quantile(950_000));
            let ended = self.ended_of(|all| part.selector(all));
            PartOfStep {
                scenario: part.name().to_owned(),
                target: level,
                achieved_per_s: ended as f64 / self.length().as_secs_f64(),
                p95_ms: p95.map(|p95| p95.as_secs_f64() * 1e3),
            }
        };
        let mixed = self.mix.is_mixed();
        self.mix.at(level).filter(|_| mixed).map(part).collect()
    }

    /// Active users at the end of each of its seconds.
    pub(super) fn users(&self) -> Vec<u64> {
        self.mix.seconds(self.aggregator, &self.span, |second, _| second.vus)
    }

    /// What is under way by Little's law, L = λW, over what was seen: 1 where all is right. It is
    /// iterations; where users think, requests: durations of iterations are without that.
    fn littles_law(&self) -> Option<f64> {
        let (under_way, busy): (fn(&ScenarioTick, u32) -> f64, f64) = match self.alone.thinks {
            false => (ScenarioTick::iterating, self.iterating()?),
            true => (ScenarioTick::requesting, self.requesting()),
        };
        let under_way = self.mix.seconds(self.aggregator, &self.span, under_way);
        let seen = under_way.iter().sum::<f64>() / under_way.len().max(1) as f64;
        let by_law = busy / self.length().as_secs_f64();
        (seen > 0.0 && self.ended() > 0).then(|| by_law / seen)
    }

    /// How long all iterations took together [s].
    fn iterating(&self) -> Option<f64> {
        let durations = self.selector(metric::ITERATION_DURATION).any("outcome");
        let mean = self.totals().fold(&durations)?.histogram()?.of_unit(Unit::Ms).mean()? / 1e3;
        Some(mean * self.ended() as f64)
    }

    /// The same of requests, with what they waited for connections.
    fn requesting(&self) -> f64 {
        let parts = [metric::HTTP_REQ_BLOCKED, metric::HTTP_REQ_DURATION].map(|part| {
            let times = self.totals().fold(&self.selector(part).any("expected"));
            let times = times.as_ref().and_then(Value::histogram);
            times.map_or(0.0, |times| times.of_unit(Unit::Ms).sum() / 1e3)
        });
        parts.iter().sum()
    }

    /// The latencies that gates are about, each series once; but for that of all calls, which the
    /// row has.
    fn series(&self) -> Vec<SeriesOfStep> {
        let mut told: Vec<SeriesOfStep> = Vec::new();
        for gate in &self.spec.gates {
            let known = told.iter().any(|known| known.series == gate.selector);
            let times = self.totals().fold(&gate.series.clone().with("stage", self.stage));
            let times = times.as_ref().and_then(Value::histogram);
            if let Some(times) = times.filter(|_| !known && gate.selector != "http_call_duration")
                && gate.series.metric().metric().unit == Unit::Ms
            {
                let quantile = |ppm| Some(times.quantile(ppm)?.as_secs_f64() * 1e3);
                told.push(SeriesOfStep {
                    series: gate.selector.clone(),
                    count: times.count(),
                    p50_ms: quantile(500_000),
                    p95_ms: quantile(950_000),
                    p99_ms: quantile(990_000),
                });
            }
        }
        told
    }

    /// By how many per second the iterations in flight grow, where rates are asked for and that is
    /// more than the tolerance: fewer end than begin. As long as even a user who is alone would not
    /// have ended, that is nothing to wonder at.
    fn piling(&self, level: f64) -> Option<f64> {
        let growth = |(part, level): (&Part, f64)| {
            let in_flight = part.in_flight(self.aggregator, &self.span);
            let late = rising::late_part(&in_flight);
            let before =
                self.spec.warmup + Duration::from_secs((in_flight.len() - late.len()) as u64);
            let grows = |growth: &f64| *growth > self.spec.tolerance * level;
            rising::rise(late).filter(|growth| self.alone.took <= before && grows(growth))
        };
        let is_rate = self.spec.axis.is_rate();
        self.mix.at(level).filter(|_| is_rate).filter_map(growth).max_by(f64::total_cmp)
    }

    /// By how many arrivals per second the backlog grows, of the scenario where it grows most.
    fn growth(&self) -> Option<f64> {
        let backlogs =
            self.mix.parts().iter().map(|part| part.backlog(self.aggregator, &self.span));
        let growths = backlogs.filter_map(|backlog| rising::rise(rising::late_part(backlog)));
        growths.max_by(f64::total_cmp)
    }

    /// Arrivals that wait at its end, if they are more than the tolerance bears.
    fn waiting(&self, level: f64) -> Option<u64> {
        let last = |part: &Part| part.backlog(self.aggregator, &self.span).last().copied();
        let waiting: u32 = self.mix.parts().iter().filter_map(last).sum();
        let planned = level * self.length().as_secs_f64();
        (f64::from(waiting) > f64::max(10.0, self.spec.tolerance * planned))
            .then_some(waiting.into())
    }

    /// What more users brought since lower levels that held.
    fn gain(&self, step: Step, goodput: f64, before: &[LimitStep]) -> Option<Gain> {
        if self.spec.axis.is_rate() {
            return None;
        }
        let held = before.iter().filter(|row| row.verdict == "pass");
        Gain::over(step.level, goodput, held.map(|row| (row.target, row.goodput_per_s)))
    }
}

/// What a hold is judged within: a run that consists of nothing else.
fn run_of_hold(mix: &Mix, stage: &str, hold: Duration) -> RunInfo {
    let whole = Duration::ZERO..hold;
    let stages =
        vec![StageInfo { name: stage.to_owned(), planned: hold, when: vec![whole.clone()] }];
    let held = |part: &Part| ScenarioInfo {
        load: hold,
        began: whole.start,
        ended: whole.end,
        stages: stages.clone(),
        ..part.info.clone()
    };
    let scenarios = mix.parts().iter().map(held).collect();
    RunInfo { load: hold, scenarios, ..RunInfo::default() }
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
        Purpose::Again => "again",
        Purpose::Drift => "drift",
        Purpose::Assert => "assert",
    }
}
