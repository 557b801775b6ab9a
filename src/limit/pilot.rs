//! Flies a search: one level after the other is warmed up, held, waited for and judged.
//!
//! ```text
//! warm-up ─▶ hold (tag stage = "hold 7") ─▶ stragglers, at the first level ─▶ judge ─▶ cool-down ─▶ next
//! ```
//!
//! Samples belong to a hold by the intended start of their iteration, so a request that straddles
//! its end counts where it began. Connections and users are kept from step to step.

use std::time::Duration;

use super::LimitSpec;
use super::judge::{Gain, Seen, judge};
use super::search::{Judgement, Purpose, Search, Step};
use crate::aggregator::Aggregator;
use crate::engine::helm::{Helm, Setting};
use crate::metrics::{MetricId, Selector, Value, Window, metric};
use crate::plan::{Plan, Threshold};
use crate::results::fitness::{self, BUSY};
use crate::results::format::{ms, number};
use crate::results::limit::{Limit, LimitStep};
use crate::results::run_info::{RunInfo, ScenarioInfo, StageInfo};
use crate::results::{Summary, thresholds};
use crate::run::pilot::Pilot;

/// Settings lie so far ahead that every worker hears of them in time.
const AHEAD: Duration = Duration::from_secs(1);

/// How long the stragglers of a hold are waited for.
const STRAGGLERS: Duration = Duration::from_secs(30);

/// A hold lengthens at most so often for want of samples, by its own length each time.
const EXTENSIONS: u32 = 3;

/// A cool-down goes on at most so many times its length for a backlog to empty.
const PATIENCE: u32 = 4;

/// A p95 that moved by more than that, and by more than half a millisecond, is a drift.
const DRIFT: f64 = 0.2;
const DRIFT_MS: f64 = 0.5;

/// Steers one scenario through a search.
pub struct LimitPilot {
    spec: LimitSpec,
    search: Search,
    /// The scenario's, once the load is about to begin.
    flown: Option<Flown>,
    phase: Phase,
    steps: Vec<LimitStep>,
    over: bool,
}

/// What is flown.
struct Flown {
    helm: Helm,
    index: usize,
    info: ScenarioInfo,
}

#[derive(Clone, Copy)]
enum Phase {
    /// The next step may begin.
    Ready,
    Hold {
        step: Step,
        from: Duration,
        until: Duration,
        extended: u32,
        ended: bool,
    },
    Cooling {
        since: Duration,
    },
}

impl LimitPilot {
    /// For a run that has not begun.
    pub fn new(spec: LimitSpec) -> LimitPilot {
        let search = Search::new(spec.strategy.clone());
        LimitPilot {
            spec,
            search,
            flown: None,
            phase: Phase::Ready,
            steps: Vec::new(),
            over: false,
        }
    }

    /// Sets the load to `level` from `from` on.
    fn set(&self, from: Duration, level: f64, stage: &str) {
        if let Some(flown) = &self.flown {
            flown.helm.set(Setting { from, level, stage: Some(stage.into()) });
        }
    }

    /// The name of the hold under way.
    fn hold_name(&self) -> String {
        format!("hold {}", self.steps.len() + 1)
    }

    /// Warms up and holds the next step from `from` on; `false` if there is none.
    fn take_off(&mut self, from: Duration) -> bool {
        let Some(step) = self.search.step() else { return false };
        let hold = if step.full { self.spec.hold } else { self.spec.short_hold() };
        let begin = from + self.spec.warmup;
        self.set(from, step.level, "warm-up");
        self.set(begin, step.level, &self.hold_name());
        (self.spec.tell)(&format!(
            "step {}: {} {} ({})",
            self.steps.len() + 1,
            number(step.level),
            self.spec.axis.unit(),
            purpose(step.purpose)
        ));
        let until = begin + hold;
        self.phase = Phase::Hold { step, from: begin, until, extended: 0, ended: false };
        true
    }

