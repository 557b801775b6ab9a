//! Windows → seconds, totals and the timeline.
//!
//! Workers send a Window each second. Those of one second are merged first, so that gauges add up;
//! [`tick`](Aggregator::tick) then closes the second: into the totals it goes, and its [`Tick`]
//! onto the timeline. A Window that comes late, from a worker that stalled, still counts: in the
//! totals, and in its own second, wholly while that second's Window is kept and by its counts
//! after that.
//!
//! Memory: totals by series, a few seconds of Windows, and for each second of the run 400 bytes,
//! 100 more for each scenario, 50 for each step and 16 for each call.

mod second;

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::second::{add_counts, gauges, summarise};
use crate::metrics::metric;
use crate::metrics::window::{ErrorRow, Value, Window};
use crate::metrics::{Selector, errors};
use crate::results::course::{Course, Courses};
pub use crate::results::tick::Health;
use crate::results::tick::Tick;

/// Closed seconds whose Windows are kept for those that come late, and for sliding views.
const KEPT_SECONDS: usize = 5;

/// One closed second, or what came of one after it was closed: all of them together are all that
/// was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// In a few numbers.
    pub tick: Tick,
    /// All of it.
    pub window: Arc<Window>,
    /// Whether the same second was told before, without this.
    pub late: bool,
}

impl Second {
    /// Adds it to what was told before.
    pub fn add_to(&self, totals: &mut Window) {
        if self.late {
            totals.absorb_late(&self.window);
        } else {
            totals.absorb(&self.window);
        }
    }
}

/// What all workers recorded so far.
#[derive(Debug)]
pub struct Aggregator {
    scenarios: Vec<Arc<str>>,
    totals: Window,
    /// Seconds that are not closed yet.
    open: BTreeMap<u32, Window>,
    /// The last closed ones, in order.
    recent: VecDeque<Arc<Window>>,
    /// What [`take_seconds`](Aggregator::take_seconds) has not handed out yet.
    untold: Vec<Second>,
    /// Every closed second, from 0.
    timeline: Vec<Tick>,
    /// What each call came to in each of them, but for what came late.
    courses: Courses,
    /// By scenario: how many arrivals waited at the end of each second; empty for closed ones.
    backlogs: Vec<Vec<u32>>,
    /// How busy the busiest worker was, by second [percent of a core].
    busy: Vec<u16>,
    late: u64,
    lost: u64,
    /// When the last worker ended.
    parting: Health,
}

impl Aggregator {
    /// For scenarios in the plan's order.
    pub fn new(scenarios: Vec<Arc<str>>) -> Aggregator {
        Aggregator {
            totals: Window::default(),
            open: BTreeMap::new(),
            recent: VecDeque::new(),
            untold: Vec::new(),
            timeline: Vec::new(),
            courses: Courses::default(),
            backlogs: vec![Vec::new(); scenarios.len()],
            busy: Vec::new(),
            scenarios,
            late: 0,
            lost: 0,
            parting: Health::default(),
        }
    }

    /// One worker's Window.
    pub fn add(&mut self, window: Window) {
        if (window.second as usize) < self.timeline.len() {
            self.add_late(window);
        } else {
            self.open.entry(window.second).or_default().merge(window);
        }
    }

    /// So many Windows never came: their samples are in no total.
    pub fn lose(&mut self, windows: u64) {
        self.lost += windows;
    }

    /// Closes every second up to and with `second`; `None` if it was closed before. `health` is
    /// that of `second`.
    pub fn tick(&mut self, second: u32, health: &Health) -> Option<&Tick> {
        let first = self.timeline.len() as u32;
        for passed in first..second {
            self.close(passed, &Health::default());
        }
        if second < first {
            return None;
        }
        self.close(second, health);
        self.timeline.last()
    }

    /// Takes the health of the load's end: that of the seconds which only [`finish`](Self::finish)
    /// closes, for their ticks would have come later.
    pub fn part(&mut self, health: Health) {
        self.parting = health;
    }

    /// Closes whatever is still open, at the end of a run.
    pub fn finish(&mut self) {
        let health = self.parting;
        if let Some((&last, _)) = self.open.last_key_value() {
            for second in self.timeline.len() as u32..=last {
                self.close(second, &health);
            }
        }
    }

    /// What was closed, or came late, since this was last asked for. To be asked for once a second:
    /// it is kept until then.
    pub fn take_seconds(&mut self) -> Vec<Second> {
        std::mem::take(&mut self.untold)
    }

    /// Everything so far, but for seconds that are still open.
    pub fn totals(&self) -> &Window {
        &self.totals
    }

    /// The closed seconds, from 0.
    pub fn timeline(&self) -> &[Tick] {
        &self.timeline
    }

    /// What each call of the load came to in each closed second.
    pub fn courses(&self) -> &[Course] {
        self.courses.all()
    }

    /// The merged Window of a closed second, if it is one of the last few.
    pub fn window(&self, second: u32) -> Option<&Window> {
        self.recent.iter().rev().find(|window| window.second == second).map(|window| &**window)
    }

    /// By scenario: how many arrivals waited for a user at the end of each second, from 0; empty
    /// for closed loads.
    pub fn backlogs(&self) -> &[Vec<u32>] {
        &self.backlogs
    }

    /// How busy the busiest worker was in each second, from 0 [percent of a core].
    pub fn busy(&self) -> &[u16] {
        &self.busy
    }

    /// How many Windows came after their second was closed.
    pub fn late_windows(&self) -> u64 {
        self.late
    }

    /// How many Windows never came.
    pub fn lost_windows(&self) -> u64 {
        self.lost
    }

