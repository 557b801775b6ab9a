//! Flies a search: one level after the other is warmed up, held, waited for and judged, over one
//! scenario or several in proportion.
//!
//! ```text
//! warm-up ─▶ hold (tag stage = "hold 7") ─▶ stragglers, at the first level ─▶ judge ─▶ cool-down ─▶ next
//! ```
//!
//! Samples belong to a hold by the intended start of their iteration, so a request that straddles
//! its end counts where it began. Connections and users are kept from step to step.

use std::ops::Range;
use std::time::Duration;

use super::LimitSpec;
use super::hold::{Hold, purpose};
use super::mix::{Mix, Part};
use super::search::{Purpose, Search, Step};
use super::signals::Told;
use crate::aggregator::Aggregator;
use crate::diagnostic::Diagnostics;
use crate::engine::helm::Helm;
use crate::pace::RateProfile;
use crate::plan::Plan;
use crate::results::format::{counted, ms, number};
use crate::results::limit::{Limit, LimitStep, PartOfLimit};
use crate::results::scalability::Scalability;
use crate::results::{Summary, Tick};
use crate::run::pilot::Pilot;
use crate::run::rehearsal::Rehearsed;

/// Settings lie so far ahead that every worker hears of them in time.
const AHEAD: Duration = Duration::from_secs(1);

/// How long the stragglers of a hold are waited for.
const STRAGGLERS: Duration = Duration::from_secs(30);

/// A hold lengthens at most so often for want of samples, by its own length each time.
pub(super) const EXTENSIONS: u32 = 3;

/// A cool-down goes on at most so many times its length, or so long, for the target to recover.
const PATIENCE: u32 = 4;
const LEAST_PATIENCE: Duration = Duration::from_secs(20);

/// Calls in a row that must be as quick as at first, within [`DRIFT`].
const RECOVERED: u64 = 30;

/// A p95 that moved by more than that, and by more than half a millisecond, is a drift.
const DRIFT: f64 = 0.2;
const DRIFT_MS: f64 = 0.5;

