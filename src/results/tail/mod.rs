//! What sets the slowest calls and steps apart from the rest.
//!
//! [`apart`] holds the two lists of a [`Ledger`] against each other, [`words`] tells what was found;
//! here each series gets its two lists.

mod apart;
mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::apart::{Of, Passes, causes, mostly};
use super::run_info::RunInfo;
use super::summary::Request;
use crate::metrics::Window;
use crate::metrics::ledger::{Entry, Ledger, ONE_IN};
use crate::metrics::statistics::median;

/// Fewer slow passes say nothing; of so few passes in all they would be more than one in 20.
const LEAST_SLOW: usize = 20;
const MOST_OF_ALL: f64 = 0.05;

/// A tail that is no longer than this, as a multiple of the rest's median, is none.
const LEAST_TAIL: f64 = 1.5;

/// One that begins at so many times the rest's median, and so much later [ms], is told even if
/// nothing sets it apart.
const LONG: (f64, f64) = (10.0, 5.0);

/// How often a run whose tails have no cause is told one, all its series together.
const FALSE_ALARMS: f64 = 0.001;

/// The slowest passes of one call or step, held against the rest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tail {
    /// Its scenario.
    pub scenario: String,
    /// Path of its step; empty outside steps.
    pub step: String,
    /// URL with its parameters folded; empty of a step.
    pub name: String,
    /// `GET`, …; empty of a step.
    pub method: String,
    /// Passes in all.
    pub count: u64,
    /// Which part of them the slowest are: 0.01, or more of few.
    pub slowest_share: f64,
    /// The fastest of the slowest.
    pub slowest_from_ms: f64,
    /// Median of a sample of the rest.
    pub rest_p50_ms: f64,
    /// How many of them were looked at.
    pub looked_at: LookedAt,
    /// What they have in common and the rest has not, the clearest first; none if nothing sets
    /// them apart.
    pub causes: Vec<Cause>,
    /// Where most of their time goes; absent where no request is known of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mostly: Option<Mostly>,
}

/// The phase that most of the slowest's time goes to. That alone sets nobody apart: it may well be
/// where the rest's time goes, too.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mostly {
    /// `wait`, `connect`, …; of a step those of its longest request.
    pub phase: String,
    /// Its part of their time, on average.
    pub share: f64,
    /// How long it takes, in the median.
    pub slowest_p50_ms: f64,
    /// The same of the rest.
    pub rest_p50_ms: f64,
}

/// How many passes of either kind were held against the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LookedAt {
    /// Of the slowest.
    pub slowest: u64,
    /// Of the rest.
    pub rest: u64,
}

/// One thing that sets the slowest apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cause {
    /// `phase`, `part` (of `Server-Timing`, or a call of a step), `fact` (a peer, a row, a tag, …),
    /// `size` or `time`.
    pub kind: String,
    /// Which: `wait`, `db`, `peer`, `row of users.csv`; empty of `size` and `time`.
    pub name: String,
    /// Of a fact, its value: `127.0.0.2:80`; of a time from when to when.
    pub value: String,
    /// Of a phase or part, its share of the time of the slowest; of a fact or time, the share of
    /// them that have it; of a size the median [bytes].
    pub slowest: f64,
    /// The same of the rest.
    pub rest: f64,
}

/// Every call and step of which there were enough passes, in the order of the ledgers.
pub fn tails(totals: &Window, run: &RunInfo) -> Vec<Tail> {
    let ready: Vec<(&Ledger, Passes)> =
        totals.ledgers.iter().filter_map(|ledger| Some((ledger, passes(ledger)?))).collect();
    let chance = FALSE_ALARMS / ready.len().max(1) as f64;
    let tail = |(ledger, passes): (&Ledger, Passes)| tail(ledger, &passes, chance, run);
    ready.into_iter().filter_map(tail).collect()
}

