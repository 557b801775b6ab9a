//! One worker's Lua: the script compiled once, run once for the definition and once per user.

use std::rc::Rc;
use std::sync::Arc;

use mlua::{Function, Table, Value};

use super::driver::{Core, Coroutine};
use super::error::{Ended, Failure};
use super::host::told::described;
use super::host::user::EXPECT_STATUS;
use super::host::{Bound, Host, User, read};
use super::instance::{Instances, judge};
use super::program::Program;
use super::value::Json;
use super::vu::{BRANCHES, Vu};
use super::{require, sandbox};
use crate::diagnostic::Diagnostic;
use crate::metrics::{Outcome, Phase, Place};
use crate::plan::Plan;
use crate::plan::draft::Node;
use crate::stop::cancel::Level;

/// Steps that the collector takes every second or so, whatever happens: each is short.
const STEPS_AT_REST: u32 = 8;

/// One worker's Lua state.
pub struct Vm {
    core: Rc<Core>,
    instances: Rc<Instances>,
}

/// Who a user is.
#[derive(Debug, Clone, Copy)]
pub struct UserSpec {
    /// From 1, in the run.
    pub id: u64,
    /// From 1, in the scenario.
    pub number: u64,
    /// Index in the plan.
    pub scenario: usize,
    /// Which variant of the target it is for: index in the plan, 0 if there are none.
    pub variant: usize,
    /// Number of the machine, from 1.
    pub agent: u32,
}

/// What `setup` returned, as JSON: once for each variant of the target; empty where it has not run.
pub type Contexts = Arc<[Arc<[u8]>]>;

/// The instance of the script that gives the definition, and whose `setup` and `teardown` run.
pub struct Definition {
    value: Value,
    user: Rc<User>,
    coroutine: Coroutine,
}

impl Definition {
    /// What the script returned, as plain values.
    pub fn node(&self) -> Node {
        super::script::node(&self.value)
    }

    /// Whether it has this function.
    pub fn has(&self, function: &str) -> bool {
        self.function(function).is_some()
    }

    /// One of the definition's functions.
    fn function(&self, name: &str) -> Option<Function> {
        let Value::Table(definition) = &self.value else { return None };
        definition.raw_get(name).ok()
    }
}

impl Vm {
    /// A state with the script compiled in it; nothing of it has run yet. About a millisecond.
    pub fn new(program: Arc<Program>, host: Rc<Host>) -> Result<Vm, Diagnostic> {
        Vm::open(program, host).map_err(|e| Diagnostic::new(format!("cannot set up Lua: {e}")))
    }

    fn open(program: Arc<Program>, host: Rc<Host>) -> mlua::Result<Vm> {
        let lua = sandbox::bare()?;
        let kernel = sandbox::furnish(&lua, &host, program.roots())?;
        let name = program.chunk_name();
        let main = require::compile(&lua, &host, &name, program.path(), program.bytes())
            .map_err(|(message, _)| mlua::Error::runtime(message))?;
        let (body, start) = (kernel.get("body")?, kernel.get("start")?);
        let core = Rc::new(Core { lua, host, kernel, body });
        let instances = Rc::new(Instances::new(core.clone(), program, main, start));
        Ok(Vm { core, instances })
    }

    /// Runs the script once, for its definition.
    pub fn define(&self) -> Result<Definition, Diagnostic> {
        let host = &self.core.host;
        let user = Rc::new(User::nobody(host.transport().open(None), host.shared.seed));
        let value = self.instances.run(&user)?;
        Ok(Definition { value, user, coroutine: Coroutine::default() })
    }

    /// Fixes what users are made for: their plan, and what `setup` returned (as JSON).
    pub fn bind(&self, plan: &Arc<Plan>, contexts: &[Arc<[u8]>]) -> Result<(), Diagnostic> {
        self.instances
            .hand_over(contexts)
            .map_err(|e| Diagnostic::new(format!("cannot hand over ctx: {e}")))?;
        let host = &self.core.host;
        host.set_limits(plan.limits);
        self.core
            .lua
            .set_memory_limit(host.memory_limit())
            .map_err(|e| Diagnostic::new(format!("cannot limit memory: {e}")))?;
        self.instances.bind(Bound::new(plan, &*host.transport()));
        Ok(())
    }

