//! What a search steers: one scenario, or all of them in proportion to the loads that the script
//! gives them. Those become loads that can follow any level within its reach; others stay.
//!
//! Shares are of planned rates, if the axis is one of rates and every scenario has a rate, and of
//! numbers of users, if it is one of users and every scenario has those; else of whichever all of
//! them have. Where scenarios have now this and now that, there is no proportion.

use std::time::Duration;

use super::check_vus;
use super::flags::picked;
use crate::diagnostic::Diagnostic;
use crate::plan::open::{MAX_RATE, Shape};
use crate::plan::read::Report;
use crate::plan::search::{Axis, Part, Reach};
use crate::plan::{Load, OpenLoad, Scenario, Start};

/// Users that may be made for all scenarios together unless it is said: ten times the highest rate,
/// within these.
const MAX_VUS: std::ops::RangeInclusive<u64> = 100..=10_000;

/// The scenarios as a search needs them, and which of them it steers.
pub(super) fn apply(
    report: &Report<'_>,
    reach: &Reach,
    mut scenarios: Vec<Scenario>,
) -> (Vec<Scenario>, Vec<Part>) {
    let parts = match &reach.scenario {
        Some(name) => picked(report, name, &scenarios)
            .map(|scenario| vec![Part { scenario, share: 1.0 }])
            .ok_or(None),
        None if scenarios.len() == 1 => Ok(vec![Part { scenario: 0, share: 1.0 }]),
        None => in_proportion(reach.axis, &scenarios).map_err(Some),
    };
    let parts = parts.unwrap_or_else(|fault| {
        fault.into_iter().for_each(|fault| report.note(fault));
        Vec::new()
    });
    if let Err(fault) = check(reach) {
        report.note(fault);
    }
    let max_vus = reach.max_vus.unwrap_or_else(|| usual_vus(reach.to, parts.len()));
    for part in &parts {
        let scenario = &mut scenarios[part.scenario];
        scenario.load = load(reach, part.share, max_vus, &scenario.load);
        scenario.start = Start { after: None, offset: Duration::ZERO };
        scenario.warmup = Duration::ZERO; // each level has its own
    }
    (scenarios, parts)
}

/// Levels that no scenario could have.
fn check(reach: &Reach) -> Result<(), Diagnostic> {
    let fault = |message: String| Err(Diagnostic::new(message).hint("try lower levels"));
    match reach.axis {
        Axis::Rate if reach.to > MAX_RATE => {
            fault("a level is at most 1,000,000 iterations per second".to_owned())
        }
        Axis::Rate => reach.max_vus.map_or(Ok(()), check_vus).map_err(|message| {
            let fault = Diagnostic::new(format!("max_vus: {message}"));
            fault.hint("write for example --max-vus 200")
        }),
        Axis::Users => check_vus(reach.to.ceil() as u64).or_else(|message| fault(message.into())),
    }
}

/// Each scenario's share of a level.
fn in_proportion(axis: Axis, scenarios: &[Scenario]) -> Result<Vec<Part>, Diagnostic> {
    const PICK: &str = "pick one with --scenario NAME, or `search = { scenario = … }`";
    if let Some(later) = scenarios.iter().find(|scenario| scenario.start.after.is_some()) {
        let message = format!(
            "several scenarios are scaled together, but `{}` begins when another has ended",
            later.name
        );
        return Err(Diagnostic::new(message).hint(PICK));
    }
    let all =
        |of: fn(&Scenario) -> Option<f64>| scenarios.iter().map(of).collect::<Option<Vec<_>>>();
    let weights = match axis {
        Axis::Rate => all(rate).or_else(|| all(users)),
        Axis::Users => all(users).or_else(|| all(rate)),
    };
    let Some(weights) = weights else {
        let told = |scenario: &Scenario| format!("{} {}", scenario.name, scenario.load);
        let loads: Vec<String> = scenarios.iter().map(told).collect();
        let message = format!(
            "some scenarios have a rate and some have users, which are no proportion: {}",
            loads.join("; ")
        );
        return Err(Diagnostic::new(message).hint(PICK));
    };
    let sum: f64 = weights.iter().sum();
    let part = |(scenario, weight)| Part { scenario, share: weight / sum };
    Ok(weights.into_iter().enumerate().map(part).collect())
}

/// Iterations per second that the script plans at the peak.
fn rate(scenario: &Scenario) -> Option<f64> {
    match &scenario.load {
        Load::Open(open) => Some(open.profile().peak()),
        closed => scenario.pace().map(|pace| closed.peak_vus() as f64 / pace.as_secs_f64()),
    }
}

/// Users that the script plans at the peak.
fn users(scenario: &Scenario) -> Option<f64> {
    (!scenario.load.is_open()).then(|| scenario.load.peak_vus() as f64)
}

/// Users of each of several scenarios that may be made for a rate, unless it is said.
fn usual_vus(to: f64, scenarios: usize) -> u64 {
    let all = ((10.0 * to).ceil() as u64).clamp(*MAX_VUS.start(), *MAX_VUS.end());
    (all / scenarios.max(1) as u64).max(*MAX_VUS.start())
}

/// A load that can be steered to any level; of an open one, arrivals stay as they were.
fn load(reach: &Reach, share: f64, max_vus: u64, script: &Load) -> Load {
    let duration = reach.length;
    match reach.axis {
        Axis::Users => {
            Load::ConstantVus { vus: (reach.to * share).ceil().max(1.0) as u64, duration }
        }
        Axis::Rate => {
            let shape = Shape::Constant { rate: reach.from * share, duration };
            let mut load = OpenLoad::usual(shape, Duration::from_secs(1), None);
            load.max_vus = max_vus;
            if let Load::Open(own) = script {
                (load.arrivals, load.late_after) = (own.arrivals, own.late_after);
                load.vus = own.vus.min(load.max_vus);
            }
            Load::Open(load)
        }
    }
}
