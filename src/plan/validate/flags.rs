//! Flags of the command line that replace a scenario's load.

use std::time::Duration;

use super::load::{GRACEFUL_RAMP_DOWN, MAX_DURATION};
use super::{check_vus, check_warmup};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::plan::draft::Flags;
use crate::plan::open::{MAX_RATE, Shape};
use crate::plan::profile::Profile;
use crate::plan::read::{Fields, Report};
use crate::plan::{Load, OpenLoad, Scenario, Stage};

/// What is wrong with flags, and what to do.
type Fault = (String, &'static str);

/// What rates of the command line are per.
const SECOND: Duration = Duration::from_secs(1);

/// Whether flags replace the load of the scenario `fields`.
pub(super) fn replaces(fields: &Fields<'_, '_>) -> bool {
    let flags = &fields.report.draft.flags;
    let name = fields.path.to_string();
    let is_picked = |picked: &String| name == format!("scenarios.{picked}");
    match &flags.search {
        Some(reach) => reach.scenario.as_ref().is_some_and(is_picked),
        None => flags.change_load() && flags.scenario.as_ref().is_none_or(is_picked),
    }
}

/// Where the scenario is that `--scenario` names, or a fault.
pub(super) fn picked(report: &Report<'_>, name: &str, scenarios: &[Scenario]) -> Option<usize> {
    let names = || scenarios.iter().map(|scenario| &*scenario.name);
    let found = names().position(|known| known == name);
    if found.is_none() && !scenarios.is_empty() {
        let hint = did_you_mean(name, names())
            .unwrap_or_else(|| format!("there are: {}", names().collect::<Vec<_>>().join(", ")));
        let message = format!("--scenario: there is no scenario `{name}`");
        report.note(Diagnostic::new(message).hint(hint));
    } // without any, a fault was noted already
    found
}

/// Replaces the load that the flags are for.
pub(super) fn apply(report: &Report<'_>, mut scenarios: Vec<Scenario>) -> Vec<Scenario> {
    let flags = &report.draft.flags;
    let fault = |message: String, hint: String| report.note(Diagnostic::new(message).hint(hint));
    let at = match &flags.scenario {
        Some(name) => {
            let at = picked(report, name, &scenarios);
            if at.is_some() && !flags.change_load() {
                let message =
                    format!("--scenario {name} picks whose load is replaced, but none is given");
                fault(message, "add --vus, --rate, --duration, --iterations or --stage".to_owned());
            }
            at
        }
        None if flags.change_load() && scenarios.len() > 1 => {
            let names: Vec<&str> = scenarios.iter().map(|scenario| &*scenario.name).collect();
            let names = names.join(", ");
            let message = format!("{} is for one scenario, but there are {names}", flags.first());
            fault(message, "pick one with --scenario NAME".to_owned());
            None
        }
        None => (scenarios.len() == 1).then_some(0),
    };
    if let Some(scenario) = at.filter(|_| flags.change_load()).map(|at| &mut scenarios[at]) {
        let faults = flags.faults();
        let load = if faults.is_empty() { Some(flags.load(&scenario.load)) } else { None };
        match load {
            Some(Ok(load)) => scenario.load = load,
            Some(Err((message, hint))) => fault(message, hint.to_owned()),
            None => {}
        }
        faults.into_iter().for_each(|(message, hint)| fault(message, hint.to_owned()));
        if let Err(message) = check_warmup(scenario) {
            fault(message, "give a longer --duration".to_owned());
        }
    }
    scenarios
}

impl Flags {
    /// Whether a load is given.
    fn change_load(&self) -> bool {
        self.vus.is_some()
            || self.rate.is_some()
            || self.max_vus.is_some()
            || self.duration.is_some()
            || self.iterations.is_some()
            || self.profile.is_some()
            || !self.stages.is_empty()
    }

    /// One of them that was given.
    fn first(&self) -> &'static str {
        match self {
            Flags { vus: Some(_), .. } => "--vus",
            Flags { rate: Some(_), .. } => "--rate",
            Flags { max_vus: Some(_), .. } => "--max-vus",
            Flags { duration: Some(_), .. } => "--duration",
            Flags { iterations: Some(_), .. } => "--iterations",
            Flags { profile: Some(_), .. } => "--profile",
            _ => "--stage",
        }
    }

    /// The load that they make of the script's; what they do not say stays where it still means
    /// something. The error is a message and a hint.
    fn load(&self, script: &Load) -> Result<Load, Fault> {
        if self.is_open(script) {
            return self.open_load(script);
        }
        if let Some(profile) = self.profile {
            return self.profile_of_users(profile);
        }
        let vus = self.vus.unwrap_or_else(|| script.peak_vus());
        Ok(match (self, script) {
            (Flags { stages, .. }, _) if !stages.is_empty() => Load::RampingVus {
                start_vus: self.vus.unwrap_or(1),
                stages: named(stages),
                graceful_ramp_down: GRACEFUL_RAMP_DOWN,
            },
            (Flags { iterations: Some(iterations), duration, .. }, _) => Load::SharedIterations {
                vus,
                iterations: *iterations,
                max_duration: duration.unwrap_or(MAX_DURATION),
            },
            (
                Flags { duration: given, vus, .. },
                Load::Manual { vus: first, max_vus, duration },
            ) => {
                let vus = vus.unwrap_or(*first);
                let duration = given.unwrap_or(*duration);
                Load::Manual { vus, max_vus: vus.max(*max_vus), duration }
            }
            (Flags { duration: Some(duration), .. }, _) => {
                Load::ConstantVus { vus, duration: *duration }
            }
            (_, Load::ConstantVus { duration, .. }) => {
                Load::ConstantVus { vus, duration: *duration }
            }
            (_, Load::RampingVus { .. }) => Load::ConstantVus { vus, duration: script.length() },
            (_, Load::PerVuIterations { iterations, max_duration, .. }) => {
                Load::PerVuIterations { vus, iterations: *iterations, max_duration: *max_duration }
            }
            (_, Load::SharedIterations { iterations, max_duration, .. }) => {
                Load::SharedIterations { vus, iterations: *iterations, max_duration: *max_duration }
            }
            (_, Load::Open(_)) => unreachable!("is_open has said so"),
        })
    }

    /// Whether what they make of the script's load is an open one.
    fn is_open(&self, script: &Load) -> bool {
        let closes = self.iterations.is_some() || !self.stages.is_empty() || self.profile.is_some();
        self.rate.is_some() || self.max_vus.is_some() || (script.is_open() && !closes)
    }

    fn profile_of_users(&self, profile: Profile) -> Result<Load, Fault> {
        let peak = self.vus.ok_or_else(no_peak)?;
        let duration = self.duration.unwrap_or(profile.usual_duration());
        Ok(profile.users(peak, duration, GRACEFUL_RAMP_DOWN))
    }

    fn open_load(&self, script: &Load) -> Result<Load, Fault> {
        let script_open = match script {
            Load::Open(open) => Some(open),
            _ => None,
        };
        let shaped = |shape| match script_open {
            Some(open) => open.reshaped(shape, SECOND),
            None => OpenLoad::usual(shape, SECOND, self.vus),
        };
        let mut open = match (self.rate, self.profile, script_open) {
            (Some(peak), Some(profile), _) => {
                let duration = self.duration.unwrap_or(profile.usual_duration());
                shaped(profile.rates(peak, duration))
            }
            (None, Some(_), _) => return Err(no_peak()),
            (Some(rate), None, _) => {
                let Some(duration) = self.duration.or(script.is_timed().then(|| script.length()))
                else {
                    let message = "--rate does not say for how long".to_owned();
                    return Err((message, "add for example --duration 30s"));
                };
                shaped(Shape::Constant { rate, duration })
            }
            (None, None, Some(open)) => open.clone(),
            (None, None, None) => {
                let message = "--max-vus is for open loads, and this one is closed".to_owned();
                return Err((message, "add --rate, or use --vus"));
            }
        };
        open.vus = self.vus.unwrap_or(open.vus);
        open.max_vus = self.max_vus.unwrap_or(open.max_vus.max(open.vus));
        match (&mut open.shape, self.duration) {
            (_, None) => {}
            (Shape::Constant { duration, .. }, Some(given)) => *duration = given,
            _ if self.profile.is_some() => {}
            (Shape::Ramping { .. } | Shape::Curve { .. }, Some(_)) => {
                let what = if let Shape::Curve { .. } = open.shape { "curve" } else { "stages" };
                let message = format!("--duration does not go with the script's {what}");
                return Err((message, "give --rate too, for a constant rate"));
            }
        }
        if open.vus > open.max_vus {
            return Err(more_than(open.vus, open.max_vus));
        }
        check_vus(open.max_vus).map_err(|message| {
            (format!("--max-vus: {message}"), "write for example --max-vus 200")
        })?;
        Ok(Load::Open(open))
    }

    /// What is wrong with them whatever the script says, each by itself and together.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |wrong: bool, message: &str, hint| {
            faults.extend(wrong.then(|| (message.to_owned(), hint)));
        };
        check(
            self.rate.is_some_and(|rate| !(rate > 0.0 && rate <= MAX_RATE)),
            "--rate must be above 0 and at most 1,000,000 per second",
            "write for example --rate 50/s",
        );
        check(
            self.duration == Some(Duration::ZERO),
            "--duration must be above 0",
            "write for example --duration 30s",
        );
        check(
            self.iterations == Some(0),
            "--iterations must be at least 1",
            "write for example --iterations 100",
        );
        check(
            self.rate.is_some() && self.iterations.is_some(),
            "--rate and --iterations do not go together",
            "a rate lasts for a --duration; in a script it may have max_iterations",
        );
        check(
            self.profile.is_some() && self.iterations.is_some(),
            "--profile and --iterations do not go together",
            "a profile lasts for a --duration",
        );
        faults.extend(self.faults_of_users());
        faults.extend(self.faults_of_stages());
        faults
    }

    fn faults_of_users(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(Err(message)) = self.vus.filter(|_| self.stages.is_empty()).map(check_vus) {
            faults.push((format!("--vus: {message}"), "write for example --vus 20"));
        }
        if let Some(Err(message)) = self.max_vus.map(check_vus) {
            faults.push((format!("--max-vus: {message}"), "write for example --max-vus 200"));
        }
        if let (Some(vus), Some(most)) = (self.vus, self.max_vus)
            && vus > most
        {
            faults.push(more_than(vus, most));
        }
        faults
    }

    fn faults_of_stages(&self) -> Vec<Fault> {
        if self.stages.is_empty() {
            return Vec::new();
        }
        let others = [
            (self.profile.is_some(), "--profile"),
            (self.rate.is_some(), "--rate"),
            (self.max_vus.is_some(), "--max-vus"),
            (self.duration.is_some(), "--duration"),
            (self.iterations.is_some(), "--iterations"),
        ];
        let together = others.into_iter().filter(|(given, _)| *given).map(|(_, other)| {
            let message = format!("--stage and {other} do not go together");
            (message, "a ramp lasts as long as its stages; keep one of the two")
        });
        together.chain(self.check_stages().err()).collect()
    }

    fn check_stages(&self) -> Result<(), Fault> {
        let fault = |message: &str| {
            Err((format!("--stage: {message}"), "write for example --stage 30s:20 --stage 1m:20"))
        };
        if self.stages.iter().all(|(duration, _)| duration.is_zero()) {
            return fault("the stages last 0s in all");
        }
        if self.stages.iter().any(|(_, target)| !(target.fract() == 0.0 && *target >= 0.0)) {
            return fault("a number of users is whole and not below 0");
        }
        let peak = self.stages.iter().map(|(_, target)| *target as u64).chain(self.vus).max();
        check_vus(peak.unwrap_or(0)).or_else(fault)
    }
}

fn more_than(vus: u64, most: u64) -> Fault {
    let message = format!("--vus {vus} is more than the {most} of --max-vus");
    (message, "--vus are made beforehand; --max-vus is the most there may be")
}

fn no_peak() -> Fault {
    let message = "--profile does not say how high it goes".to_owned();
    (message, "add for example --vus 100, or --rate 50/s for an open load")
}

fn named(stages: &[(Duration, f64)]) -> Vec<Stage> {
    let stage = |(index, (duration, target)): (usize, &(Duration, f64))| Stage {
        duration: *duration,
        target: *target,
        name: (index + 1).to_string(),
    };
    stages.iter().enumerate().map(stage).collect()
}
