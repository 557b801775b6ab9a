//! A worker that never gives its thread back ends the run, with its report, after ten seconds; one
//! that was merely suspended does not.

#[path = "common/mod.rs"]
mod common;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{park_timeout, sleep};
use std::time::Duration;

use common::Folder;
use loadtool::engine::TransportMaker;
use loadtool::http::{Exchange, SimulatedTransport};
use loadtool::output::screen::Screen;
use loadtool::plan::draft::Flags;
use loadtool::run::prepare::ScriptSpec;
use loadtool::run::{Progress, RunSpec, SummaryTo, run_over};
use serde_json::Value as Json;

const SCRIPT: &str = "local lt = require 'loadtool'
local function get()
  local from = os.clock()
  repeat until os.clock() - from > (lt.env.COMPUTE or 0) + 0
  lt.http.get '/'
end
return { scenarios = {
  first  = { run = get, load = { vus = 1, duration = '1h' } },
  second = { run = get, load = { vus = 2, duration = '1h' } },
} }";

/// Longer than anybody waits for a test; the process may end before.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// The transport of the second worker blocks its thread.
fn blocking() -> TransportMaker {
    let threads = AtomicBool::new(false);
    Arc::new(move || {
        let blocks = std::thread::current().name() == Some("worker-1");
        assert!(!blocks || !threads.swap(true, Relaxed), "there is one such worker");
        Ok(Rc::new(SimulatedTransport::new(move |_| {
            if blocks {
                park_timeout(FOR_EVER);
            }
            (Duration::from_millis(1), Exchange::answer(200, ""))
        })))
    })
}

#[test]
fn a_worker_that_is_stuck_ends_the_run_with_its_report() {
    let folder = Folder::new(SCRIPT);
    let flags = Flags {
        base_url: Some("http://simulated.test".to_owned()),
        threads: Some(2),
        ..Flags::default()
    };
    let env = vec![("COMPUTE".to_owned(), "0.4".to_owned())];
    let script = folder.path("script.lua");
    let spec = RunSpec {
        store: None,
        script: ScriptSpec {
            script,
            libs: vec![],
            env,
            redact: vec![],
            secrets: Arc::default(),
            flags,
        },
        summary: SummaryTo::File(folder.path("summary.json")),
        explain: false,
        progress: Progress::Quiet,
        color: false,
        columns: 80,
        screen: Arc::new(Screen::stderr(false, Arc::default())),
        outputs: Vec::new(),
        sinks: Vec::new(),
        dashboard: None,
        pilot: None,
    };
    let code = run_over(spec, |_| blocking()).unwrap_or_else(|error| panic!("{error}"));
    let summary = std::fs::read(folder.path("summary.json")).expect("there is a report");
    let summary: Json = serde_json::from_slice(&summary).expect("it is JSON");
    assert_eq!(code, 6, "{}", summary["verdict"]);
    let reason = summary["verdict"]["reasons"][0].as_str().unwrap_or_else(|| panic!("{summary:#}"));
    let told = "worker 2 gave its thread back for 10 s no more, in user 3 (scenario second), last \
                seen at script.lua:4 (a bug in loadtool";
    assert!(reason.contains(told), "{reason}");
    let calls = summary["totals"]["calls"]["count"].as_u64();
    assert!(calls > Some(5), "the other worker went on: {calls:?}");
    let remarks = summary["anomalies"].to_string();
    assert!(remarks.contains("were lost"), "{remarks}");
}

#[test]
fn whoever_was_suspended_was_not_stuck() {
    let folder =
        Folder::of("if lt.vu.iteration == 0 then lt.log.info 'under way' end lt.sleep(0.01)");
    let run = folder.start(&["--vus", "4", "--duration", "4s", "--threads", "2"]);
    run.wait_for_stderr("under way");
    run.signal("STOP");
    sleep(Duration::from_secs(13)); // the time itself is what is tested
    run.signal("CONT");
    let ran = run.end();
    assert_ne!(ran.status.code(), Some(6), "{ran:?}");
    assert!(!ran.out.contains("gave its thread back"), "{ran:?}");
}
