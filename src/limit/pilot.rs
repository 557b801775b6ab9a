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
use super::hold::{Alone, Hold, purpose};
use super::mix::Mix;
use super::recovery::{Unrest, unrest};
use super::search::{Search, Step};
use super::signals::Told;
use crate::aggregator::Aggregator;
use crate::diagnostic::Diagnostics;
use crate::engine::helm::Helm;
use crate::pace::RateProfile;
use crate::plan::Plan;
use crate::results::Summary;
use crate::results::format::{counted, length, number};
use crate::results::limit::LimitStep;
use crate::run::pilot::Pilot;
use crate::run::rehearsal::Rehearsed;

/// Settings lie so far ahead that every worker hears of them in time.
const AHEAD: Duration = Duration::from_secs(1);

/// How long the stragglers of a hold are waited for, at least; else until their calls time out.
const STRAGGLERS: Duration = Duration::from_secs(30);

/// A hold lengthens at most so often for want of samples, by its own length each time.
pub(super) const EXTENSIONS: u32 = 3;

/// Of the samples that a hold promises, so many are counted on.
pub(super) const SURE: f64 = 0.95;

/// Steers a load through a search.
pub struct LimitPilot {
    pub(super) spec: LimitSpec,
    pub(super) search: Search,
    /// What is steered, once the load is about to begin.
    pub(super) mix: Option<Mix>,
    phase: Phase,
    pub(super) steps: Vec<LimitStep>,
    alone: Alone,
    /// How long stragglers are waited for.
    stragglers: Duration,
    /// Seconds of workers that were lost before the hold.
    lost: u64,
    pub(super) over: bool,
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
        let (alone, stragglers) = (Alone::default(), STRAGGLERS);
        LimitPilot {
            spec,
            search,
            mix: None,
            phase,
            steps,
            alone,
            stragglers,
            lost: 0,
            over: false,
        }
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
            if extended < EXTENSIONS && self.wants_samples(step, from..until, now, aggregator) {
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
        let under_way = self.under_way(step, &span, aggregator);
        if under_way > 0 && now < span.end + self.stragglers {
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
        let Some((judgement, mut row)) = judged else { return };
        if under_way > 0 {
            let (many, waited) = (counted(under_way, "iteration"), length(self.stragglers));
            row.reasons.push(format!("{many} still under way after {waited} are not counted"));
        }
        self.lost = aggregator.lost_windows();
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
        let (alone, lost) = (self.alone, aggregator.lost_windows() - self.lost);
        Some(look(Hold { spec, mix, stage, span, alone, lost, aggregator }))
    }

    /// Whether a percentile among the gates will have too few samples at the hold's end, though
    /// there are some: as many of each iteration as so far, and of those as many as are planned; on
    /// the axis of users, as many per second as so far.
    fn wants_samples(
        &self,
        step: Step,
        span: Range<Duration>,
        now: Duration,
        aggregator: &Aggregator,
    ) -> bool {
        let planned = self.planned(step, &span) as f64;
        let so_far = now.saturating_sub(span.start).as_secs_f64().max(1.0);
        let more = (span.end - span.start).as_secs_f64() / so_far;
        let is_rate = self.spec.axis.is_rate();
        let few = self.with_hold(span, aggregator, |hold| {
            let ended = hold.ended();
            let more = if is_rate { planned / ended.max(1) as f64 } else { more };
            let few = |samples: u64, least: u64| (samples as f64 * more * SURE) < least as f64;
            hold.gates().iter().any(|gate| gate.samples > 0 && few(gate.samples, gate.min_samples))
        });
        few.unwrap_or_default()
    }

    /// Iterations that are to start in the hold, on the axis of rates.
    fn planned(&self, step: Step, span: &Range<Duration>) -> u64 {
        let length = span.end - span.start;
        let total = |level: f64| RateProfile::constant(level, length).total();
        self.mix.iter().flat_map(|mix| mix.at(step.level)).map(|(_, level)| total(level)).sum()
    }

    /// How many iterations that were meant to start in the hold have not ended yet.
    fn under_way(&self, step: Step, span: &Range<Duration>, aggregator: &Aggregator) -> u64 {
        let Some(mix) = &self.mix else { return 0 };
        let sum = |span, of| mix.seconds(aggregator, span, of).iter().sum::<u64>();
        let ended = self.with_hold(span.clone(), aggregator, |hold| hold.ended());
        let ended = ended.unwrap_or_default();
        if !self.spec.axis.is_rate() {
            // A user starts whenever it is free; where a second ends is a matter of moments.
            let started = sum(span, |second, _| second.started);
            return (started - started / 100).saturating_sub(ended);
        }
        // An arrival that was dropped since may have been one of them.
        let dropped = sum(&(span.start..Duration::MAX), |second, _| second.dropped);
        self.planned(step, span).saturating_sub(ended + dropped)
    }

    /// Goes on once the backlog is empty and the target answers as it did at first.
    fn cool_down(&mut self, now: Duration, since: Duration, aggregator: &Aggregator) {
        let (cooldown, patience) = (self.spec.cooldown, self.spec.patience());
        let unrest = unrest(since, self.first_p95(), aggregator.timeline());
        if now < since + cooldown || (unrest.is_some() && now < since + patience) {
            return;
        }
        if let (Some(Unrest::Troubled(why)), Some(row)) = (unrest, self.steps.last_mut()) {
            (self.spec.tell)(&format!("  not recovered: {why}"));
            row.reasons.push(format!("not recovered afterwards: {why}"));
        }
        self.phase = Phase::Ready;
        self.over = !self.take_off(now + AHEAD);
    }
}

impl Pilot for LimitPilot {
    fn seeks(&self) -> bool {
        true
    }

    fn rehearsed(&mut self, plan: &Plan, rehearsed: &Rehearsed) -> Result<(), Diagnostics> {
        let steered = |scenario: &usize| plan.steered().iter().any(|it| it.scenario == *scenario);
        let took = (0..).zip(&rehearsed.took).filter(|(scenario, _)| steered(scenario));
        self.alone = Alone {
            thinks: rehearsed.thinking.iter().any(steered),
            took: took.map(|(_, took)| *took).max().unwrap_or_default(),
        };
        match LimitSpec::unreachable(plan, &rehearsed.replies) {
            Some(fault) => Err(Diagnostics(vec![fault])),
            None => self.spec.provide(plan, rehearsed),
        }
    }

    fn begin(&mut self, plan: &Plan, helms: Vec<Helm>) {
        let mix = Mix::new(self.spec.axis, plan, &helms);
        if mix.is_mixed() {
            let level = self.spec.from_level();
            let (unit, told) = (self.spec.axis.unit(), mix.told(level));
            (self.spec.tell)(&format!("in proportion, at {} {unit}: {told}", number(level)));
        }
        let steered = plan.steered().iter().map(|part| &plan.scenarios()[part.scenario]);
        let timeouts = steered.map(|scenario| scenario.http.timeout);
        self.stragglers = timeouts.fold(STRAGGLERS, Duration::max) + AHEAD;
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
        summary.judge_limit(self.conclusion());
    }
}

fn told(row: &LimitStep) -> String {
    let verdict = row.verdict.to_uppercase();
    format!("  {verdict} at {}: {}", number(row.target), row.reasons.join("; "))
}
