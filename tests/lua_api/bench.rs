//! One worker's Lua over a real transport, and what came of a script as text.

use std::cell::RefCell;
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use loadtool::diagnostic::Diagnostic;
use loadtool::http::{ReqwestTransport, TransportOptions};
use loadtool::lua::error::{Ended, Failure, Stopped};
use loadtool::lua::host::{Host, Shared};
use loadtool::lua::program::Program;
use loadtool::lua::vm::{Definition, UserSpec, Vm};
use loadtool::metrics::{MetricId, Phase, Place, Recorder, Value, Window};
use loadtool::plan::Plan;
use loadtool::plan::draft::{Draft, Flags};
use loadtool::plan::validate::validate;

use crate::server::Server;

pub struct Bench {
    server: Server,
    vm: Vm,
    definition: Definition,
    host: Rc<Host>,
    runtime: tokio::runtime::Runtime,
    _folder: Option<tempfile::TempDir>,
}

impl Bench {
    /// A script file, whose relative URLs go to a server of its own.
    pub fn file(script: &Path) -> Bench {
        Bench::new(script, true, None).unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub fn text(script: &str) -> Bench {
        Bench::of(script, true).unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub fn without_base(script: &str) -> Bench {
        Bench::of(script, false).unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub fn definition_fault(script: &str) -> Diagnostic {
        match Bench::of(script, true) {
            Ok(_) => panic!("the script has a mistake"),
            Err(fault) => fault,
        }
    }

    fn of(script: &str, base: bool) -> Result<Bench, Diagnostic> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("script.lua");
        std::fs::write(&path, script).expect("it can be written");
        Bench::new(&path, base, Some(folder))
    }

    fn new(
        script: &Path,
        base: bool,
        folder: Option<tempfile::TempDir>,
    ) -> Result<Bench, Diagnostic> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _inside = runtime.enter();
        let server = Server::start();
        let program = Program::load(script, &[])?;
        let transport = ReqwestTransport::new(&TransportOptions::default())?;
        let env = vec![("BASE".into(), server.url()), ("DEAD".into(), server.dead_url())];
        let shared = Shared::new(env, Default::default(), 1, &[]);
        let recorder = Rc::new(RefCell::new(Recorder::new(vec!["default".into()], 1000)));
        let host = Host::new(recorder, Rc::new(transport), Arc::new(shared));
        let vm = Vm::new(program.clone(), host.clone())?;
        let definition = vm.define()?;
        let base_url = base.then(|| server.url());
        let flags = Flags { base_url, seed: Some(1), ..Flags::default() };
        let draft = Draft {
            script: program.path().to_owned(),
            source: program.text().clone(),
            definition: definition.node(),
            metrics: host.shared.metrics(),
            flags,
        };
        let plan: Plan = validate(&draft, &|path, times| vm.samples(&definition, path, times))
            .unwrap_or_else(|faults| panic!("{faults}"));
        vm.bind(&Arc::new(plan), &[])?;
        drop(_inside);
        Ok(Bench { server, vm, definition, host, runtime, _folder: folder })
    }

    /// Runs the first iteration, which must fail.
    pub fn failure(&self) -> Failure {
        match self.iterations(1).pop() {
            Some(Ended::Failed(failure)) => *failure,
            other => panic!("{other:?}"),
        }
    }

    /// What `setup` returned, as JSON.
    pub fn setup(&self) -> String {
        let place = Place { phase: Phase::Setup, ..Place::default() };
        let _inside = self.runtime.enter();
        let ctx = self.runtime.block_on(self.vm.setup(&self.definition, place, 0));
        let ctx = ctx.unwrap_or_else(|failure| panic!("{failure}"));
        String::from_utf8(ctx).expect("JSON is UTF-8")
    }

    /// What illustrates the first error of a category.
    pub fn exemplar(&self, category: &str) -> String {
        let window = self.host.recorder.borrow_mut().flip(0);
        let error = window.errors.into_iter().find(|error| error.category == category);
        error.and_then(|error| error.exemplar).expect("it was recorded with an exemplar")
    }

    /// What a user's iterations came to, and what was recorded.
    pub fn run(&self, iterations: u64) -> String {
        let mut text = String::new();
        for (n, ended) in self.iterations(iterations).into_iter().enumerate() {
            let _ = match ended {
                Ended::Stopped(Stopped::Run(printed)) => {
                    writeln!(text, "iteration {n}:\n{printed}")
                }
                Ended::Failed(failure) => writeln!(
                    text,
                    "iteration {n} failed: {} in step {:?}: {}",
                    failure.category, failure.step, failure.message
                ),
                other => writeln!(text, "iteration {n}: {other:?}"),
            };
        }
        let window = self.host.recorder.borrow_mut().flip(0);
        text + &recorded(&window)
    }

    fn iterations(&self, count: u64) -> Vec<Ended> {
        let _inside = self.runtime.enter();
        let spec = UserSpec { id: 1, number: 1, scenario: 0, variant: 0, agent: 1 };
        let user = self.vm.user(spec).unwrap_or_else(|fault| panic!("{fault}"));
        (0..count).map(|n| self.runtime.block_on(user.iterate(n, 0, Place::default()))).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.server.stop();
    }
}

/// Counts of calls, requests, checks, steps and errors by their tags, sorted.
fn recorded(window: &Window) -> String {
    let mut lines = Vec::new();
    for row in &window.rows {
        let tags = row.tags.iter().filter(|(key, _)| !["scenario", "phase", "peer"].contains(key));
        let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
        for (metric, value) in &row.values {
            if let Some(count) = counted(metric, value) {
                lines.push(format!("{} {{{}}} {count}", metric.metric().name, tags.join(", ")));
            }
        }
    }
    lines.sort();
    for life in &window.lifecycles {
        let (prepared, sent) = (life.prepared, life.sent);
        let (headers, bodies) = (life.headers, life.bodies);
        lines.push(format!("prepared {prepared}, sent {sent}, headers {headers}, bodies {bodies}"));
    }
    for error in &window.errors {
        lines.push(format!("error {} {} × {}", error.category, error.message, error.count));
    }
    lines.join("\n")
}

fn counted(metric: &MetricId, value: &Value) -> Option<String> {
    let shown = ["http_calls", "http_reqs", "checks", "step_failed"];
    if !shown.contains(&&*metric.metric().name) {
        return None;
    }
    Some(match value {
        Value::Counter(count) => count.to_string(),
        Value::Rate { hits, total } => format!("{hits}/{total}"),
        _ => return None,
    })
}
