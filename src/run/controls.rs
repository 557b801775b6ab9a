//! The controls of a run while it goes on: whoever sits at a keyboard, or asks over an interface,
//! pauses and resumes closed scenarios, sets how many of their users iterate, sets the rate of open
//! ones, and stops the run.
//!
//! What is set becomes a [`Setting`] of the scenario's helm a moment later, and is written down: the
//! summary tells of it, with a row for each number of users, or rate, that was set.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::steered::{Act, Log};
use crate::engine::helm::{Helm, Setting};
use crate::output::steer::{self, Command, Paced, Steer, Steered};
use crate::plan::open::MAX_RATE;
use crate::plan::{Load, Plan, Scenario};
use crate::results::format::number;
use crate::results::{RunInfo, Summary};
use crate::stop::{StopReason, StopSwitch};

/// Settings lie so far ahead that every worker hears of them before.
const AHEAD: Duration = Duration::from_millis(20);

/// A rate may be set to so many times the highest planned: beyond that somebody's finger slipped.
const MOST_TIMES: f64 = 10.0;

/// Controls one run, from any thread. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Controls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scenarios: Vec<Arc<str>>,
    warmups: Vec<Duration>,
    switch: StopSwitch,
    /// Whether nothing but manual loads runs.
    all_manual: bool,
    under_way: OnceLock<UnderWay>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct UnderWay {
    started: Instant,
    helms: Vec<Helm>,
}

#[derive(Debug)]
struct State {
    /// By scenario; none for open ones.
    wanted: Vec<Option<Wanted>>,
    /// By scenario; none for closed ones, and those that start so many iterations and no more.
    paced: Vec<Option<Paced>>,
    log: Log,
}

/// How many users of a closed scenario are to iterate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The scenario.
    pub scenario: Arc<str>,
    /// So many at most; all that the plan wants if nobody said.
    pub users: Option<u64>,
    /// Most that there can be.
    pub most: u64,
    /// Nobody iterates until it is resumed.
    pub paused: bool,
    /// Whether it is for whoever steers to say how many there are.
    pub manual: bool,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is none of that name.
    #[error("there is no scenario `{0}`: there are {1}")]
    Unknown(String, String),
    /// Its starts are planned.
    #[error("`{0}` is open: its plan says when iterations start")]
    Open(String),
    /// It cannot have so many users.
    #[error("`{scenario}` has at most {most} users, not {users}")]
    TooMany {
        /// Which.
        scenario: String,
        /// Most that it can have.
        most: u64,
        /// What was asked for.
        users: u64,
    },
    /// Its users start when they are ready.
    #[error("`{0}` has no rate to be set: its users, or the number of its iterations, are planned")]
    Unpaced(String),
    /// It cannot have such a rate.
    #[error("`{scenario}` starts 0 to {most} iterations per second, not {per_s}")]
    TooFast {
        /// Which.
        scenario: String,
        /// Highest rate.
        most: String,
        /// What was asked for.
        per_s: String,
    },
    /// The load has not begun.
    #[error("the load has not begun yet")]
    TooEarly,
}

impl Steer for Controls {
    fn steered(&self) -> Vec<Steered> {
        let row = |one: Wanted| Steered {
            scenario: one.scenario.to_string(),
            users: one.users,
            most: one.most,
            paused: one.paused,
            manual: one.manual,
        };
        self.wanted().into_iter().map(row).collect()
    }

    fn paced(&self) -> Vec<Paced> {
        self.state().paced.iter().flatten().cloned().collect()
    }

    fn steer(&self, command: &Command) -> Result<(), String> {
        let done = match command {
            Command::Pause { scenario } => self.pause(scenario),
            Command::Resume { scenario } => self.resume(scenario),
            Command::Scale { scenario, users } => self.scale(scenario, *users),
            Command::Rate { scenario, per_s } => self.pace(scenario, *per_s),
            Command::Stop => {
                self.stop();
                Ok(())
            }
        };
        done.map_err(|refused| refused.to_string())
    }
}

