//! What is known of a call or a step that was chosen for the tail's ledger. Nearly none is, so that
//! this may take its time.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::Host;
use super::call::Call;
use super::user::{OpenStep, User};
use crate::http::{Response, server_timing};
use crate::metrics::recorder::Traits;
use crate::metrics::trace::Phases;
use crate::metrics::{NameId, Recorder, Sent, What};

/// Bodies below this are not worth compressing.
const WORTH_COMPRESSING: u64 = 1024;

/// Calls of a step that are told apart.
const MOST_PARTS: usize = 16;

/// Of a call that has its answer, `at` since the run began.
#[cold]
pub fn of_call(call: &Call, response: &Response, peer: NameId, at: Duration) -> Traits {
    let times = &response.timings;
    let mut facts = facts_of(response.peer.is_some().then_some(response.reused), response.status);
    if response.hops > 0 {
        facts.push(("redirects", response.hops.to_string()));
    }
    let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    let told = |(name, time)| (name, micros(time));
    Traits {
        at,
        duration: response.duration,
        phases: Phases::of([
            times.blocked,
            times.dns,
            times.connect,
            times.tls,
            times.send,
            times.wait,
            times.receive,
        ]),
        parts: server_timing::parts(&response.headers).into_iter().map(told).collect(),
        facts,
        peer,
        rows: rows(&call.host, &call.user),
        bytes: response.size,
        plain: is_plain(response),
    }
}

/// Of a pass of a step that took so long: where its time went, and of its longest request what is
/// known of a call. (What `Server-Timing` said is not: nobody reads it before a call is chosen.)
#[cold]
pub fn of_step(
    host: &Host,
    user: &User,
    step: &OpenStep,
    duration: Duration,
    recorder: &Recorder,
) -> Traits {
    let mut parts: Vec<(String, u32)> = Vec::new();
    let mut longest: Option<(Duration, Sent<NameId>)> = None;
    let trace = user.trace.borrow();
    for event in trace.iter().flat_map(|trace| trace.since(step.mark)) {
        let name = match event.what {
            What::Request(sent) => {
                if longest.is_none_or(|(length, _)| event.length > length) {
                    longest = Some((event.length, sent));
                }
                format!("{} {}", recorder.text(sent.method), recorder.text(sent.name))
            }
            What::Sleep => "lt.sleep".to_owned(),
            What::Step | What::Think => continue,
        };
        let micros = u32::try_from(event.length.as_micros()).unwrap_or(u32::MAX);
        match parts.iter().position(|(known, _)| *known == name) {
            Some(known) => parts[known].1 = parts[known].1.saturating_add(micros),
            None if parts.len() < MOST_PARTS => parts.push((name, micros)),
            None => {}
        }
    }
    let at = host.shared.offset(step.began);
    let traits = Traits { at, duration, parts, rows: rows(host, user), ..Traits::default() };
    match longest {
        Some((_, Sent { peer, reused, status, phases, bytes_received: bytes, .. })) => {
            let facts = facts_of((!peer.is_none()).then_some(reused), status);
            Traits { phases, peer, bytes, facts, ..traits }
        }
        None => traits,
    }
}

/// On which connection, if there was one, and with which status, if it was answered.
fn facts_of(reused: Option<bool>, status: u16) -> Vec<(&'static str, String)> {
    let connection = reused.map(|reused| if reused { "reused" } else { "new" }.to_owned());
    let status = (status != 0).then(|| status.to_string());
    let connection = connection.map(|connection| ("connection", connection));
    connection.into_iter().chain(status.map(|status| ("status", status))).collect()
}

/// The rows that a user took last, of each pool.
fn rows(host: &Host, user: &User) -> Vec<(NameId, usize)> {
    let titles = host.pools.borrow();
    let row = |&(pool, row): &(usize, usize)| (titles[pool], row + 1);
    user.rows.borrow().iter().map(row).collect()
}

/// Whether a body is text of some size that came as it is though we take it compressed.
fn is_plain(response: &Response) -> bool {
    let content = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_text = content.is_some_and(|content| {
        let content = content.to_ascii_lowercase();
        content.starts_with("text/")
            || ["json", "xml", "javascript"].iter().any(|kind| content.contains(kind))
    });
    is_text
        && response.size >= WORTH_COMPRESSING
        && response.request.options.compression
        && !response.headers.contains_key(CONTENT_ENCODING)
}