/// Steers a load through a search.
pub struct LimitPilot {
    spec: LimitSpec,
    search: Search,
    /// What is steered, once the load is about to begin.
    mix: Option<Mix>,
    phase: Phase,
    steps: Vec<LimitStep>,
    /// Whether users pause with `lt.think`.
    thinks: bool,
    over: bool,
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
        let (phase, steps) = (Phase::Ready, Vec::new());
        LimitPilot { spec, search, mix: None, phase, steps, thinks: false, over: false }
    }

    /// Sets the load to `level` from `from` on.
    fn set(&self, from: Duration, level: f64, stage: &str) {
        if let Some(mix) = &self.mix {
            mix.set(from, level, stage);
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
        if let Some(probes) = &mut self.spec.probes
            && now + AHEAD >= from
            && !ended
        {
            probes.begin();
        }
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
        if ended && now > until {
            self.close_hold(step, from..until, now, aggregator);
        }
    }

    /// Judges a hold whose stragglers have ended, and whose signals are there.
    fn close_hold(
        &mut self,
        step: Step,
        span: Range<Duration>,
        now: Duration,
        aggregator: &Aggregator,
    ) {
        let late = now >= span.end + STRAGGLERS;
        if !late && !self.all_ended(step, &span, aggregator) {
            return;
        }
        let signals = match &mut self.spec.probes {
            None => Told::default(),
            Some(probes) => match probes.end() {
                Some(told) => told,
                None => return,
            },
        };
        let since = span.end;
        let judged =
            self.with_hold(span, aggregator, |hold| hold.judged(step, &self.steps, signals));
        let Some((judgement, row)) = judged else { return };
        self.search.note(judgement);
        (self.spec.tell)(&told(&row));
        self.steps.push(row);
        self.over = self.search.step().is_none();
        self.phase = Phase::Cooling { since };
    }

    /// The hold under way, as it is seen.
    fn with_hold<T>(
        &self,
        span: Range<Duration>,
        aggregator: &Aggregator,
        look: impl FnOnce(Hold<'_>) -> T,
    ) -> Option<T> {
        let (spec, mix) = (&self.spec, self.mix.as_ref()?);
        let stage = &*self.hold_name();
        let thinks = self.thinks;
        Some(look(Hold { spec, mix, stage, span, thinks, aggregator }))
    }

    /// Whether a percentile among the gates has too few samples yet, though there are some.
    fn wants_samples(&self, aggregator: &Aggregator) -> bool {
        let gates = self.with_hold(Duration::ZERO..self.spec.hold, aggregator, |hold| hold.gates());
        gates.into_iter().flatten().any(|gate| 0 < gate.samples && gate.samples < gate.min_samples)
    }

    /// Whether every iteration that was meant to start in the hold has ended.
    fn all_ended(&self, step: Step, span: &Range<Duration>, aggregator: &Aggregator) -> bool {
        let Some(mix) = &self.mix else { return true };
        let sum = |span, of| mix.seconds(aggregator, span, of).iter().sum::<u64>();
        let ended = self.with_hold(span.clone(), aggregator, |hold| hold.ended());
        let ended = ended.unwrap_or_default();
        if !self.spec.axis.is_rate() {
            // A user starts whenever it is free; where a second ends is a matter of moments.
            let started = sum(span, |second| second.started);
            return ended + started / 100 >= started;
        }
        let length = span.end - span.start;
        let total = |level: f64| RateProfile::constant(level, length).total();
        let planned: u64 = mix.at(step.level).map(|(_, level)| total(level)).sum();
        // An arrival that was dropped since may have been one of them.
        let dropped = sum(&(span.start..Duration::MAX), |second| second.dropped);
        ended + dropped >= planned
    }

    /// Goes on once the backlog is empty and the target answers as it did at first.
    fn cool_down(&mut self, now: Duration, since: Duration, aggregator: &Aggregator) {
        let cooldown = self.spec.cooldown;
        let patient = now < since + (cooldown * PATIENCE).max(LEAST_PATIENCE);
        let unrest = self.unrest(since, aggregator.timeline());
        if now < since + cooldown || (unrest.is_some() && patient) {
            return;
        }
        if let (Some(unrest), Some(row)) = (unrest, self.steps.last_mut()) {
            (self.spec.tell)(&format!("  not recovered: {unrest}"));
            row.reasons.push(format!("not recovered afterwards: {unrest}"));
        }
        self.phase = Phase::Ready;
        self.over = !self.take_off(now + AHEAD);
    }

    /// The law through all holds, where levels are users.
    fn scalability(&self) -> Option<Scalability> {
        let users = !self.spec.axis.is_rate();
        let points: Vec<_> = self.steps.iter().map(|row| (row.target, row.goodput_per_s)).collect();
        users.then(|| Scalability::fit(&points)).flatten()
    }

    /// Why the target is not what it was before the hold that ended at `since`.
    fn unrest(&self, since: Duration, timeline: &[Tick]) -> Option<String> {
        let last = timeline.last()?;
        if last.backlog > 0 {
            return Some(format!("{} still wait", counted(last.backlog, "arrival")));
        }
        let first = self.spec.from_level();
        let at_first = self.steps.iter().find(|row| row.target == first && row.verdict == "pass");
        let bearable = at_first?.p95_ms? * (1.0 + DRIFT) + DRIFT_MS;
        let rested = timeline.iter().rev().take_while(|tick| {
            let calm = tick.p95_ms.is_none_or(|p95| p95 <= bearable);
            u64::from(tick.second) >= since.as_secs() && calm
        });
        let samples: u64 = rested.map(|tick| tick.calls).sum();
        (samples < RECOVERED).then(|| {
            let p95 = last.p95_ms.map_or_else(|| "unknown".to_owned(), ms);
            format!("p95 is {p95}; at most {} was wanted over {RECOVERED} calls", ms(bearable))
        })
    }

    /// Each scenario's part of the answer, if there are several.
    fn parts(&self, lower: Option<f64>) -> Vec<PartOfLimit> {
        let Some(mix) = self.mix.as_ref().filter(|mix| mix.is_mixed()) else { return Vec::new() };
        let levels = mix.at(lower.unwrap_or_default());
        let part = |(part, level): (&Part, f64)| PartOfLimit {
            scenario: part.name().to_owned(),
            share: part.share,
            lower: lower.map(|_| level),
        };
        levels.map(part).collect()
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
    fn seeks(&self) -> bool {
        true
    }

    fn rehearsed(&mut self, plan: &Plan, rehearsed: &Rehearsed) -> Result<(), Diagnostics> {
        let steered = |scenario: &usize| plan.steered().iter().any(|it| it.scenario == *scenario);
        self.thinks = rehearsed.thinking.iter().any(steered);
        self.spec.provide(plan, rehearsed)
    }

    fn begin(&mut self, plan: &Plan, helms: Vec<Helm>) {
        let mix = Mix::new(self.spec.axis, plan, &helms);
        if mix.is_mixed() {
            let level = self.spec.from_level();
            let (unit, told) = (self.spec.axis.unit(), mix.told(level));
            (self.spec.tell)(&format!("in proportion, at {} {unit}: {told}", number(level)));
        }
        self.mix = Some(mix);
        self.over = !self.take_off(Duration::ZERO);
    }

    fn second(&mut self, now: Duration, aggregator: &Aggregator) -> bool {
        if self.over || self.spec.max_time.is_some_and(|most| now >= most) {
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
            scenario: self.mix.as_ref().map_or_else(String::new, Mix::names),
            parts: self.parts(answer.lower),
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
            scalability: self.scalability(),
            steps: std::mem::take(&mut self.steps),
        };
        summary.judge_limit(limit);
    }
}

fn told(row: &LimitStep) -> String {
    let verdict = row.verdict.to_uppercase();
    format!("  {verdict} at {}: {}", number(row.target), row.reasons.join("; "))
}
