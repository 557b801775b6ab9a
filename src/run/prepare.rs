//! From a file name to a Plan: everything before anything is sent.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use rand::TryRng;

use crate::data::Pools;
use crate::diagnostic::Diagnostics;
use crate::engine::worker::SERIES_CAP;
use crate::http::ReqwestTransport;
use crate::http::TransportOptions;
use crate::lua::host::witness::Witness;
use crate::lua::host::{Host, Shared};
use crate::lua::program::Program;
use crate::lua::vm::{Definition, Vm};
use crate::metrics::Recorder;
use crate::metrics::own::OwnMetrics;
use crate::plan::draft::{Draft, Flags};
use crate::plan::search::{self, Search};
use crate::plan::validate::validate;
use crate::plan::{Plan, Scenario};
use crate::secrets::Secrets;
use crate::share::Share;

/// Which script, and what it is told.
#[derive(Debug, Clone)]
pub struct ScriptSpec {
    /// The Lua file.
    pub script: PathBuf,
    /// Where modules are sought, after the script's folder (see [`Program::load`]).
    pub libs: Vec<PathBuf>,
    /// `lt.env`.
    pub env: Vec<(String, String)>,
    /// Names of headers and fields that are masked wherever they are written.
    pub redact: Vec<String>,
    /// What is masked whatever it is called; `lt.secret` adds to it.
    pub secrets: Arc<Secrets>,
    /// What the command line says of the plan.
    pub flags: Flags,
}

/// A script that could run.
pub struct Prepared {
    /// The script and its modules' roots.
    pub program: Arc<Program>,
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// What it will do.
    pub plan: Arc<Plan>,
    /// Opens the connections that it asks for.
    pub transport: ReqwestTransport,
    /// What the control thread's own Lua calls.
    pub host: Rc<Host>,
    /// The control thread's own Lua, in which the definition lives.
    pub vm: Vm,
    /// Whose `setup` and `teardown` run.
    pub definition: Definition,
    /// What `setup` and `teardown` record.
    pub recorder: Rc<RefCell<Recorder>>,
}

/// Reads, runs once and validates the script; every fault at once, without secrets.
pub fn prepare(spec: ScriptSpec) -> Result<Prepared, Diagnostics> {
    prepare_for(None, spec)
}

/// The same, for someone who is told what users do in the control thread's Lua.
pub fn prepare_for(witness: Option<Witness>, spec: ScriptSpec) -> Result<Prepared, Diagnostics> {
    let secrets = spec.secrets.clone();
    attempt(witness, spec).map_err(|faults| faults.masked(&secrets))
}

fn attempt(witness: Option<Witness>, spec: ScriptSpec) -> Result<Prepared, Diagnostics> {
    let Defined { program, shared, host, vm, definition, recorder, draft } = define(witness, spec)?;
    let plan = Arc::new(validate(&draft, &|path, times| vm.samples(&definition, path, times))?);
    let of_scenarios = plan.scenarios().iter().map(Scenario::transport);
    let transport = ReqwestTransport::with_scenarios(plan.transport(), of_scenarios)?;
    host.use_transport(Rc::new(transport.clone()));
    vm.bind(&plan, &[])?;
    Ok(Prepared { program, shared, plan, transport, host, vm, definition, recorder })
}

/// A script that has run once.
struct Defined {
    program: Arc<Program>,
    shared: Arc<Shared>,
    host: Rc<Host>,
    vm: Vm,
    definition: Definition,
    recorder: Rc<RefCell<Recorder>>,
    draft: Draft,
}

fn define(witness: Option<Witness>, mut spec: ScriptSpec) -> Result<Defined, Diagnostics> {
    let seed = *spec.flags.seed.get_or_insert_with(draw_seed);
    let program = Program::load(spec.script, &spec.libs)?;
    let secrets = spec.secrets;
    let shared = Shared::new(spec.env, Pools::new(seed, Share::WHOLE), seed, &spec.redact);
    let trace = spec.flags.trace;
    let shared = Arc::new(Shared { secrets: secrets.clone(), trace, ..shared });
    let recorder = Recorder::new(Vec::new(), SERIES_CAP).masking(secrets.clone());
    let recorder = Rc::new(RefCell::new(recorder));
    // The definition sends nothing, and says only when it has run how others are to send.
    let none = Rc::new(ReqwestTransport::new(&TransportOptions::default())?);
    let host = Host::new(recorder.clone(), none, shared.clone());
    host.set_limits(spec.flags.limits);
    if let Some(witness) = witness {
        host.witness.set(witness).unwrap_or_else(|_| unreachable!("the host is new"));
    }
    let vm = Vm::new(program.clone(), host.clone())?;
    let definition = vm.define()?;
    let draft = Draft {
        script: program.path().to_owned(),
        source: program.text().clone(),
        definition: definition.node(),
        metrics: shared.metrics(),
        flags: spec.flags,
    };
    Ok(Defined { program, shared, host, vm, definition, recorder, draft })
}

/// How a script wants its limit searched.
pub struct Wanted {
    /// What it says.
    pub search: Search,
    /// Metrics of its own, which objectives may be of.
    pub metrics: OwnMetrics,
}

/// How the script wants its limit searched; it is run once for that.
pub fn prepare_search(spec: ScriptSpec) -> Result<Wanted, Diagnostics> {
    let secrets = spec.secrets.clone();
    let wanted = define(None, spec).and_then(|Defined { draft, .. }| {
        Ok(Wanted { search: search::search(&draft)?, metrics: draft.metrics })
    });
    wanted.map_err(|faults| faults.masked(&secrets))
}

/// A seed from the system's randomness, short enough to be typed again.
fn draw_seed() -> u64 {
    // Without randomness from the system any seed will do; it is told like any other.
    u64::from(rand::rngs::SysRng.try_next_u32().unwrap_or_else(|_| std::process::id()))
}
