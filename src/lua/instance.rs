//! Instances of the script: its top level, run once for the definition and once per user, each in
//! an environment of its own, and the user's functions taken out of what it returned.
//!
//! A user who failed for want of memory while the heap was full has lost its instance (see
//! `driver.rs`), and gets another before anything of it runs again.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Function, Table, Value};

use super::driver::{Core, Coroutine};
use super::error::Ended;
use super::host::user::EXPECT_STATUS;
use super::host::{Bound, User};
use super::program::Program;
use super::value::Json;
use super::vm::UserSpec;
use super::vu::{BRANCHES, ON_START, ON_STOP, Vu};
use crate::diagnostic::Diagnostic;
use crate::plan::Scenario;

/// What users of one worker are made of.
pub(super) struct Instances {
    pub(super) core: Rc<Core>,
    program: Arc<Program>,
    main: Function,
    start: Function,
    /// In which scripts' top levels run, one after another.
    loader: Coroutine,
    bound: RefCell<Option<Bound>>,
    /// What `setup` returned, read-only, for each variant.
    contexts: RefCell<Vec<Value>>,
}

impl Instances {
    /// Of the script whose compiled text is `main`; `start` is the kernel's.
    pub(super) fn new(
        core: Rc<Core>,
        program: Arc<Program>,
        main: Function,
        start: Function,
    ) -> Instances {
        let (loader, bound, contexts) = Default::default();
        Instances { core, program, main, start, loader, bound, contexts }
    }

    /// Fixes what users are made for.
    pub(super) fn bind(&self, bound: Bound) {
        *self.bound.borrow_mut() = Some(bound);
    }

    /// What that gives; `None` before.
    pub(super) fn bound<R>(&self, read: impl FnOnce(&Bound) -> R) -> Option<R> {
        self.bound.borrow().as_ref().map(read)
    }

    /// Fixes what `setup` returned, as JSON.
    pub(super) fn hand_over(&self, contexts: &[Arc<[u8]>]) -> mlua::Result<()> {
        let lua = &self.core.lua;
        let freeze: Function = self.core.kernel.get("freeze")?;
        let frozen = |ctx: &Arc<[u8]>| match &**ctx {
            b"null" => Ok(Value::Nil),
            ctx => freeze.call(Json::of(lua)?.decode(lua, ctx)?.map_err(mlua::Error::runtime)?),
        };
        let contexts = contexts.iter().map(frozen).collect::<mlua::Result<Vec<_>>>()?;
        if let [one] = &contexts[..] {
            self.core.kernel.get::<Table>("shared")?.raw_set("ctx", one)?;
        }
        *self.contexts.borrow_mut() = contexts;
        Ok(())
    }

    /// Gives a cell the ctx of its variant, where each has its own; what all share costs no cell.
    pub(super) fn give_context(&self, cell: &Table, variant: usize) -> mlua::Result<()> {
        match &self.contexts.borrow()[..] {
            [] | [_] => Ok(()),
            contexts => cell.raw_set("ctx", contexts.get(variant)),
        }
    }

    /// A user with an instance of its own.
    pub(super) fn user(self: &Rc<Self>, spec: UserSpec) -> Result<Vu, Diagnostic> {
        let user = self.bound(|bound| Rc::new(User::new(&self.core.host, bound, &spec)));
        let user = user.ok_or_else(|| Diagnostic::new("users are made after bind()"))?;
        let (starts, stops) = self.make(&user, spec.scenario)?;
        let (instances, coroutine) = (self.clone(), Coroutine::default());
        Ok(Vu { instances, user, coroutine, scenario: spec.scenario, starts, stops })
    }

    /// Another instance for a user who has lost its own.
    pub(super) fn renew(&self, user: &Rc<User>, scenario: usize) -> Result<(), Diagnostic> {
        user.may_wait.set(false);
        self.make(user, scenario)?;
        user.spent.set(false);
        Ok(())
    }

    /// An instance for `user` of a scenario: whether it has `on_start` and `on_stop`.
    fn make(&self, user: &Rc<User>, scenario: usize) -> Result<(bool, bool), Diagnostic> {
        let value = self.run(user)?;
        let take =
            |bound: &Bound| self.take_functions(user, &value, &bound.plan.scenarios[scenario]);
        let functions = self.bound(take).expect("users are made after bind()")?;
        self.give_context(user.own_cell(), user.variant)
            .map_err(|e| Diagnostic::new(format!("cannot hand over ctx: {e}")))?;
        user.may_wait.set(true);
        Ok(functions)
    }

