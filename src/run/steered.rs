//! What was done at the controls of a run, and what the summary says of it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::helm::Setting;
use crate::results::format::clock;
use crate::results::run_info::{StageInfo, add};
use crate::results::summary::Anomaly;

/// Entries that are kept of one run.
const MOST: usize = 10_000;

/// Keys that are pressed one after the other are one change.
const MOMENT: Duration = Duration::from_millis(500);

/// Entries that are told of one scenario.
const TOLD: usize = 10;

/// What was done to a scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    /// Nobody iterates.
    Paused,
    /// So many iterate.
    Users(u64),
    /// So many start per second.
    Rate(f64),
    /// As many as the plan says.
    AsPlanned,
}

/// Everything that was done, in its order.
#[derive(Debug, Default)]
pub struct Log {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    scenario: usize,
    at: Duration,
    act: Act,
    /// Whether somebody did it; else the plan did.
    by_hand: bool,
}

impl Log {
    /// A scenario begins with so many users.
    pub fn open(&mut self, scenario: usize, users: u64) {
        let act = Act::Users(users);
        self.entries.push(Entry { scenario, at: Duration::ZERO, act, by_hand: false });
    }

    /// Somebody did it; what is beyond [`MOST`] is done, but not written down, and so is what was
    /// done a moment before: it was on the way.
    pub fn note(&mut self, scenario: usize, at: Duration, act: Act) {
        let own = self.entries.iter().rposition(|entry| entry.scenario == scenario);
        if let Some(last) = own
            && self.entries[last].by_hand
            && at < self.entries[last].at + MOMENT
        {
            self.entries.remove(last);
        }
        if self.entries.len() < MOST {
            self.entries.push(Entry { scenario, at, act, by_hand: true });
        }
    }

    /// A stage for each number of users, or rate, as long as there were so many within `span`.
    pub fn stages(&self, scenario: usize, span: Range<Duration>) -> Vec<StageInfo> {
        let mut stages: Vec<StageInfo> = Vec::new();
        let own: Vec<&Entry> = self.of(scenario).collect();
        for (index, entry) in own.iter().enumerate() {
            let setting = match entry.act {
                Act::Users(users) => Setting::users(entry.at, users),
                Act::Rate(per_s) => Setting::rate(entry.at, per_s),
                Act::Paused | Act::AsPlanned => continue,
            };
            let until = own.get(index + 1).map_or(span.end, |next| next.at.min(span.end));
            let when = entry.at.max(span.start)..until;
            let length = when.end.saturating_sub(when.start);
            add(&mut stages, setting.stage.as_deref().unwrap_or_default(), length, when);
        }
        stages
    }

    /// A sentence for each scenario that somebody steered.
    pub fn remarks(&self, scenarios: &[Arc<str>]) -> Vec<Anomaly> {
        let remark = |(index, name): (usize, &Arc<str>)| {
            let done: Vec<&Entry> = self.of(index).filter(|entry| entry.by_hand).collect();
            let mut told: Vec<String> = done.iter().take(TOLD).map(|entry| entry.told()).collect();
            if done.len() > TOLD {
                told.push(format!("and {} more times", done.len() - TOLD));
            }
            let message = format!("{name} was steered by hand: {}", told.join(", "));
            (!done.is_empty()).then(|| Anomaly::told("steered", message))
        };
        scenarios.iter().enumerate().filter_map(remark).collect()
    }

    fn of(&self, scenario: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.scenario == scenario)
    }
}

impl Entry {
    /// `at 0:12 5 users`.
    fn told(&self) -> String {
        let what = match self.act {
            Act::Paused => "paused".to_owned(),
            Act::Users(1) => "1 user".to_owned(),
            Act::Users(users) => format!("{users} users"),
            Act::Rate(per_s) => format!("{per_s}/s"),
            Act::AsPlanned => "as planned".to_owned(),
        };
        format!("at {} {what}", clock(self.at.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn numbers_of_users_become_stages_and_pauses_are_in_none() {
        let mut log = Log::default();
        log.open(0, 5);
        log.note(0, s(10), Act::Users(20));
        log.note(1, s(11), Act::Paused);
        log.note(0, s(30), Act::Paused);
        log.note(0, s(40), Act::Users(5));
        let stages = log.stages(0, s(2)..s(60));
        let stages: Vec<_> =
            stages.iter().map(|s| (s.name.as_str(), s.length().as_secs())).collect();
        assert_eq!(stages, [("5 users", 8 + 20), ("20 users", 20)]);
        assert_eq!(log.stages(1, s(0)..s(60)), []);
    }

    #[test]
    fn what_was_done_is_told_once_for_each_scenario() {
        let mut log = Log::default();
        log.open(1, 5);
        log.note(0, s(65), Act::Paused);
        log.note(0, s(70), Act::AsPlanned);
        let names = ["a".into(), "b".into()];
        let told: Vec<_> = log.remarks(&names).into_iter().map(|one| one.message).collect();
        assert_eq!(told, ["a was steered by hand: at 1:05 paused, at 1:10 as planned"]);
        log.note(0, s(71), Act::Users(3));
        log.note(0, s(71) + MOMENT / 2, Act::Users(4));
        assert!(log.remarks(&names)[0].message.ends_with("at 1:10 as planned, at 1:11 4 users"));
        (0..29).for_each(|n| log.note(0, s(100 + n), Act::Users(n)));
        assert!(log.remarks(&names)[0].message.ends_with("and 22 more times"));
    }
}
