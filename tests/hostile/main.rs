//! Servers that do every wrong there is, against the built binary: each wrong is its error
//! category, the run goes on, memory stays bounded, and no law of counting is broken (exit 70).

#[path = "../common/mod.rs"]
mod common;

mod artefacts;
mod bombs;
mod lies;
mod texts;
mod wrongs;

use std::io;

use common::server::{Peer, answer, server, target};
use common::{Folder, Ran};
use serde_json::Value as Json;

/// A wrong and what it must come to.
struct Wrong {
    name: &'static str,
    /// The error category; none if it is no error after all.
    category: Option<&'static str>,
    /// Part of the message; empty if there is none.
    message: &'static str,
    /// More options of the call, as Lua fields.
    options: &'static str,
    /// Sends the answer, whatever that is. Then the connection is closed, of which a whole answer
    /// had better warn: see [`last`].
    serve: fn(&mut Peer) -> io::Result<()>,
}

/// Times that the wrong is met.
const TIMES: u64 = 6;

/// Most memory of a run with two users [bytes]: the tool alone has 20 MiB in a debug build.
const MOST_MEMORY: u64 = 80 << 20;

/// Whatever the path `/wrong` is met with, `/right` must work before and after.
fn meet(wrong: &Wrong) -> (Ran, Json) {
    let serve = wrong.serve;
    let url = server(move |mut peer| {
        loop {
            let request = peer.request()?;
            match target(&request) {
                "/right" => peer.send(answer("200 OK", "right"))?,
                _ => break,
            }
        }
        serve(&mut peer)
    });
    let (ran, summary) = script(wrong.options).summary(&["--base-url", &url, "--threads", "1"]);
    check_books(wrong, &ran, &summary);
    (ran, summary)
}

fn script(options: &str) -> Folder {
    Folder::new(&format!(
        "local lt = require 'loadtool'\n\
         local function right() lt.expect(lt.http.get '/right', {{ status = 200, body_contains = 'right' }}) end\n\
         local function go()\n\
           right()\n\
           local r = lt.http.get('/wrong', {{ timeout = '150ms', {options} }})\n\
           lt.check(r, {{ ['has a body'] = type(r.body) == 'string' }})\n\
           right()\n\
         end\n\
         return {{ thresholds = {{}}, scenarios = {{ a = {{ run = go, load = {{ vus = 2, iterations = {TIMES} }} }} }} }}"
    ))
}

fn check_books(wrong: &Wrong, ran: &Ran, summary: &Json) {
    let name = wrong.name;
    assert_eq!(ran.status.code(), Some(0), "{name}: {ran:?}");
    assert_eq!(summary["scenarios"][0]["iterations"]["completed"], TIMES, "{name}");
    for call in summary["requests"].as_array().expect("a list") {
        let right = call["name"] == "/right";
        let count = if right { 2 * TIMES } else { TIMES };
        let failed = if right || wrong.category.is_none() { 0 } else { TIMES };
        assert_eq!(
            (&call["count"], &call["failed"]),
            (&count.into(), &failed.into()),
            "{name}: {call}"
        );
    }
    let errors = summary["errors"].as_array().expect("a list");
    let met: u64 = errors.iter().map(|error| error["count"].as_u64().expect("a count")).sum();
    assert_eq!(met, if wrong.category.is_some() { TIMES } else { 0 }, "{name}: {errors:#?}");
    for error in errors {
        assert_eq!(error["category"].as_str(), wrong.category, "{name}: {error}");
        let message = error["message"].as_str().expect("a text");
        assert!(message.contains(wrong.message), "{name}: {message}");
    }
    if let Some(peak) = ran.peak {
        assert!(peak < MOST_MEMORY, "{name}: {} MiB", peak >> 20);
    }
}

fn meet_all(wrongs: &[Wrong]) {
    for wrong in wrongs {
        meet(wrong);
    }
}

/// A whole answer that says that the connection ends.
fn last(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    answer(&format!("{head}\nconnection: close"), body)
}