    /// Runs the script's top level as `user`, with a cell and an environment of its own.
    pub(super) fn run(&self, user: &Rc<User>) -> Result<Value, Diagnostic> {
        let core = &self.core;
        let internal = |e: mlua::Error| Diagnostic::new(format!("cannot run the script: {e}"));
        let cell = core.lua.create_table().map_err(internal)?;
        let cell = user.cell.get_or_init(|| cell);
        match core.run_now(&self.loader, user, &self.start, (cell, &self.main)) {
            Ended::Completed => cell.raw_get("value").map_err(internal),
            Ended::Failed(failure) => Err(failure.diagnostic()),
            Ended::Stopped(why) => Err(why.failure().diagnostic()),
        }
    }

    /// Moves the user's functions from its instance's definition into its cell.
    fn take_functions(
        &self,
        user: &User,
        value: &Value,
        scenario: &Scenario,
    ) -> Result<(bool, bool), Diagnostic> {
        let cell = user.own_cell();
        let found = functions(value, scenario).map_err(|missing| {
            Diagnostic::new(format!(
                "scenario `{}` has {missing} in one instance of the script and not in another; \
                 every user's must be of the same shape",
                scenario.name
            ))
            .at(self.program.path(), None)
        })?;
        let store = || -> mlua::Result<()> {
            cell.raw_set(ON_START, found.on_start.as_ref())?;
            cell.raw_set(ON_STOP, found.on_stop.as_ref())?;
            for (index, branch) in (BRANCHES..).zip(&found.branches) {
                cell.raw_set(index, branch)?;
            }
            if scenario.http.judged {
                cell.raw_set(EXPECT_STATUS, judge(value, Some(&scenario.name)))?;
            }
            cell.raw_set("value", Value::Nil)
        };
        store().map_err(|e| Diagnostic::new(format!("cannot make a user: {e}")))?;
        Ok((found.on_start.is_some(), found.on_stop.is_some()))
    }
}

/// The function that says which answers are expected: the scenario's, else the definition's.
pub(super) fn judge(value: &Value, scenario: Option<&str>) -> Option<Function> {
    let Value::Table(definition) = value else { return None };
    let of = |table: &Table| -> Option<Function> {
        table.raw_get::<Table>("http").ok()?.raw_get("expect_status").ok()
    };
    let named = |name: &str| -> Option<Table> {
        definition.raw_get::<Table>("scenarios").ok()?.raw_get(name).ok()
    };
    scenario.and_then(named).as_ref().and_then(of).or_else(|| of(definition))
}

/// What a user of one scenario runs.
struct Functions {
    on_start: Option<Function>,
    on_stop: Option<Function>,
    branches: Vec<Function>,
}

/// The functions of `scenario` in what an instance returned; else the name of one that is not
/// there.
fn functions(value: &Value, scenario: &Scenario) -> Result<Functions, String> {
    let table = match value {
        Value::Function(run) => {
            return Ok(Functions { on_start: None, on_stop: None, branches: vec![run.clone()] });
        }
        Value::Table(definition) => definition
            .raw_get::<Table>("scenarios")
            .and_then(|scenarios| scenarios.raw_get::<Table>(&*scenario.name))
            .map_err(|_| "a table".to_owned())?,
        _ => return Err("a definition".to_owned()),
    };
    let optional = |name: &str| table.raw_get::<Option<Function>>(name).ok().flatten();
    let branches = match table.raw_get::<Option<Table>>("mix").ok().flatten() {
        None => vec![optional("run").ok_or("`run`")?],
        Some(mix) => (1..=scenario.mix.len())
            .map(|index| {
                let entry: Table = mix.raw_get(index).ok()?;
                entry.raw_get::<Function>("run").ok()
            })
            .collect::<Option<Vec<_>>>()
            .filter(|branches| branches.len() == mix.raw_len())
            .ok_or("a `mix`")?,
    };
    Ok(Functions { on_start: optional("on_start"), on_stop: optional("on_stop"), branches })
}