    /// A user: runs the script once more, in an environment of the user's own.
    pub fn user(&self, spec: UserSpec) -> Result<Vu, Diagnostic> {
        self.instances.user(spec)
    }

    /// Makes many users: the collector rests meanwhile, which is six times faster.
    pub fn bulk<R>(&self, make: impl FnOnce() -> R) -> R {
        self.core.lua.gc_stop();
        let made = make();
        self.core.lua.gc_restart();
        self.pace();
        made
    }

    /// Fits the collector's pace to the heap's size of now, and takes a few steps of it, so that users
    /// who all sleep do not keep what they dropped; to be called every second or so.
    pub fn pace(&self) {
        sandbox::pace(&self.core.lua);
        if self.core.host.held() > 0 {
            // It fails only for want of memory, which the next allocation reports.
            (0..STEPS_AT_REST).for_each(|_| _ = self.core.lua.gc_step());
        }
    }

    /// Takes the count hook and the memory limit away, for the bench that says what they cost. To be
    /// called before users are made.
    #[doc(hidden)]
    pub fn relax(&self) {
        self.core.lua.remove_global_hook();
        // It fails only if Lua's allocator is not mlua's.
        let _ = self.core.lua.set_memory_limit(0);
    }

    /// Bytes in Lua's heap.
    pub fn used_memory(&self) -> u64 {
        self.core.lua.used_memory() as u64
    }

    /// Frees whatever nobody needs any more.
    pub fn collect(&self) {
        // It fails only if a finalizer does, and scripts have none.
        let _ = self.core.lua.gc_collect();
    }

    /// Runs `setup` against a variant of the target; what it returned, as JSON (`null` if there is
    /// none).
    pub async fn setup(
        &self,
        definition: &Definition,
        place: Place,
        variant: usize,
    ) -> Result<Vec<u8>, Failure> {
        let Some(setup) = definition.function("setup") else { return Ok(b"null".to_vec()) };
        let cell = self.call(definition, setup, place, variant).await?;
        let result: Value = cell.raw_get("result").unwrap_or(Value::Nil);
        let mut out = Vec::new();
        if result.is_nil() {
            return Ok(b"null".to_vec());
        }
        let encoded = Json::of(&self.core.lua).map_err(|e| e.to_string());
        match encoded.and_then(|json| json.encode(&result, &mut out)) {
            Ok(()) => Ok(out),
            Err(what) => Err(Failure {
                category: "script",
                message: format!("setup must return JSON-like data: {what}"),
                ..Failure::default()
            }),
        }
    }

    /// Runs `teardown(ctx)` against a variant of the target; `ctx` is what was bound.
    pub async fn teardown(
        &self,
        definition: &Definition,
        place: Place,
        variant: usize,
    ) -> Result<(), Failure> {
        let Some(teardown) = definition.function("teardown") else { return Ok(()) };
        self.call(definition, teardown, place, variant).await.map(drop)
    }

