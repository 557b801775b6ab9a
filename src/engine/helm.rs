//! Steering a scenario while it runs: how many users iterate, or how many iterations start per
//! second, from some moment on, and what samples are tagged with from then on.
//!
//! Whoever steers sets [`Setting`]s through a [`Helm`]; workers follow them. A setting holds for
//! what is *meant* to start from its moment on, so that each iteration belongs to one of them
//! whatever its length. It is to lie a little ahead, that all workers hear of it before.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use std::time::Duration;

use tokio::sync::watch;

/// How much load there is from some moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Since the run's start.
    pub from: Duration,
    /// Users of a closed load, arrivals/s of an open one.
    pub level: f64,
    /// The `stage` tag from then on; none: what the plan says.
    pub stage: Option<Arc<str>>,
}

impl Setting {
    /// So many users of a closed load, and a stage that says so.
    pub fn users(from: Duration, users: u64) -> Setting {
        let plural = if users == 1 { "" } else { "s" };
        Setting { from, level: users as f64, stage: Some(format!("{users} user{plural}").into()) }
    }

    /// So many arrivals per second of an open load, and a stage that says so.
    pub fn rate(from: Duration, per_s: f64) -> Setting {
        Setting { from, level: per_s, stage: Some(format!("{per_s}/s").into()) }
    }

    /// The users of a closed load that the plan wants.
    pub fn as_planned(from: Duration) -> Setting {
        Setting { from, level: f64::INFINITY, stage: None }
    }
}

/// Settings that are kept; of iterations that are still older the stage is lost.
const MOST: usize = 1_000;

/// All settings of one scenario so far, in the order of their moments; empty as long as the plan
/// alone decides.
pub type Settings = Arc<[Setting]>;

/// Steers one scenario. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Helm {
    settings: watch::Sender<Settings>,
    /// Whether there are any: all that a run pays that nobody steers.
    steered: Arc<AtomicBool>,
}

impl Default for Helm {
    fn default() -> Self {
        Helm { settings: watch::Sender::new(Arc::new([])), steered: Arc::default() }
    }
}

impl Helm {
    /// From `setting.from` on it holds; settings from later moments are taken back.
    pub fn set(&self, setting: Setting) {
        self.settings.send_modify(|settings| {
            let before = settings.partition_point(|other| other.from < setting.from);
            let kept = before.saturating_sub(MOST - 1)..before;
            *settings = settings[kept].iter().cloned().chain([setting]).collect();
        });
        self.steered.store(true, Release);
    }

    /// The setting that holds at `at`, if one does.
    pub fn at(&self, at: Duration) -> Option<Setting> {
        if !self.steered.load(Acquire) {
            return None;
        }
        holding(&self.settings.borrow(), at).cloned()
    }

    /// When the first setting after `at` begins, if one does.
    pub fn next_after(&self, at: Duration) -> Option<Duration> {
        let settings = self.settings.borrow();
        let next = settings.get(settings.partition_point(|setting| setting.from <= at));
        next.map(|setting| setting.from)
    }

    /// Told when somebody has steered.
    pub fn follow(&self) -> watch::Receiver<Settings> {
        self.settings.subscribe()
    }
}

fn holding(settings: &[Setting], at: Duration) -> Option<&Setting> {
    settings[..settings.partition_point(|setting| setting.from <= at)].last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_setting_that_has_begun_holds_and_a_new_one_takes_later_ones_back() {
        let helm = Helm::default();
        let set = |from, level| {
            helm.set(Setting { from: Duration::from_secs(from), level, stage: None });
        };
        let level = |at| helm.at(Duration::from_secs(at)).map(|setting| setting.level);
        assert_eq!(level(0), None);
        set(1, 10.0);
        set(5, 20.0);
        assert_eq!([0, 1, 4, 5].map(level), [None, Some(10.0), Some(10.0), Some(20.0)]);
        set(3, 0.0);
        assert_eq!([2, 3, 9].map(level), [Some(10.0), Some(0.0), Some(0.0)]);
    }
}
