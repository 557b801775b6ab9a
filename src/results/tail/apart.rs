//! Which attribute the slowest have and the rest has not.
//!
//! - *Facts* (a peer, a row, a tag, a new connection): Fisher's exact test on how many of either have
//!   the value.
//! - *Shares of time* (phases, of a step those of its longest request; parts of `Server-Timing`, of a
//!   step its calls): the test of Mann and Whitney on the share of each pass's time. The slowest spend more of everything; what explains them is what
//!   they spend a larger *part* on.
//! - *Size* of the body: the same test on bytes.
//! - *Time* of the run: the shortest spans that hold half, three quarters or nine tenths of the
//!   slowest, and by Fisher's test how many of the rest lie in them.
//!
//! Everything that is tested in a series shares its chance of a false alarm (Bonferroni). A difference
//! must also be large: what is certain and tells nobody anything is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::words::told_span;
use super::{Cause, Mostly};
use crate::metrics::ledger::Entry;
use crate::metrics::statistics::{fisher_tail, median, normal_tail, rank_difference};
use crate::metrics::trace::Phases;

/// Shares must differ by so much: of time, of passes in a span, of passes with a value. A value that
/// is rare among the rest may explain fewer.
const TIME: f64 = 0.2;
const SPAN: f64 = 0.3;
const VALUE: f64 = 0.2;
const RARE_VALUE: (f64, f64) = (0.1, 3.0);

/// Of the slowest's time a part must be so much.
const OF_TIME: f64 = 0.3;

/// Bodies must be so many times as large, and larger in so many pairs.
const SIZE: (f64, f64) = (1.5, 0.75);

/// Values that fewer of the slowest have are not looked at.
const LEAST_HITS: u64 = 3;

/// How much of the slowest spans of time hold.
const SPANS: [f64; 3] = [0.9, 0.75, 0.5];

/// Things that are told of one series.
const MOST: usize = 4;

/// The slowest passes, and a sample of the rest.
#[derive(Debug)]
pub struct Passes {
    pub slowest: Vec<Arc<Entry>>,
    pub rest: Vec<Arc<Entry>>,
    pub of: Of,
}

/// What passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Call,
    Step,
}

impl Of {
    /// How its time is parted by what a request waits for.
    fn phases(self) -> fn(&Entry) -> Times<'_> {
        match self {
            Of::Call => phases_of_call,
            Of::Step => phases_of_request,
        }
    }
}

/// The phase that most of the slowest's time goes to; `None` where no phase is known.
pub fn mostly(passes: &Passes) -> Option<Mostly> {
    let phases = passes.of.phases();
    let names = passes.slowest.iter().map(|entry| phases(entry)).find(|all| !all.is_empty())?;
    let time = |entry: &Entry, name: &str| -> f64 {
        let own = phases(entry).into_iter().find(|(phase, _)| *phase == name);
        own.map_or(0.0, |(_, micros)| f64::from(micros))
    };
    let in_phase = |name: &str| {
        let shares =
            passes.slowest.iter().map(|one| time(one, name) / f64::from(one.micros.max(1)));
        let share = shares.sum::<f64>() / passes.slowest.len() as f64;
        let [slowest_p50_ms, rest_p50_ms] = [&passes.slowest, &passes.rest].map(|list| {
            let times: Vec<f64> = list.iter().map(|one| time(one, name)).collect();
            median(&times).unwrap_or_default() / 1e3
        });
        Mostly { phase: name.to_owned(), share: share.min(1.0), slowest_p50_ms, rest_p50_ms }
    };
    let all = names.into_iter().map(|(name, _)| in_phase(name));
    all.max_by(|a, b| a.share.total_cmp(&b.share))
}

/// What was tested, how likely so much is by chance, and how far the two differ.
struct Tested {
    cause: Cause,
    likely: f64,
    /// 0 if it is too little to matter.
    strength: f64,
}

/// What sets the slowest apart, the clearest first, with so much of a chance of an error.
pub fn causes(passes: &Passes, chance: f64) -> Vec<Cause> {
    let mut tested: Vec<Tested> = facts(passes);
    tested.extend(shares(passes, "part", parts));
    tested.extend(shares(passes, "phase", passes.of.phases()));
    tested.extend(size(passes));
    tested.extend(time(passes));
    let chance = chance / tested.len().max(1) as f64;
    tested.retain(|one| one.strength > 0.0 && one.likely < chance);
    let parts_are_known = tested.iter().any(|one| one.cause.kind == "part");
    // What the target says of itself is more than that it was waited for.
    tested.retain(|one| !(parts_are_known && one.cause.name == "wait"));
    tested.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    tested.truncate(MOST);
    tested.into_iter().map(|one| one.cause).collect()
}

/// Each value that any pass has.
fn facts(passes: &Passes) -> Vec<Tested> {
    let mut counts = BTreeMap::<(&str, &str), (u64, u64)>::new();
    for entry in &passes.slowest {
        entry
            .facts
            .iter()
            .for_each(|(kind, value)| counts.entry((kind, value)).or_default().0 += 1);
    }
    for entry in &passes.rest {
        entry
            .facts
            .iter()
            .for_each(|(kind, value)| counts.entry((kind, value)).or_default().1 += 1);
    }
    let (slow, rest) = (passes.slowest.len() as u64, passes.rest.len() as u64);
    let test = |((kind, value), (hits, others)): ((&str, &str), (u64, u64))| {
        let (slowest, of_rest) = (hits as f64 / slow as f64, others as f64 / rest as f64);
        let more = slowest - of_rest;
        let rare = more >= RARE_VALUE.0 && slowest >= RARE_VALUE.1 * of_rest;
        let matters = hits >= LEAST_HITS && (more >= VALUE || rare);
        let cause = Cause {
            kind: "fact".into(),
            name: kind.to_owned(),
            value: value.to_owned(),
            slowest,
            rest: of_rest,
        };
        let likely = match matters {
            true => fisher_tail(hits, slow, hits + others, slow + rest),
            false => 1.0,
        };
        Tested { cause, likely, strength: if matters { more } else { 0.0 } }
    };
    counts.into_iter().map(test).collect()
}