fn tail(ledger: &Ledger, passes: &Passes, chance: f64, run: &RunInfo) -> Option<Tail> {
    let subject = &ledger.subject;
    let from = passes.slowest.iter().map(|entry| entry.micros).min()?;
    let rest: Vec<f64> = passes.rest.iter().map(|entry| f64::from(entry.micros)).collect();
    let rest_p50 = median(&rest)?;
    let scenario = run.scenarios.get(usize::from(subject.scenario))?;
    let is_tail = f64::from(from) >= LEAST_TAIL * rest_p50;
    Some(Tail {
        scenario: scenario.name.to_string(),
        step: subject.step.to_string(),
        name: subject.name.to_string(),
        method: subject.method.to_string(),
        count: ledger.seen,
        slowest_share: passes.slowest.len() as f64 / ledger.counted(),
        slowest_from_ms: f64::from(from) / 1e3,
        rest_p50_ms: rest_p50 / 1e3,
        looked_at: LookedAt {
            slowest: passes.slowest.len() as u64,
            rest: passes.rest.len() as u64,
        },
        causes: if is_tail { causes(passes, chance) } else { Vec::new() },
        mostly: mostly(passes),
    })
}

/// The slowest of a ledger and a sample of the rest, if there are enough of either.
fn passes(ledger: &Ledger) -> Option<Passes> {
    let mut slowest: Vec<Arc<Entry>> =
        ledger.slowest.iter().map(|(_, entry)| entry.clone()).collect();
    slowest.sort_by_key(|entry| std::cmp::Reverse(entry.micros));
    let counted = ledger.counted();
    let wanted = (counted / ONE_IN as f64).round() as usize;
    slowest.truncate(wanted.max(LEAST_SLOW));
    let enough = slowest.len() >= LEAST_SLOW && slowest.len() as f64 <= MOST_OF_ALL * counted;
    let from = slowest.last()?.micros;
    let others = ledger.sample.iter().filter(|(_, entry)| entry.micros < from);
    let rest: Vec<Arc<Entry>> = others.map(|(_, entry)| entry.clone()).collect();
    let of = if ledger.subject.method.is_empty() { Of::Step } else { Of::Call };
    (enough && rest.len() >= LEAST_SLOW).then_some(Passes { slowest, rest, of })
}

/// Calls with what a sample of their answers tells about compression.
pub fn with_plain_shares(
    mut requests: Vec<Request>,
    totals: &Window,
    run: &RunInfo,
) -> Vec<Request> {
    for ledger in &totals.ledgers {
        let subject = &ledger.subject;
        let scenario = run.scenarios.get(usize::from(subject.scenario)).map(|one| &*one.name);
        let is_of = |request: &&mut Request| {
            let names = [&request.step, &request.name, &request.method];
            let subjects = [&subject.step, &subject.name, &subject.method];
            Some(&*request.scenario) == scenario
                && names.iter().zip(subjects).all(|(own, other)| ***own == **other)
        };
        if let Some(request) = requests.iter_mut().find(is_of) {
            request.uncompressed_percent = plain_share(ledger).map(|share| share * 100.0);
        }
    }
    requests
}

/// Of what answers of a call are bodies of text that came uncompressed though we take them
/// compressed; null without a sample.
fn plain_share(ledger: &Ledger) -> Option<f64> {
    let plain = ledger.sample.iter().filter(|(_, entry)| entry.plain).count();
    let all = ledger.sample.len();
    (all > 0).then(|| plain as f64 / all as f64)
}

/// Those of which there is anything to be told: first what is set apart, then by their times.
pub fn told(tails: &[Tail]) -> Vec<&Tail> {
    let mut told: Vec<&Tail> = tails.iter().filter(|tail| tail.is_told()).collect();
    told.sort_by(|a, b| {
        let unknown = a.causes.is_empty().cmp(&b.causes.is_empty());
        unknown.then(b.slowest_from_ms.total_cmp(&a.slowest_from_ms))
    });
    told
}

impl Tail {
    /// Whether there is anything to be told of it.
    pub fn is_told(&self) -> bool {
        let (from, rest) = (self.slowest_from_ms, self.rest_p50_ms);
        !self.causes.is_empty() || (from >= LONG.0 * rest && from - rest >= LONG.1)
    }
}

#[cfg(test)]
mod tests;