    fn follow_hold(&mut self, now: Duration, aggregator: &Aggregator) {
        let Phase::Hold { step, from, until, extended, ended } = self.phase else { return };
        if !ended && now + AHEAD * 2 >= until {
            if extended < EXTENSIONS && self.wants_samples(aggregator) {
                let until = until + (until - from) / (extended + 1);
                self.phase = Phase::Hold { step, from, until, extended: extended + 1, ended };
                return;
            }
            self.set(until.max(now + AHEAD), self.spec.from_level(), "cool-down");
            let until = until.max(now + AHEAD);
            self.phase = Phase::Hold { step, from, until, extended, ended: true };
            return;
        }
        if ended
            && now > until
            && (self.all_ended(step, until - from, aggregator) || now >= until + STRAGGLERS)
        {
            let row = self.judged(step, from..until, aggregator);
            (self.spec.tell)(&told(&row));
            self.steps.push(row);
            self.phase = Phase::Cooling { since: until };
        }
    }

    /// Whether a percentile among the gates has too few samples yet, though there are some.
    fn wants_samples(&self, aggregator: &Aggregator) -> bool {
        let gates = self.judge_gates(&self.hold_name(), self.spec.hold, aggregator.totals());
        gates.iter().any(|gate| 0 < gate.samples && gate.samples < gate.min_samples)
    }

    /// Whether every iteration that was meant to start in the hold has ended.
    fn all_ended(&self, step: Step, hold: Duration, aggregator: &Aggregator) -> bool {
        if !self.spec.axis.is_rate() {
            return true; // who still iterates is in flight at any time
        }
        let planned = crate::pace::RateProfile::constant(step.level, hold).total();
        self.ended(&self.hold_name(), aggregator.totals()) >= planned
    }

    fn ended(&self, stage: &str, totals: &Window) -> u64 {
        let of = |metric| totals.count(&self.selector(metric, stage).any("outcome"));
        of(metric::ITERATIONS) + of(metric::ITERATIONS_INTERRUPTED)
    }

    fn selector(&self, metric: MetricId, stage: &str) -> Selector {
        let name = self.flown.as_ref().map_or("", |flown| &flown.info.name);
        Selector::of(metric).with("scenario", name).with("stage", stage)
    }

    /// The gates over one hold.
    fn judge_gates(
        &self,
        stage: &str,
        hold: Duration,
        totals: &Window,
    ) -> Vec<crate::results::summary::Threshold> {
        let Some(flown) = &self.flown else { return Vec::new() };
        let run = run_of_hold(&flown.info, stage, hold);
        let judged = self.spec.gates.iter().flat_map(|gate| {
            let series = gate.series.clone().with("stage", stage);
            thresholds::judge(&Threshold { series, ..gate.clone() }, totals, &run)
        });
        judged.collect()
    }

    /// What came of a hold; the search is told.
    fn judged(
        &mut self,
        step: Step,
        span: std::ops::Range<Duration>,
        aggregator: &Aggregator,
    ) -> LimitStep {
        let (totals, stage) = (aggregator.totals(), self.hold_name());
        let hold = span.end - span.start;
        let gates = self.judge_gates(&stage, hold, totals);
        let per_s = |count: u64| count as f64 / hold.as_secs_f64();
        let of = |metric| self.selector(metric, &stage);
        let ended = self.ended(&stage, totals);
        let (failed, calls_failed) = (
            rate(totals, &of(metric::ITERATION_FAILED)),
            rate(totals, &of(metric::HTTP_CALL_FAILED)),
        );
        let calls = totals.count(&of(metric::HTTP_CALLS));
        let times = totals.fold(&of(metric::HTTP_CALL_DURATION));
        let quantile = |ppm| Some(times.as_ref()?.histogram()?.quantile(ppm)?.as_secs_f64() * 1e3);
        let goodput = per_s(ended.saturating_sub(failed.map_or(0, |(hits, _)| hits)));
        let backlog = self.backlog_of(&span, aggregator);
        let measurement = self.measurement(&stage, &span, aggregator);
        let seen = Seen {
            target_per_s: self.spec.axis.is_rate().then_some(step.level),
            achieved_per_s: per_s(ended),
            tolerance: self.spec.tolerance,
            calls,
            measurement: &measurement,
            gates: &gates,
            growth: fitness::trend(backlog),
            waiting: self.waiting(backlog, step.level * hold.as_secs_f64()),
            gain: self.gain(step, goodput),
        };
        let (judgement, reasons) = judge(&seen);
        self.search.note(judgement);
        LimitStep {
            purpose: purpose(step.purpose).to_owned(),
            target: step.level,
            from_s: span.start.as_secs_f64(),
            hold_s: hold.as_secs_f64(),
            achieved_per_s: per_s(ended),
            goodput_per_s: goodput,
            calls_per_s: per_s(calls),
            error_rate: calls_failed.map(|(hits, total)| hits as f64 / total as f64),
            vus: self.users(&span, aggregator),
            p50_ms: quantile(500_000),
            p95_ms: quantile(950_000),
            p99_ms: quantile(990_000),
            verdict: word(judgement).to_owned(),
            reasons,
        }
    }

