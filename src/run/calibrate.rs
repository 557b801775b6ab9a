//! What a core of this machine can do at most: a script that does nothing but one GET, over and
//! over, on one worker, against the null target on another thread.
//!
//! Divided by the worker's own processor time, second by second, so that neither a slow target nor
//! a machine that is busy with something else lowers it by much; of these the median.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::phases::WINDOWS;
use super::prepare::{ScriptSpec, prepare};
use super::{RunError, transport_maker};
use crate::demo::null::Null;
use crate::diagnostic::Diagnostic;
use crate::engine::{self, EngineSpec, NotReady};
use crate::metrics::{Selector, Window, metric};
use crate::plan::draft::Flags;
use crate::stop::StopSwitch;

/// Connections that keep a worker busy all the time.
const USERS: u64 = 50;

/// Connecting, and warming up.
const FIRST: Duration = Duration::from_secs(1);

/// A worker that had less of a core than that was not what was measured [percent].
const LEAST: u16 = 10;

const SCRIPT: &str = "local http = require('loadtool').http\n\
                      return function() http.get '/' end\n";

/// Requests per second that a worker with a core to itself can make at most, measured for so
/// long. The script lies in `folder` for that time.
///
/// # Errors
/// What the operating system refuses, and whatever keeps the null target from being asked.
pub fn calibrate(folder: &std::path::Path, length: Duration) -> Result<f64, RunError> {
    let target = Null::open()?;
    std::fs::create_dir_all(folder)?;
    let script = folder.join(format!("calibrate.{}.lua", std::process::id()));
    std::fs::write(&script, SCRIPT)?;
    let measured = measure(script.clone(), target.url(), length);
    std::fs::remove_file(&script)?;
    let rates = measured?.iter().filter_map(rate).collect();
    let fault = || Diagnostic::new("no request came through: this machine is too busy to tell");
    Ok(median(rates).ok_or_else(fault)?)
}

/// The seconds of the measurement.
fn measure(script: PathBuf, url: String, length: Duration) -> Result<Vec<Window>, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let prepared = prepare(spec(script, url, length))?;
        let (sender, mut windows) = mpsc::channel(WINDOWS);
        let mut starting = engine::prepare(EngineSpec {
            plan: prepared.plan.clone(),
            program: prepared.program.clone(),
            shared: prepared.shared.clone(),
            contexts: Arc::default(),
            switch: StopSwitch::default(),
            windows: sender,
            transport: transport_maker(&prepared.transport),
            request_log: None,
        })?;
        match starting.ready().await {
            Ok(()) => {}
            Err(NotReady::Fault(fault)) => return Err(fault.into()),
            Err(NotReady::Panicked) => return Err(Diagnostic::new(engine::PANICKED).into()),
        }
        let engine = starting.begin();
        let mut seconds = Vec::new();
        while let Some(window) = windows.recv().await {
            seconds.push(window);
        }
        engine.join(&prepared.plan);
        Ok(seconds)
    })
}

fn spec(script: PathBuf, url: String, length: Duration) -> ScriptSpec {
    ScriptSpec {
        script,
        libs: Vec::new(),
        env: Vec::new(),
        redact: Vec::new(),
        secrets: Arc::default(),
        flags: Flags {
            vus: Some(USERS),
            duration: Some(FIRST + length),
            base_url: Some(url),
            threads: Some(1),
            ..Flags::default()
        },
    }
}

/// Answers per second of the worker's processor time; `None` for seconds that are not whole, and
/// the first.
fn rate(window: &Window) -> Option<f64> {
    let [worker] = window.busy[..] else { return None };
    let answers = window.count(&Selector::of(metric::HTTP_REQS).with("expected", "true"));
    let counts = u64::from(window.second) >= FIRST.as_secs() && worker.percent >= LEAST;
    (counts && answers > 0).then(|| answers as f64 * 100.0 / f64::from(worker.percent))
}

fn median(mut rates: Vec<f64>) -> Option<f64> {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}