/// The controls of a run that somebody else steers: it can be stopped, and no more.
#[derive(Debug)]
pub struct StopOnly(pub Controls);

impl Steer for StopOnly {
    fn steered(&self) -> Vec<Steered> {
        Vec::new()
    }

    fn paced(&self) -> Vec<Paced> {
        Vec::new()
    }

    fn steer(&self, command: &Command) -> Result<(), String> {
        match command {
            Command::Stop => self.0.steer(command),
            _ => Err("a search steers this run".to_owned()),
        }
    }
}

impl Controls {
    /// Of a run whose load has not begun.
    pub fn new(plan: &Plan, switch: StopSwitch) -> Controls {
        let scenarios = plan.scenarios();
        let wanted = scenarios.iter().map(|scenario| {
            let manual = match scenario.load() {
                Load::Open(_) => return None,
                Load::Manual { vus, .. } => Some(*vus),
                _ => None,
            };
            Some(Wanted {
                scenario: scenario.name().clone(),
                users: manual,
                most: scenario.load().peak_vus(),
                paused: false,
                manual: manual.is_some(),
            })
        });
        let wanted: Vec<_> = wanted.collect();
        let paced = scenarios.iter().map(|scenario| match scenario.load() {
            Load::Open(load) if load.max_iterations.is_none() => Some(Paced {
                scenario: scenario.name().to_string(),
                per_s: None,
                most: (load.profile().peak() * MOST_TIMES).min(MAX_RATE),
            }),
            _ => None,
        });
        let paced = paced.collect();
        Controls(Arc::new(Inner {
            scenarios: scenarios.iter().map(|scenario| scenario.name().clone()).collect(),
            warmups: scenarios.iter().map(Scenario::warmup).collect(),
            all_manual: wanted.iter().all(|one| one.as_ref().is_some_and(|one| one.manual)),
            switch,
            under_way: OnceLock::new(),
            state: Mutex::new(State { wanted, paced, log: Log::default() }),
        }))
    }

    /// The load begins at `started`; `helms` are by scenario.
    pub fn begin(&self, started: Instant, helms: Vec<Helm>) {
        if self.0.under_way.set(UnderWay { started, helms }).is_ok() {
            let mut state = self.state();
            let State { wanted, log, .. } = &mut *state;
            let by_hand = wanted.iter().enumerate().filter_map(|(index, one)| {
                let one = one.as_ref().filter(|one| one.manual)?;
                Some((index, one.users?))
            });
            by_hand.for_each(|(index, users)| log.open(index, users));
        }
    }

    /// The closed scenarios and what is wanted of each.
    pub fn wanted(&self) -> Vec<Wanted> {
        self.state().wanted.iter().flatten().cloned().collect()
    }

    /// `users` of a closed scenario iterate from now on, if its plan wants so many; a paused one
    /// stays paused. All that it can have: as planned.
    ///
    /// # Errors
    /// See [`Refused`]; nothing is changed then.
    pub fn scale(&self, scenario: &str, users: u64) -> Result<(), Refused> {
        self.change(scenario, |wanted| {
            if users > wanted.most {
                let (scenario, most) = (wanted.scenario.to_string(), wanted.most);
                return Err(Refused::TooMany { scenario, most, users });
            }
            wanted.users = (wanted.manual || users < wanted.most).then_some(users);
            Ok(())
        })
    }

    /// So many iterations of an open scenario start per second from now on, evenly or at random as
    /// its plan says; the plan's own course is then over.
    ///
    /// # Errors
    /// See [`Refused`]; nothing is changed then.
    pub fn pace(&self, scenario: &str, per_s: f64) -> Result<(), Refused> {
        let index = self.index_of(scenario)?;
        let under_way = self.0.under_way.get().ok_or(Refused::TooEarly)?;
        let mut state = self.state();
        let State { paced, log, .. } = &mut *state;
        let paced = paced[index].as_mut().ok_or_else(|| Refused::Unpaced(scenario.to_owned()))?;
        if !(0.0..=paced.most).contains(&per_s) {
            let (most, per_s) = (number(paced.most), number(per_s));
            return Err(Refused::TooFast { scenario: scenario.to_owned(), most, per_s });
        }
        paced.per_s = Some(per_s);
        let from = under_way.started.elapsed() + AHEAD;
        under_way.helms[index].set(Setting::rate(from, per_s));
        log.note(index, from, Act::Rate(per_s));
        Ok(())
    }