    /// The most frequent kinds of errors, at most 100, and how many errors are of others.
    pub fn errors(&self) -> (Vec<&ErrorRow>, u64) {
        let mut rows: Vec<&ErrorRow> = self.totals.errors.iter().collect();
        rows.sort_by_key(|row| Reverse(row.count)); // stable: by kind where counts are equal
        let others = rows.split_off(rows.len().min(errors::MOST_KINDS));
        let more: u64 = others.iter().map(|row| row.count).sum();
        (rows, self.totals.errors_lost + more)
    }

    /// The conservation laws that the totals break, each as a sentence; once a run has ended and
    /// no Window was lost, a breach is a bug of this tool.
    pub fn breaches(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for (index, lifecycle) in self.totals.lifecycles.iter().enumerate() {
            let name = self.scenarios.get(index).map_or("?", |name| name);
            let of_scenario = |law: String| format!("scenario `{name}`: {law}");
            breaches.extend(lifecycle.breaches().into_iter().map(of_scenario));
        }
        breaches.extend(calls_breach(&self.totals));
        breaches
    }

    fn close(&mut self, second: u32, health: &Health) {
        let mut window = self.open.remove(&second).unwrap_or_default();
        window.second = second;
        let busiest = window.busy.iter().map(|worker| worker.percent).max();
        window.absorb(&gauges(second, health, busiest));
        self.busy.push(busiest.unwrap_or_default());
        self.timeline.push(Tick { health: *health, ..summarise(&window, &self.scenarios) });
        self.tally(second as usize);
        self.note_backlogs(&window);
        self.courses.note(&window);
        self.totals.absorb(&window);
        self.totals.busy.clear();
        let tick = self.timeline[second as usize].clone();
        let window = Arc::new(window);
        self.untold.push(Second { tick, window: window.clone(), late: false });
        self.recent.push_back(window);
        if self.recent.len() > KEPT_SECONDS {
            self.recent.pop_front();
        }
    }

    /// Iterations and requests under way at the end of a second: those of the second before, and its
    /// own.
    fn tally(&mut self, second: usize) {
        let (before, from) = self.timeline.split_at_mut(second);
        let before = before.last().map_or(&[][..], |before| &before.scenarios);
        for (index, scenario) in from[0].scenarios.iter_mut().enumerate() {
            let before = before.get(index).copied().unwrap_or_default();
            scenario.in_flight =
                (before.in_flight + scenario.started).saturating_sub(scenario.ended());
            let (began, ended) = scenario.requests;
            scenario.requests_in_flight = (before.requests_in_flight + began).saturating_sub(ended);
        }
    }

    /// One worker alone tells how long a backlog is, so that what it tells late is the whole of it.
    fn note_backlogs(&mut self, window: &Window) {
        let waiting = window.group_by(&Selector::of(metric::BACKLOG), &["scenario"]);
        for (key, value) in &waiting {
            let index = self.scenarios.iter().position(|name| **name == key.concat());
            if let (Some(index), Value::Gauge { last, .. }) = (index, value) {
                let (backlog, second) = (&mut self.backlogs[index], window.second as usize);
                backlog.resize(backlog.len().max(second + 1), 0);
                backlog[second] = last.round() as u32;
            }
        }
    }

    fn add_late(&mut self, mut window: Window) {
        self.late += 1;
        window.busy.clear();
        self.note_backlogs(&window);
        let came = summarise(&window, &self.scenarios);
        let tick = &mut self.timeline[window.second as usize];
        let at = self.recent.iter().position(|recent| recent.second == window.second);
        match at.map(|at| &mut self.recent[at]) {
            Some(recent) => {
                Arc::make_mut(recent).absorb(&window);
                *tick = Tick { health: tick.health, ..summarise(recent, &self.scenarios) };
            }
            None => add_counts(tick, &came),
        }
        for second in window.second as usize..self.timeline.len() {
            self.tally(second);
        }
        window.take_gauges_of(at.and_then(|at| self.latest_gauges(at)));
        self.totals.absorb_late(&window);
        self.untold.push(Second { tick: came, window: Arc::new(window), late: true });
    }

    /// A recent second, whole, if no later one has told of users: then its gauges are the latest.
    /// A part of it that came late is no sum of anything, least of all with those of other seconds.
    fn latest_gauges(&self, at: usize) -> Option<&Window> {
        let is_latest = !self.recent.iter().skip(at + 1).any(|later| later.has(&metric::VUS));
        is_latest.then(|| &*self.recent[at])
    }
}

/// Hits of a rate, and out of how many.
fn hits(window: &Window, selector: &Selector) -> (u64, u64) {
    match window.fold(selector) {
        Some(Value::Rate { hits, total }) => (hits, total),
        _ => (0, 0),
    }
}

/// calls = completed + failed + interrupted, each of which was timed.
fn calls_breach(totals: &Window) -> Option<String> {
    let everything = |metric| Selector::of(metric).any("phase").any("expected");
    let calls = totals.count(&everything(metric::HTTP_CALLS));
    let (failed, judged) = hits(totals, &everything(metric::HTTP_CALL_FAILED));
    let cut_off = everything(metric::HTTP_CALLS).with("outcome", "interrupted");
    let interrupted = totals.count(&cut_off);
    let times = totals.fold(&everything(metric::HTTP_CALL_DURATION));
    let timed = times.as_ref().and_then(Value::histogram).map_or(0, |times| times.count());
    let completed = judged - failed;
    let holds = calls == completed + failed + interrupted && calls == timed;
    (!holds).then(|| {
        format!(
            "calls {calls} are not completed {completed} + failed {failed} + interrupted \
             {interrupted}, or not the {timed} that were timed"
        )
    })
}

#[cfg(test)]
mod tests;
