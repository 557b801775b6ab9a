//! Thresholds as they stand while a run goes on, for whoever looks at it.
//!
//! They are judged as at the end ([`thresholds`], [`Watch`]), over what has come so far. When a
//! scenario came under load is taken from the first second in which it did anything, so rates and
//! sliding windows are exact to a second. That is enough to look at; the verdict at the end rests
//! on the engine's own times.

use std::ops::Range;
use std::time::Duration;

use super::reading::Standing;
use super::run_info::{RunInfo, ScenarioInfo, together};
use super::summary::Threshold;
use super::thresholds;
use super::tick::Tick;
use super::watch::{Timetable, Watch};
use crate::metrics::Window;
use crate::plan::{self, Plan, Scenario};

/// What is known of a run that goes on.
#[derive(Debug)]
pub struct SoFar {
    scenarios: Vec<Scenario>,
    thresholds: Vec<plan::Threshold>,
    infos: Vec<ScenarioInfo>,
    /// By scenario, from its beginning to its planned end; empty before.
    loads: Vec<Range<Duration>>,
    now: Duration,
    watch: Watch,
}

/// What the thresholds say of a run that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// There are none.
    Unjudged,
    /// None is crossed, and some have too few samples yet.
    Early,
    /// All hold.
    Holds,
    /// Some are crossed.
    Crossed,
}

impl Outlook {
    /// Of thresholds as they stand.
    pub fn of(thresholds: &[Threshold]) -> Outlook {
        let mut standings = thresholds.iter().map(Threshold::standing);
        if thresholds.is_empty() {
            Outlook::Unjudged
        } else if standings.clone().any(|one| one == Standing::Crossed) {
            Outlook::Crossed
        } else if standings.all(|one| one == Standing::Holds) {
            Outlook::Holds
        } else {
            Outlook::Early
        }
    }

    /// In a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            Outlook::Unjudged => "no thresholds",
            Outlook::Early => "too early to say",
            Outlook::Holds => "all thresholds hold",
            Outlook::Crossed => "threshold crossed",
        }
    }
}

impl SoFar {
    /// Of a run that has not begun.
    pub fn new(plan: &Plan) -> SoFar {
        SoFar {
            scenarios: plan.scenarios().to_vec(),
            thresholds: plan.thresholds().to_vec(),
            infos: ScenarioInfo::all(plan),
            loads: vec![Duration::ZERO..Duration::ZERO; plan.scenarios().len()],
            now: Duration::ZERO,
            watch: Watch::new(plan.thresholds(), Timetable::all(plan.scenarios())),
        }
    }

    /// One more second, in order.
    pub fn second(&mut self, tick: &Tick, window: &Window) {
        let began = Duration::from_secs(tick.second.into());
        self.now = began + Duration::from_secs(1);
        let scenarios = self.scenarios.iter().zip(&tick.scenarios);
        for (load, (scenario, tick)) in self.loads.iter_mut().zip(scenarios) {
            if load.is_empty() && tick.vus + tick.planned + tick.started > 0 {
                *load = began..began.saturating_add(scenario.load().length());
            }
        }
        self.watch.second(window, &self.loads);
    }

    /// Every threshold over `totals`: all that was recorded so far.
    pub fn judged(&self, totals: &Window) -> Vec<Threshold> {
        let mut scenarios = self.infos.clone();
        let mut spans = Vec::new();
        let known = self.scenarios.iter().zip(&self.loads);
        for (info, (scenario, load)) in scenarios.iter_mut().zip(known) {
            let span = load.start..load.end.min(self.now).max(load.start);
            spans.push(info.deliver(scenario, &span, 0));
        }
        let run = RunInfo { load: together(spans), scenarios, ..RunInfo::default() };
        let judged = self.thresholds.iter().enumerate().flat_map(|(index, threshold)| {
            thresholds::judge_beside(threshold, totals, &run, self.watch.of(index))
        });
        judged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::window::{Row, Value};
    use crate::metrics::{TagSet, metric};
    use crate::plan::draft::Flags;
    use crate::plan::fixture;
    use crate::results::tick::ScenarioTick;

    /// One user for ten seconds, held to fewer than two calls a second, and none that fails.
    fn so_far() -> SoFar {
        let flags = Flags {
            vus: Some(1),
            duration: Some(Duration::from_secs(10)),
            thresholds: vec![
                "http_calls: rate < 2/s".to_owned(),
                "http_call_failed: rate < 1%".to_owned(),
            ],
            ..Flags::default()
        };
        SoFar::new(&fixture::plan(flags))
    }

    fn calls(second: u32, calls: u64) -> (Tick, Window) {
        let tags = TagSet::new([("phase", "load"), ("scenario", "default")]);
        let values = vec![(metric::HTTP_CALLS, Value::Counter(calls))];
        let rows = vec![Row { tags, values }];
        let scenarios = vec![ScenarioTick { vus: 1, ..ScenarioTick::default() }];
        let tick = Tick { second, scenarios, ..Tick::default() };
        (tick, Window { second, rows, ..Window::default() })
    }

    #[test]
    fn a_rate_is_over_the_time_that_has_passed_and_what_has_no_sample_is_early() {
        let (mut so_far, mut totals) = (so_far(), Window::default());
        let mut outlooks = Vec::new();
        for (second, count) in [(3, 1), (4, 1), (5, 10)] {
            let (tick, window) = calls(second, count);
            so_far.second(&tick, &window);
            totals.absorb(&window);
            let judged = so_far.judged(&totals);
            let rate = judged.iter().find(|one| one.metric == "http_calls");
            outlooks.push((rate.and_then(|one| one.observed), Outlook::of(&judged)));
        }
        let expected = [
            (Some(1.0), Outlook::Early),
            (Some(1.0), Outlook::Early),
            (Some(4.0), Outlook::Crossed),
        ];
        assert_eq!(outlooks, expected);
        assert_eq!(Outlook::of(&[]), Outlook::Unjudged);
    }
}
