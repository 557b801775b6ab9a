//! A bug of this tool in one worker: the others end, and what they recorded is kept.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use loadtool::engine::{self, EngineSpec};
use loadtool::http::simulated::SimulatedTransport;
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

#[tokio::test]
async fn a_worker_that_panics_ends_the_run_and_is_told_of() {
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
    let (sender, mut windows) = mpsc::channel(10_000);
    let first = AtomicBool::new(true);
    let mut starting = engine::prepare(EngineSpec {
        plan: prepared.plan.clone(),
        program: prepared.program.clone(),
        shared: prepared.shared.clone(),
        ctx: None,
        switch: StopSwitch::default(),
        windows: sender,
        transport: Arc::new(move || {
            let breaks = first.swap(false, Relaxed);
            Ok(Rc::new(SimulatedTransport::new(move |_| {
                assert!(!breaks, "a bug, for the test");
                (Duration::from_millis(1), loadtool::http::Exchange::answer(200, ""))
            })))
        }),
    })
    .expect("threads start");
    starting.ready().await.unwrap_or_else(|fault| panic!("{fault}"));
    let engine = starting.begin();
    let mut seconds = 0;
    while windows.recv().await.is_some() {
        seconds += 1;
    }
    let (loads, panicked) = engine.join(&prepared.plan);
    assert!(panicked && seconds > 0);
    assert_eq!(loads.len(), 2);
}