    fn backlog_of<'a>(
        &self,
        span: &std::ops::Range<Duration>,
        aggregator: &'a Aggregator,
    ) -> &'a [u32] {
        let index = self.flown.as_ref().map_or(0, |flown| flown.index);
        let all = aggregator.backlogs().get(index).map_or(&[][..], Vec::as_slice);
        slice(all, span)
    }

    /// Arrivals that wait at the hold's end, if they are more than the tolerance bears.
    fn waiting(&self, backlog: &[u32], planned: f64) -> Option<u64> {
        let waiting = backlog.last().copied().unwrap_or_default();
        (f64::from(waiting) > f64::max(10.0, self.spec.tolerance * planned))
            .then_some(waiting.into())
    }

    /// Why this tool may have been the bottleneck.
    fn measurement(
        &self,
        stage: &str,
        span: &std::ops::Range<Duration>,
        aggregator: &Aggregator,
    ) -> Vec<String> {
        let mut failures = Vec::new();
        let busy = slice(aggregator.busy(), span).iter().filter(|percent| **percent > BUSY).count();
        let seconds = span.end.as_secs() - span.start.as_secs();
        if busy as u64 * 2 > seconds {
            failures
                .push(format!("this tool was busy above {BUSY} % for {busy} of {seconds} seconds"));
        }
        let p99 = |metric| {
            let times = aggregator.totals().fold(&self.selector(metric, stage));
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
    fn gain(&self, step: Step, goodput: f64) -> Option<Gain> {
        if self.spec.axis.is_rate() {
            return None;
        }
        let lower =
            self.steps.iter().filter(|row| row.verdict == "pass" && row.target < step.level);
        let before = lower.max_by(|a, b| a.target.total_cmp(&b.target))?;
        Some(Gain {
            users: step.level / before.target - 1.0,
            goodput: goodput / before.goodput_per_s - 1.0,
        })
    }

    fn users(&self, span: &std::ops::Range<Duration>, aggregator: &Aggregator) -> u64 {
        let (from, until) = (span.start.as_secs() as usize, span.end.as_secs() as usize);
        let timeline = aggregator.timeline();
        let held = timeline.get(from..until.min(timeline.len())).unwrap_or_default();
        held.iter().map(|tick| tick.vus).max().unwrap_or_default()
    }

    fn cool_down(&mut self, now: Duration, since: Duration, aggregator: &Aggregator) {
        let cooldown = self.spec.cooldown;
        let waits = aggregator.timeline().last().is_some_and(|tick| tick.backlog > 0);
        if now < since + cooldown || (waits && now < since + cooldown * PATIENCE) {
            return;
        }
        if waits {
            (self.spec.tell)("not recovered: arrivals still wait");
        }
        self.phase = Phase::Ready;
        self.over = !self.take_off(now + AHEAD);
    }

    /// By what part the p95 of the first level that held had moved.
    fn drift(&self) -> Option<f64> {
        let first = self.search.first_pass()?;
        let mut holds =
            self.steps.iter().filter(|row| row.target == first && row.verdict == "pass");
        let before = holds.next()?.p95_ms?;
        let again =
            self.steps.iter().rev().find(|row| row.purpose == purpose(Purpose::Drift))?.p95_ms?;
        let moved = again - before;
        Some(if moved.abs() < DRIFT_MS { 0.0 } else { moved / before })
    }
}

impl Pilot for LimitPilot {
    fn begin(&mut self, plan: &Plan, helms: Vec<Helm>) {
        let wanted = self.spec.scenario.as_deref();
        let index =
            plan.scenarios().iter().position(|one| wanted.is_none_or(|name| **one.name() == *name));
        let index = index.unwrap_or_default();
        let info = ScenarioInfo::of(&plan.scenarios()[index]);
        self.flown = helms.into_iter().nth(index).map(|helm| Flown { helm, index, info });
        self.over = !self.take_off(Duration::ZERO);
    }

    fn second(&mut self, now: Duration, aggregator: &Aggregator) -> bool {
        if self.spec.max_time.is_some_and(|most| now >= most) {
            return false;
        }
        match self.phase {
            Phase::Ready => {}
            Phase::Hold { .. } => self.follow_hold(now, aggregator),
            Phase::Cooling { since } => self.cool_down(now, since, aggregator),
        }
        !self.over
    }

    fn conclude(&mut self, summary: &mut Summary) {
        let answer = self.search.answer();
        let drift = self.drift();
        let drifted = drift.is_some_and(|drift| drift.abs() > DRIFT);
        let complete = answer.complete && self.over;
        let verdict = match (complete, answer.lower) {
            (true, _) if answer.inconclusive || drifted => "inconclusive",
            (true, Some(_)) => "pass",
            (true, None) => "fail",
            (false, _) => "inconclusive",
        };
        let at =
            |level: Option<f64>| self.steps.iter().filter(move |row| Some(row.target) == level);
        let mean = |value: fn(&LimitStep) -> f64| {
            let held: Vec<f64> =
                at(answer.lower).filter(|row| row.verdict == "pass").map(value).collect();
            (!held.is_empty()).then(|| held.iter().sum::<f64>() / held.len() as f64)
        };
        let limit = Limit {
            axis: self.spec.axis.name().to_owned(),
            scenario: self
                .flown
                .as_ref()
                .map_or_else(String::new, |flown| flown.info.name.to_string()),
            lower: answer.lower,
            upper: answer.upper,
            goodput_per_s: mean(|row| row.goodput_per_s),
            calls_per_s: mean(|row| row.calls_per_s),
            verdict: verdict.to_owned(),
            next_limit: at(answer.upper)
                .find(|row| row.verdict == "trip")
                .and_then(|row| row.reasons.first().cloned()),
            complete,
            non_monotone: answer.non_monotone,
            drift,
            steps: std::mem::take(&mut self.steps),
        };
        summary.judge_limit(limit);
    }
}

/// What a hold is judged within: a run that consists of nothing else.
fn run_of_hold(info: &ScenarioInfo, stage: &str, hold: Duration) -> RunInfo {
    let stages = vec![StageInfo { name: stage.to_owned(), length: hold }];
    let scenarios = vec![ScenarioInfo { load: hold, stages, ..info.clone() }];
    RunInfo { load: hold, scenarios, ..RunInfo::default() }
}

/// The seconds of a span.
fn slice<'a, T>(all: &'a [T], span: &std::ops::Range<Duration>) -> &'a [T] {
    let (from, until) = (span.start.as_secs() as usize, span.end.as_secs() as usize);
    all.get(from..until.min(all.len())).unwrap_or_default()
}

fn rate(totals: &Window, selector: &Selector) -> Option<(u64, u64)> {
    match totals.fold(selector) {
        Some(Value::Rate { hits, total }) if total > 0 => Some((hits, total)),
        _ => None,
    }
}

fn told(row: &LimitStep) -> String {
    let verdict = row.verdict.to_uppercase();
    format!("  {verdict} at {}: {}", number(row.target), row.reasons.join("; "))
}

fn word(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Pass => "pass",
        Judgement::Trip => "trip",
        Judgement::Inconclusive => "inconclusive",
    }
}

fn purpose(purpose: Purpose) -> &'static str {
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
