//! A bug of this tool in one worker: the others end, and what they recorded is kept.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use loadtool::engine::{self, EngineSpec, NotReady};
use loadtool::http::simulated::SimulatedTransport;
use loadtool::metrics::Window;
use loadtool::plan::draft::Flags;
use loadtool::run::prepare::{ScriptSpec, prepare};
use loadtool::stop::StopSwitch;
use tokio::sync::mpsc;

const SCRIPT: &str = "local lt = require 'loadtool'
local function get() lt.http.get '/' end
return { scenarios = {
    a = { run = get, load = { vus = 2, duration = '1h' } },
    b = { run = get, after = 'a', load = { vus = 2, duration = '1h' } },
} }";

/// What two workers run, of whose transports the first is made by `make`.
fn two_workers(
    make: impl Fn() -> SimulatedTransport + Send + Sync + 'static,
) -> (EngineSpec, mpsc::Receiver<Window>) {
    let folder = tempfile::tempdir().expect("a folder for the script");
    let script = folder.path().join("script.lua");
    std::fs::write(&script, SCRIPT).expect("the script is written");
    let flags = Flags {
        base_url: Some("http://simulated.test".to_owned()),
        threads: Some(2),
        ..Flags::default()
    };
    let spec = ScriptSpec {
        script,
        libs: vec![],
        env: vec![],
        redact: vec![],
        secrets: Arc::default(),
        flags,
    };
    let prepared = prepare(spec).unwrap_or_else(|faults| panic!("{faults}"));
    let (windows, receiver) = mpsc::channel(10_000);
    let first = AtomicBool::new(true);
    let spec = EngineSpec {
        plan: prepared.plan.clone(),
        program: prepared.program.clone(),
        shared: prepared.shared.clone(),
        contexts: Arc::default(),
        switch: StopSwitch::default(),
        windows,
        request_log: None,
        transport: Arc::new(move || {
            let sound = || SimulatedTransport::ok(Duration::from_millis(1));
            Ok(Rc::new(if first.swap(false, Relaxed) { make() } else { sound() }))
        }),
    };
    (spec, receiver)
}

#[tokio::test]
async fn a_worker_that_panics_ends_the_run_and_is_told_of() {
    let (spec, mut windows) =
        two_workers(|| SimulatedTransport::new(|_| panic!("a bug, for the test")));
    let plan = spec.plan.clone();
    let mut starting = engine::prepare(spec).expect("threads start");
    assert_eq!(starting.ready().await, Ok(()));
    let engine = starting.begin();
    let mut seconds = 0;
    while windows.recv().await.is_some() {
        seconds += 1;
    }
    let (loads, panicked) = engine.join(&plan);
    assert!(panicked == 1 && seconds > 0);
    assert_eq!(loads.len(), 2);
}

#[tokio::test]
async fn a_worker_that_panics_while_it_makes_its_users_is_no_mistake_of_the_scripts() {
    let (spec, _windows) = two_workers(|| panic!("a bug, for the test"));
    let mut starting = engine::prepare(spec).expect("threads start");
    assert_eq!(starting.ready().await, Err(NotReady::Panicked));
}
