//! Scripts run in tests: one worker's state over a transport that nobody uses.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::error::{Ended, Failure};
use super::host::{Host, Shared};
use super::program::Program;
use super::vm::{UserSpec, Vm};
use super::vu::Vu;
use crate::http::SimulatedTransport;
use crate::metrics::{Place, Recorder};
use crate::plan::{Connections, Load, MixEntry, Plan, Scenario, Start};

/// A script in a folder of its own, with the modules beside it.
pub struct Bench {
    _folder: tempfile::TempDir,
    pub vm: Vm,
    pub host: Rc<Host>,
    pub plan: Arc<Plan>,
}

impl Bench {
    pub fn new(script: &str, modules: &[(&str, &str)]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in modules {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let path = folder.path().join("script.lua");
        std::fs::write(&path, script).unwrap();
        let program = Program::load(&path, &[]).unwrap();
        let host = host();
        let vm = Vm::new(program, host.clone()).unwrap();
        let plan = Arc::new(plan(path));
        vm.bind(&plan, &[]).unwrap();
        Bench { _folder: folder, vm, host, plan }
    }

    pub fn user(&self, number: u64) -> Vu {
        self.vm.user(UserSpec { id: number, number, scenario: 0, variant: 0, agent: 1 }).unwrap()
    }

    /// Runs one iteration of the first user.
    pub fn once(&self) -> Ended {
        let user = self.user(1);
        block_on(async { user.iterate(0, 0, Place::default()).await })
    }
}

/// What the body of a function that is the whole script comes to.
pub fn run(body: &str) -> Ended {
    Bench::new(&format!("local lt = require 'loadtool'\nreturn function(...)\n{body}\nend"), &[])
        .once()
}

/// The failure of [`run`].
pub fn failure(body: &str) -> Failure {
    match run(body) {
        Ended::Failed(failure) => *failure,
        other => panic!("{body}: {other:?}"),
    }
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

pub fn host() -> Rc<Host> {
    let env = vec![("NAME".to_owned(), "value".to_owned())];
    let shared = Shared::new(env, Default::default(), 1, &[]);
    Host::new(
        Rc::new(RefCell::new(Recorder::new(vec!["default".into()], 1000))),
        Rc::new(SimulatedTransport::new(|_| unreachable!("nothing is sent"))),
        Arc::new(shared),
    )
}

fn plan(script: PathBuf) -> Plan {
    let scenario = Scenario {
        name: "default".into(),
        mix: vec![MixEntry { name: "default".into(), weight: 1.0 }],
        load: Load::ConstantVus { vus: 1, duration: Duration::from_secs(1) },
        start: Start { after: None, offset: Duration::ZERO },
        warmup: Duration::ZERO,
        pace: None,
        spread: Duration::ZERO,
        session: None,
        connections: Connections::Keep,
        graceful_stop: Duration::ZERO,
        tags: Default::default(),
        http: Default::default(),
        transport: Default::default(),
    };
    Plan {
        name: "script".to_owned(),
        script,
        trial: None,
        base_url: None,
        scenarios: vec![scenario],
        steered: Vec::new(),
        thresholds: Vec::new(),
        tags: Default::default(),
        http: Default::default(),
        transport: Default::default(),
        limits: Default::default(),
        setup_timeout: Duration::from_secs(60),
        seed: 1,
        threads: 1,
    }
}