    fn index_of(&self, scenario: &str) -> Result<usize, Refused> {
        let names = &self.0.scenarios;
        let found = names.iter().position(|name| **name == *scenario);
        found.ok_or_else(|| Refused::Unknown(scenario.to_owned(), names.join(", ")))
    }

    /// Iterations of a closed scenario may end, and none starts.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn pause(&self, scenario: &str) -> Result<(), Refused> {
        self.change(scenario, |wanted| {
            wanted.paused = true;
            Ok(())
        })
    }

    /// A paused scenario goes on with as many users as were wanted.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn resume(&self, scenario: &str) -> Result<(), Refused> {
        self.change(scenario, |wanted| {
            wanted.paused = false;
            Ok(())
        })
    }

    /// Ends the run: iterations under way may finish. A run of manual loads alone has then had its
    /// time; any other was stopped before its plan was done.
    pub fn stop(&self) {
        let reason = if self.0.all_manual { StopReason::Finished } else { StopReason::Signal };
        self.0.switch.graceful(reason);
    }

    fn change(
        &self,
        scenario: &str,
        change: impl FnOnce(&mut Wanted) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let index = self.index_of(scenario)?;
        let under_way = self.0.under_way.get().ok_or(Refused::TooEarly)?;
        let mut state = self.state();
        let State { wanted, log, .. } = &mut *state;
        let wanted = wanted[index].as_mut().ok_or_else(|| Refused::Open(scenario.to_owned()))?;
        let mut changed = wanted.clone();
        change(&mut changed)?;
        if changed == *wanted {
            return Ok(());
        }
        *wanted = changed;
        let from = under_way.started.elapsed() + AHEAD;
        let (setting, act) = match (wanted.paused, wanted.users) {
            (true, _) => (Setting { from, level: 0.0, stage: None }, Act::Paused),
            (false, Some(users)) => (Setting::users(from, users), Act::Users(users)),
            (false, None) => (Setting::as_planned(from), Act::AsPlanned),
        };
        under_way.helms[index].set(setting);
        log.note(index, from, act);
        Ok(())
    }

    /// For the live line: `paused`, `5 of 20 users`; empty if nothing differs from the plan.
    pub fn told(&self) -> String {
        steer::told(&self.steered(), self.0.scenarios.len() == 1)
    }

    /// Gives each scenario that was steered a stage for each number of users that was set; its level
    /// was not the plan's.
    pub fn add_stages(&self, info: &mut RunInfo) {
        let state = self.state();
        for (index, scenario) in info.scenarios.iter_mut().enumerate() {
            let measured = scenario.began + self.0.warmups[index];
            let span = measured..measured + scenario.load;
            let stages = state.log.stages(index, span);
            if !stages.is_empty() {
                scenario.steady.clear();
            }
            scenario.stages.extend(stages);
        }
    }

    /// Remarks in the summary what was steered.
    pub fn conclude(&self, summary: &mut Summary) {
        let state = self.state();
        summary.anomalies.extend(state.log.remarks(&self.0.scenarios));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::draft::{Draft, Flags, Node};
    use crate::plan::validate::validate;

    /// Two users for 9 s, one to three by hand, and an open load.
    fn plan() -> Plan {
        let map = |fields: &[(&str, Node)]| {
            Node::Map(
                fields.iter().map(|(name, node)| ((*name).to_owned(), node.clone())).collect(),
            )
        };
        let scenario = |load| map(&[("load", load), ("run", Node::Function)]);
        let manual = [
            ("duration", Node::Int(9)),
            ("kind", Node::Text("manual".to_owned())),
            ("max_vus", Node::Int(3)),
        ];
        let scenarios = map(&[
            ("by_hand", scenario(map(&manual))),
            ("closed", scenario(map(&[("duration", Node::Int(9)), ("vus", Node::Int(2))]))),
            ("open", scenario(map(&[("duration", Node::Int(9)), ("rate", Node::Int(2))]))),
        ]);
        let draft = Draft {
            script: "shop.lua".into(),
            source: "".into(),
            definition: map(&[("scenarios", scenarios)]),
            metrics: Default::default(),
            flags: Flags::default(),
        };
        let no_curve = |_: &[&str], _: &[f64]| unreachable!("there is no curve");
        validate(&draft, &no_curve).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn begun() -> (Controls, Vec<Helm>) {
        let controls = Controls::new(&plan(), StopSwitch::default());
        let helms: Vec<Helm> = (0..3).map(|_| Helm::default()).collect();
        controls.begin(Instant::now(), helms.clone());
        (controls, helms)
    }

    fn level(helm: &Helm) -> Option<f64> {
        helm.at(Duration::from_secs(60)).map(|setting| setting.level)
    }

    #[test]
    fn a_paused_scenario_goes_on_as_it_was_wanted() {
        let (controls, helms) = begun();
        controls.pause("closed").unwrap();
        assert_eq!((level(&helms[1]), controls.told()), (Some(0.0), told("closed: paused")));
        controls.scale("closed", 1).unwrap();
        assert_eq!(level(&helms[1]), Some(0.0), "it stays paused");
        controls.resume("closed").unwrap();
        assert_eq!(level(&helms[1]), Some(1.0));
        controls.scale("closed", 2).unwrap();
        assert_eq!((level(&helms[1]), controls.told()), (Some(f64::INFINITY), told("")));
        assert_eq!(level(&helms[0]), None, "the others go on");
    }

    /// What is told of a manual load of one user, and of another.
    fn told(other: &str) -> String {
        format!("by_hand: 1 of 3 users wanted  {other}").trim_end().to_owned()
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_changes_nothing() {
        let early = Controls::new(&plan(), StopSwitch::default());
        assert_eq!(early.pause("closed"), Err(Refused::TooEarly));
        let (controls, helms) = begun();
        for (refused, message) in [
            (
                controls.pause("close"),
                "there is no scenario `close`: there are by_hand, closed, open",
            ),
            (controls.scale("open", 1), "`open` is open: its plan says when iterations start"),
            (controls.scale("closed", 3), "`closed` has at most 2 users, not 3"),
        ] {
            assert_eq!(refused.unwrap_err().to_string(), message);
        }
        assert_eq!(helms.iter().map(level).collect::<Vec<_>>(), [None; 3]);
    }

    #[test]
    fn an_open_scenario_takes_a_rate_and_a_closed_one_none() {
        let (controls, helms) = begun();
        let rate = |scenario: &str, per_s| {
            let done = controls.steer(&Command::Rate { scenario: scenario.to_owned(), per_s });
            done.err().unwrap_or_default()
        };
        assert_eq!(rate("open", 7.5), "");
        assert_eq!(level(&helms[2]), Some(7.5));
        assert_eq!(controls.paced()[0].per_s, Some(7.5));
        assert!(rate("closed", 1.0).contains("no rate to be set"));
        for slip in [20.5, -1.0, f64::NAN, f64::INFINITY] {
            assert!(rate("open", slip).starts_with("`open` starts 0 to 20 iterations"));
        }
        assert_eq!(level(&helms[2]), Some(7.5));
        let mut info =
            RunInfo { scenarios: crate::results::ScenarioInfo::all(&plan()), ..RunInfo::default() };
        controls.add_stages(&mut info);
        assert_eq!(info.scenarios[2].stages[0].name, "7.5/s");
    }

    #[test]
    fn a_run_that_is_not_all_manual_was_stopped_before_its_plan_was_done() {
        let switch = StopSwitch::default();
        Controls::new(&plan(), switch.clone()).stop();
        assert_eq!(switch.watch().borrow().reason(), Some(&StopReason::Signal));
    }
}