    /// Runs `summary(s)`, where `s` is what `json` says; the files that it wants, sorted by path.
    pub async fn summarise(
        &self,
        definition: &Definition,
        place: Place,
        json: impl FnOnce() -> Vec<u8>,
    ) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let Some(hook) = definition.function("summary") else { return Ok(Vec::new()) };
        let given = || -> mlua::Result<Function> {
            let lua = &self.core.lua;
            let summary = Json::of(lua)?.decode(lua, &json())?.map_err(mlua::Error::runtime)?;
            let with: Function = self.core.kernel.get("with")?;
            with.call((hook, summary))
        };
        let hook = given().map_err(|e| Failure::resource(e.to_string()))?;
        let cell = self.call(definition, hook, place, 0).await?;
        files(&cell.raw_get("result").unwrap_or(Value::Nil)).map_err(|message| {
            let message = self.core.host.shared.secrets.mask(&message).into_owned();
            Failure { category: "script", message, ..Failure::default() }
        })
    }

    /// What the definition's function at `path` gives at each of `times`; nothing can wait there.
    pub fn samples(
        &self,
        definition: &Definition,
        path: &[&str],
        times: &[f64],
    ) -> Result<Vec<Node>, Diagnostic> {
        let Definition { value, user, coroutine } = definition;
        let internal = |e| Diagnostic::new(format!("cannot call {}: {e}", path.join(".")));
        let cell = user.own_cell();
        let slot = || -> mlua::Result<()> {
            let function = path.iter().try_fold(value.clone(), |at, key| match at {
                Value::Table(table) => table.raw_get(*key),
                _ => Ok(Value::Nil),
            })?;
            let sampling: Function = self.core.kernel.get("sampling")?;
            cell.raw_set(BRANCHES, sampling.call::<Function>((cell, function, times))?)
        };
        slot().map_err(internal)?;
        match self.core.run_now(coroutine, user, &self.core.body, (cell, BRANCHES)) {
            Ended::Completed => {}
            Ended::Failed(failure) => return Err(failure.diagnostic()),
            Ended::Stopped(why) => return Err(why.failure().diagnostic()),
        }
        let given: Table = cell.raw_get("result").map_err(internal)?;
        let value = |index| given.raw_get(index).map(|value| super::script::node(&value));
        (1..=times.len()).map(value).collect::<mlua::Result<_>>().map_err(internal)
    }

    async fn call(
        &self,
        definition: &Definition,
        function: Function,
        place: Place,
        variant: usize,
    ) -> Result<Table, Failure> {
        let cell = definition.user.own_cell();
        let slot = || -> mlua::Result<()> {
            let keeping: Function = self.core.kernel.get("keeping")?;
            cell.raw_set(EXPECT_STATUS, judge(&definition.value, None))?;
            self.instances.give_context(cell, variant)?;
            cell.raw_set(BRANCHES, keeping.call::<Function>((cell, function))?)
        };
        slot().map_err(|e| Failure::resource(e.to_string()))?;
        let host = &self.core.host;
        let user = self.instances.bound(|bound| User::definition(host, bound, cell, variant));
        let user = Rc::new(user.ok_or_else(|| Failure::resource("setup runs after bind()"))?);
        user.place.set(place);
        user.may_wait.set(true);
        if place.phase == Phase::Teardown {
            user.cancel.raise(Level::Stopping); // whom it would wait for will not come any more
        }
        let coroutine = &definition.coroutine;
        let mut hook = Hook { core: &self.core, coroutine, user: &user, outcome: None };
        let ended = self.core.run(coroutine, &user, &self.core.body, (cell, BRANCHES)).await;
        hook.outcome = Some(ended.outcome());
        drop(hook);
        match ended {
            Ended::Completed => Ok(cell.clone()),
            Ended::Failed(failure) => Err(*failure),
            Ended::Stopped(why) => Err(why.failure()),
        }
    }
}

/// What the summary hook returned: `{ ["path"] = text }`.
fn files(result: &Value) -> Result<Vec<(String, Vec<u8>)>, String> {
    const USAGE: &str = "summary must return { [\"path\"] = text }";
    let table = match result {
        Value::Nil => return Ok(Vec::new()),
        Value::Table(table) => table,
        other => return Err(format!("{USAGE}, not {}", described(other))),
    };
    let mut files = Vec::new();
    read::each(table, |path, text| match (&path, &text) {
        (Value::String(path), Value::String(text)) => {
            files.push((path.to_string_lossy(), text.as_bytes().to_vec()));
            Ok(())
        }
        (Value::String(path), other) => {
            let path = path.to_string_lossy();
            let hint = "a table becomes one with lt.json.encode";
            Err(format!("{USAGE}, but the value at {path:?} is {}; {hint}", described(other)))
        }
        (other, _) => Err(format!("{USAGE}, but it has the key {}", described(other))),
    })?;
    files.sort();
    Ok(files)
}

/// `setup` or `teardown` under way; dropped without an outcome it was cut off.
struct Hook<'a> {
    core: &'a Core,
    coroutine: &'a Coroutine,
    user: &'a Rc<User>,
    outcome: Option<Outcome>,
}

impl Drop for Hook<'_> {
    fn drop(&mut self) {
        if self.outcome.is_none() {
            self.core.close(self.coroutine, self.user);
        }
        let outcome = self.outcome.unwrap_or(Outcome::Interrupted);
        self.core.host.end_steps(self.user, 0, outcome);
        self.user.give_back();
    }
}