/// Names and times [µs].
type Times<'e> = Vec<(&'e str, u32)>;

fn parts(entry: &Entry) -> Times<'_> {
    entry.parts.iter().map(|(name, micros)| (&**name, *micros)).collect()
}

/// A call's time by what it went to.
fn phases_of_call(entry: &Entry) -> Times<'_> {
    let mut phases = phases_of_request(entry);
    if !phases.is_empty() {
        let p = &entry.phases;
        let last = [p.blocked, p.send, p.wait, p.receive].into_iter().fold(0, u32::saturating_add);
        phases.push(("redirects and retries", entry.micros.saturating_sub(last)));
    }
    phases
}

/// The same of the one request that is known; none of a pass without any.
fn phases_of_request(entry: &Entry) -> Times<'_> {
    let p = &entry.phases;
    if *p == Phases::default() {
        return Vec::new();
    }
    let set_up = p.dns.saturating_add(p.connect).saturating_add(p.tls);
    vec![
        ("dns", p.dns),
        ("connect", p.connect),
        ("tls", p.tls),
        ("waiting for a connection", p.blocked.saturating_sub(set_up)),
        ("send", p.send),
        ("wait", p.wait),
        ("receive", p.receive),
    ]
}

/// Each part of the time that any pass has.
fn shares(passes: &Passes, kind: &str, parts: fn(&Entry) -> Times<'_>) -> Vec<Tested> {
    let mut names: Vec<&str> = Vec::new();
    for entry in passes.slowest.iter().chain(&passes.rest) {
        for (name, _) in parts(entry) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let test = |name: &str| {
        let of = |entry: &Entry| -> f64 {
            let own = parts(entry).into_iter().filter(|(part, _)| *part == name);
            let sum: f64 = own.map(|(_, micros)| f64::from(micros)).sum();
            sum.min(f64::from(entry.micros))
        };
        // Pass by pass, so that a few slow ones among the rest do not outweigh it.
        let [slow, rest] = [&passes.slowest, &passes.rest].map(|list| -> Vec<f64> {
            list.iter().map(|one| of(one) / f64::from(one.micros.max(1))).collect()
        });
        let mean = |shares: &[f64]| shares.iter().sum::<f64>() / shares.len().max(1) as f64;
        let (_, z) = rank_difference(&slow, &rest).unwrap_or_default();
        let (slowest, rest) = (mean(&slow), mean(&rest));
        let more = slowest - rest;
        let matters = more >= TIME && slowest >= OF_TIME;
        let (kind, name) = (kind.to_owned(), name.to_owned());
        let cause = Cause { kind, name, value: String::new(), slowest, rest };
        Tested { cause, likely: normal_tail(z), strength: if matters { more } else { 0.0 } }
    };
    names.into_iter().map(test).collect()
}

fn size(passes: &Passes) -> Option<Tested> {
    let sizes = |list: &[Arc<Entry>]| list.iter().map(|one| one.bytes as f64).collect::<Vec<_>>();
    let (slow, rest) = (sizes(&passes.slowest), sizes(&passes.rest));
    let (wins, z) = rank_difference(&slow, &rest)?;
    let (slowest, of_rest) = (median(&slow)?, median(&rest)?);
    let matters = slowest >= SIZE.0 * of_rest && wins >= SIZE.1 && slowest > 0.0;
    let cause = Cause { kind: "size".into(), slowest, rest: of_rest, ..Cause::default() };
    let strength = if matters { 2.0 * wins - 1.0 } else { 0.0 };
    Some(Tested { cause, likely: normal_tail(z), strength })
}

/// Of the spans that hold much of the slowest the one that holds least of the rest besides.
fn time(passes: &Passes) -> Option<Tested> {
    let mut slow: Vec<u32> = passes.slowest.iter().map(|entry| entry.at_ms).collect();
    slow.sort_unstable();
    let tests = (SPANS.len() * slow.len()) as f64;
    let spans = SPANS.into_iter().filter_map(|share| {
        let many = (share * slow.len() as f64).ceil() as usize;
        let width = |span: &&[u32]| span[many - 1] - span[0];
        let span = slow.windows(many.max(1)).min_by_key(width)?;
        let (from, to) = (span[0], span[many - 1]);
        let holds = |at: u32| (from..=to).contains(&at);
        let inside = slow.iter().filter(|at| holds(**at)).count() as u64;
        let others = passes.rest.iter().filter(|entry| holds(entry.at_ms)).count() as u64;
        let (n, m) = (slow.len() as u64, passes.rest.len() as u64);
        let (slowest, rest) = (inside as f64 / n as f64, others as f64 / m as f64);
        let value = told_span(from, to);
        let cause = Cause { kind: "time".into(), value, slowest, rest, ..Cause::default() };
        let likely = fisher_tail(inside, n, inside + others, n + m) * tests;
        let more = slowest - rest;
        Some(Tested { cause, likely, strength: if more >= SPAN { more } else { 0.0 } })
    });
    spans.max_by(|a, b| a.strength.total_cmp(&b.strength))
}
