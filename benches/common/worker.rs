//! One worker's Lua with one user, over a transport that answers at once.

#![allow(dead_code, reason = "each bench takes what it needs")]

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use loadtool::http::{Exchange, Hop, Timings, Transport, Wire};
use loadtool::lua::error::Ended;
use loadtool::lua::host::{Host, Shared};
use loadtool::lua::program::Program;
use loadtool::lua::vm::{UserSpec, Vm};
use loadtool::metrics::{Place, Recorder};
use loadtool::plan::draft::{Draft, Flags};
use loadtool::plan::validate::validate;

/// Calls of one iteration, so that its own cost does not count.
pub const CALLS: u64 = 100;

/// Answers every request at once with the same document.
#[derive(Clone)]
struct Instant(Bytes);

impl Transport for Instant {
    fn open(&self, _: Option<usize>) -> Rc<dyn Wire> {
        Rc::new(self.clone())
    }
}

impl Wire for Instant {
    fn fresh(&self) -> Rc<dyn Wire> {
        Rc::new(self.clone())
    }

    fn send<'a>(&'a self, _: Hop) -> LocalBoxFuture<'a, Exchange> {
        let timings = Timings { wait: std::time::Duration::from_micros(50), ..Timings::default() };
        let body = self.0.clone();
        let done = Exchange { body, timings, ..Exchange::answer(200, "") };
        std::future::ready(done).boxed_local()
    }
}

/// About 1.4 KB, the token near its end.
pub fn document() -> Bytes {
    let items: Vec<String> = (0..20)
        .map(|n| format!(r#"{{"id":{n},"name":"product {n}","price":19.99,"tags":["a","b"]}}"#))
        .collect();
    format!(r#"{{"items":[{}],"token":"abcdefgh"}}"#, items.join(",")).into()
}

/// One worker's Lua with one user.
pub struct Worker {
    host: Rc<Host>,
    user: loadtool::lua::vu::Vu,
    runtime: tokio::runtime::Runtime,
}

impl Worker {
    pub fn new(script: &str) -> Worker {
        Worker::over(script, "http://127.0.0.1:9", |_| Rc::new(Instant(document())), |_| ())
    }

    /// Over connections of another kind, with `adapt` done to the state before its user is made.
    pub fn over(
        script: &str,
        base_url: &str,
        transport: impl FnOnce(&tokio::runtime::Runtime) -> Rc<dyn Transport>,
        adapt: impl FnOnce(&Vm),
    ) -> Worker {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let _inside = runtime.enter();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("script.lua");
        std::fs::write(&path, script).expect("it can be written");
        let program = Program::load(&path, &[]).expect("the script is right");
        let recorder = Rc::new(RefCell::new(Recorder::new(vec!["default".into()], 10_000)));
        let shared = Arc::new(Shared::new(Vec::new(), Default::default(), 1, &[]));
        let host = Host::new(recorder, transport(&runtime), shared);
        let vm = Vm::new(program.clone(), host.clone()).expect("Lua can be set up");
        let definition = vm.define().expect("the script runs");
        let samples = |path: &[&str], times: &[f64]| vm.samples(&definition, path, times);
        let draft = Draft {
            script: path,
            source: program.text().clone(),
            definition: definition.node(),
            metrics: Default::default(),
            flags: Flags { base_url: Some(base_url.into()), ..Flags::default() },
        };
        let plan = Arc::new(validate(&draft, &samples).expect("the plan is right"));
        vm.bind(&plan, &[]).expect("there is no ctx");
        adapt(&vm);
        let spec = UserSpec { id: 1, number: 1, scenario: 0, variant: 0, agent: 1 };
        let user = vm.user(spec).expect("the script runs");
        drop(_inside);
        Worker { host, user, runtime }
    }

    pub fn iterate(&self) {
        let ended = self.runtime.block_on(self.user.iterate(0, 0, Place::default()));
        assert_eq!(ended, Ended::Completed);
        black_box(self.host.held());
    }
}
