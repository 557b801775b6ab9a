//! Hostile scripts: each ends within its limit, and another user of the same Lua state goes on.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use loadtool::http::SimulatedTransport;
use loadtool::lua::error::Ended;
use loadtool::lua::host::{Host, Shared};
use loadtool::lua::program::Program;
use loadtool::lua::vm::{UserSpec, Vm};
use loadtool::metrics::{Place, Recorder};
use loadtool::plan::draft::Draft;
use loadtool::plan::validate::validate;

/// `script_cpu_limit` of these tests.
const LIMIT: Duration = Duration::from_millis(60);
/// Iterations of each script, in one user.
const RUNS: u64 = 2;
/// What the neighbour does until the hostile user has ended, and once more.
const NEIGHBOUR: &str =
    "for i = 1, 5 do lt.sleep(0.001) local t = {} for j = 1, 50 do t[j] = {} end end";

struct Case {
    name: String,
    expected: String,
    body: String,
}

fn cases() -> Vec<Case> {
    let text = include_str!("lua/hostile.lua");
    let sections = text.split("\n--- ").skip(1);
    sections
        .map(|section| {
            let (head, body) = section.split_once('\n').unwrap();
            let (name, expected) = head.rsplit_once(": ").unwrap();
            Case { name: name.into(), expected: expected.into(), body: body.trim_end().into() }
        })
        .collect()
}

fn vm(case: &Case) -> Vm {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.lua");
    let script = format!(
        "local lt = require 'loadtool' local function hostile()\n{}\nend\n\
         local function neighbour() {NEIGHBOUR} end\n\
         return {{ scenarios = {{ default = {{ mix = {{\n\
         {{ name = 'hostile', weight = 1, run = hostile }},\n\
         {{ name = 'neighbour', weight = 1, run = neighbour }} }} }} }} }}",
        case.body
    );
    std::fs::write(&path, script).unwrap();
    let program = Program::load(&path, &[]).unwrap();
    let shared = Shared::new(Vec::new(), Default::default(), 1, &[]);
    let transport = SimulatedTransport::new(|_| unreachable!("nothing is sent"));
    let recorder = Rc::new(RefCell::new(Recorder::new(vec!["default".into()], 1000)));
    let host = Host::new(recorder, Rc::new(transport), Arc::new(shared));
    host.clock.set_limit(LIMIT);
    let vm = Vm::new(program.clone(), host).unwrap();
    let defined = vm.define().unwrap();
    let definition = defined.node();
    let (script, source) = (path, program.text().clone());
    let (metrics, flags) = Default::default();
    let draft = Draft { script, source, definition, metrics, flags };
    let plan = validate(&draft, &|path, times| vm.samples(&defined, path, times)).unwrap();
    vm.bind(&Arc::new(plan), &[]).unwrap();
    vm
}

/// Runs the case beside its neighbour; what is wrong, if anything.
async fn attack(case: &Case) -> Result<(), String> {
    let vm = vm(case);
    let user =
        |id| vm.user(UserSpec { id, number: id, scenario: 0, variant: 0, agent: 1 }).unwrap();
    let (hostile, neighbour) = (user(1), user(2));
    let over = Cell::new(false);
    let attack = async {
        let mut result = Ok(());
        for run in 0..RUNS {
            let ended = hostile.iterate(run, 0, Place::default()).await;
            result = result.and(judge(&case.expected, &ended));
        }
        over.set(true);
        result
    };
    let beside = async {
        for run in 0.. {
            let last = over.get();
            match neighbour.iterate(run, 1, Place::default()).await {
                Ended::Completed if last => return Ok(()),
                Ended::Completed => {}
                Ended::Failed(failure) if failure.category == "resource" && !last => {}
                ended => return Err(format!("the neighbour ended with {ended:?}")),
            }
        }
        Ok(())
    };
    let (attacked, beside) = tokio::join!(attack, beside);
    attacked.and(beside)?;
    drop(hostile);
    vm.collect();
    vm.collect();
    let held = vm.used_memory();
    if held > 4 << 20 { Err(format!("{held} bytes are held afterwards")) } else { Ok(()) }
}

fn judge(expected: &str, ended: &Ended) -> Result<(), String> {
    let right = match (expected, ended) {
        ("killed", Ended::Failed(failure)) => {
            failure.line.is_some() && failure.message.contains("script_cpu_limit")
        }
        ("done", ended) => *ended == Ended::Completed,
        ("any", ended) => matches!(ended, Ended::Completed | Ended::Failed(_)),
        (expected, Ended::Failed(failure)) => {
            failure.message.contains(expected.strip_prefix("failed ").unwrap())
        }
        _ => false,
    };
    if right { Ok(()) } else { Err(format!("not {expected}, but {ended:?}")) }
}

#[test]
fn every_hostile_script_is_contained_and_its_neighbour_goes_on() {
    let cases = cases();
    assert!(cases.len() > 90, "{} cases", cases.len());
    let only = std::env::var("HOSTILE").ok();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut faults = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if only.as_ref().is_some_and(|only| !case.name.contains(only.as_str())) {
                continue;
            }
            let began = tokio::time::Instant::now();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let result = runtime.block_on(attack(case));
            println!("{:>6} ms  {}", began.elapsed().as_millis(), case.name);
            faults.extend(result.err().map(|fault| format!("{}: {fault}", case.name)));
        }
        faults
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
