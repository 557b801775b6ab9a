//! `lt.parallel`: branches, which are coroutines of one user whose waits are awaited together.
//!
//! A branch runs until it waits; what it waits for goes from the user's slot into the *bundle*. Once
//! every branch waits, so does the coroutine around them, for the first of them: one operation like
//! any other, so that the driver knows nothing of branches, and bundles nest. A bundle ends with
//! its last branch or with the first error; then, and when the run cuts it off, the branches left
//! are closed: their operations are dropped, their open steps count as interrupted.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mlua::{Function, Lua, MultiValue, Table, Thread, UserData, UserDataRef, Value};
use tokio::time::Instant;

use super::told::{needs, told};
use super::user::{Strand, User};
use super::{AT_TOP_LEVEL, Host, Op, read};
use crate::lua::fault::{NO_MEMORY, describe};
use crate::lua::sandbox::{Mark, mark};
use crate::metrics::Outcome;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let this = host.clone();
    let open = move |lua: &Lua, (list, entry): (Value, Function)| {
        Ok(told(match functions(&this, &list) {
            Ok(functions) => Ok(Handle(Rc::new(Bundle::new(lua, &this, &functions, &entry)?))),
            Err(message) => Err(message),
        }))
    };
    h.raw_set("parallel_open", lua.create_function(open)?)?;
    let run = |_: &Lua, bundle: UserDataRef<Handle>| bundle.0.run();
    h.raw_set("parallel_run", lua.create_function(run)?)?;
    let this = host.clone();
    let wait = move |_: &Lua, bundle: UserDataRef<Handle>| Ok(this.wait(bundle.0.clone().first()));
    h.raw_set("parallel_wait", lua.create_function(wait)?)?;
    let close = |_: &Lua, bundle: UserDataRef<Handle>| {
        bundle.0.close();
        Ok(())
    };
    h.raw_set("parallel_close", lua.create_function(close)?)
}

/// What the author gave, or what is wrong with it.
fn functions(host: &Host, list: &Value) -> Result<Vec<Function>, String> {
    const USAGE: &str = "a list of functions";
    if !host.user().may_wait.get() {
        return Err(AT_TOP_LEVEL.into());
    }
    let Value::Table(table) = list else { return Err(needs("lt.parallel", USAGE, list)) };
    let items = read::list("lt.parallel", USAGE, table)?;
    let function = |(n, item): (usize, Value)| match item {
        Value::Function(function) => Ok(function),
        other => Err(needs(&format!("lt.parallel, item {n},"), "a function", &other)),
    };
    (1..).zip(items).map(function).collect()
}

/// A bundle in Lua.
struct Handle(Rc<Bundle>);

impl UserData for Handle {}

/// The branches of one `lt.parallel`.
struct Bundle {
    host: Rc<Host>,
    user: Rc<User>,
    began: Instant,
    branches: Vec<Rc<Branch>>,
    /// What a closed coroutine is given instead of its own function.
    entry: Function,
    /// Branches that go on at the next [`Bundle::run`], and what with; in turn.
    ready: RefCell<Vec<(usize, mlua::Result<MultiValue>)>>,
    /// What the other branches wait for.
    waiting: RefCell<FuturesUnordered<Wait>>,
    closed: Cell<bool>,
}

struct Branch {
    user: Rc<User>,
    coroutine: Thread,
    /// The user's own while the branch does not run.
    strand: RefCell<Strand>,
    /// How long it took and what it gave, once it has ended.
    end: RefCell<Option<(Duration, Value)>>,
}

impl Branch {
    /// Runs `f` with the branch's steps and pauses as the user's.
    fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.user.swap(&self.strand);
        let result = f();
        self.user.swap(&self.strand);
        result
    }
}

/// Where a branch has got to.
enum Step {
    Waits(Op),
    Ended(Value),
    Failed(Value),
    /// The user was told to stop, or computed for too long.
    Dies,
}

/// Where a bundle has got to, as the sugar spells it; the values are the results or the error.
const ENDED: u8 = 0;
const FAILED: u8 = 1;
const WAITS: u8 = 2;
const DIES: u8 = 3;

impl Bundle {
    fn new(
        lua: &Lua,
        host: &Rc<Host>,
        functions: &[Function],
        entry: &Function,
    ) -> mlua::Result<Bundle> {
        let user = host.user();
        let branch = |_| -> mlua::Result<Rc<Branch>> {
            Ok(Rc::new(Branch {
                user: user.clone(),
                coroutine: lua.create_thread(entry.clone())?,
                strand: RefCell::new(Strand::beside(&user)),
                end: RefCell::default(),
            }))
        };
        let branches = functions.iter().map(branch).collect::<mlua::Result<_>>()?;
        // Taken from the end: the first branch runs first.
        let first = |(n, function): (usize, &Function)| {
            (n, Ok(MultiValue::from_vec(vec![Value::Function(function.clone())])))
        };
        let ready = functions.iter().enumerate().map(first).rev().collect();
        Ok(Bundle {
            host: host.clone(),
            user: user.clone(),
            began: Instant::now(),
            branches,
            entry: entry.clone(),
            ready: RefCell::new(ready),
            waiting: RefCell::default(),
            closed: Cell::new(false),
        })
    }

    /// Lets every branch that is ready go on until it waits or ends.
    fn run(&self) -> mlua::Result<(u8, MultiValue)> {
        loop {
            let Some((index, given)) = self.ready.borrow_mut().pop() else { break };
            let branch = &self.branches[index];
            match branch.within(|| self.resume(branch, given)) {
                Err(error) if !self.host.clock.dying() => return Err(error),
                Err(_) | Ok(Step::Dies) => {
                    self.abandon();
                    return Ok((DIES, MultiValue::new()));
                }
                Ok(Step::Waits(op)) => {
                    let wait = Wait { branch: branch.clone(), index, op: Some(op) };
                    self.waiting.borrow().push(wait);
                }
                Ok(Step::Ended(value)) => {
                    *branch.end.borrow_mut() = Some((self.began.elapsed(), value));
                }
                Ok(Step::Failed(error)) => return Ok((FAILED, MultiValue::from_vec(vec![error]))),
            }
        }
        if !self.waiting.borrow().is_empty() {
            return Ok((WAITS, MultiValue::new()));
        }
        let result = |branch: &Rc<Branch>| match branch.end.take() {
            Some((took, value)) => {
                *branch.end.borrow_mut() = Some((took, Value::Nil));
                value
            }
            None => unreachable!("a branch that neither waits nor is ready has ended"),
        };
        Ok((ENDED, self.branches.iter().map(result).collect()))
    }

    fn resume(&self, branch: &Branch, given: mlua::Result<MultiValue>) -> mlua::Result<Step> {
        let coroutine = &branch.coroutine;
        let mut yielded: MultiValue = match given {
            Ok(values) => coroutine.resume(values)?,
            Err(error) => {
                let (category, message) = describe(&error);
                coroutine.resume((mark(Mark::Fail), message, category))?
            }
        };
        loop {
            if self.host.clock.dying() {
                return Ok(Step::Dies);
            }
            let tag = yielded.pop_front().unwrap_or(Value::Nil);
            if !coroutine.is_resumable() {
                let value = yielded.pop_front().unwrap_or(Value::Nil);
                return Ok(match tag {
                    Value::Boolean(true) => Step::Ended(value),
                    _ => Step::Failed(value),
                });
            }
            if tag == Value::LightUserData(mark(Mark::Op))
                && let Some(op) = self.user.op.take()
            {
                return Ok(Step::Waits(op));
            }
            if tag == Value::LightUserData(mark(Mark::Full)) {
                return Err(mlua::Error::MemoryError(NO_MEMORY.to_owned()));
            }
            yielded = coroutine.resume(mark(Mark::Stray))?;
        }
    }

    /// Waits until one of the branches may go on.
    async fn first(self: Rc<Self>) -> mlua::Result<MultiValue> {
        // Taken along, so that whoever drops this wait drops what it waits for.
        let mut waiting = self.waiting.take();
        if let Some((index, result)) = waiting.next().await {
            self.ready.borrow_mut().push((index, result));
        }
        drop(self.waiting.replace(waiting));
        Ok(MultiValue::new())
    }

    /// Drops what the branches wait for and ends their open steps.
    fn abandon(&self) {
        drop(self.waiting.take());
        for branch in &self.branches {
            branch.within(|| self.host.end_steps(&self.user, 0, Outcome::Interrupted));
        }
    }

    /// Ends whatever is under way; the time that was all thinking counts as the user's. What the
    /// others took is the bundle's: for one that took `t` and thought for `p`, the longest t − p.
    fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        self.abandon();
        let took = self.began.elapsed();
        let mut busy = Duration::ZERO;
        for branch in &self.branches {
            let end = branch.end.take();
            if end.is_none() {
                // Errors of `<close>` variables have nobody to go to.
                let _ = branch.within(|| branch.coroutine.reset(self.entry.clone()));
            }
            let branch_took = end.map_or(took, |(took, _)| took);
            busy = busy.max(branch_took.saturating_sub(branch.strand.borrow().thought()));
        }
        let thought = &self.user.thought;
        thought.set(thought.get() + took.saturating_sub(busy));
    }
}

/// What one branch waits for: polled and dropped as the branch.
struct Wait {
    branch: Rc<Branch>,
    index: usize,
    op: Option<Op>,
}

impl Future for Wait {
    type Output = (usize, mlua::Result<MultiValue>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Wait { branch, index, op } = &mut *self;
        let Some(waited) = op else { return Poll::Pending };
        let poll = branch.within(|| waited.as_mut().poll(context));
        if poll.is_ready() {
            branch.within(|| *op = None);
        }
        poll.map(|result| (*index, result))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(op) = self.op.take() {
            self.branch.within(|| drop(op));
        }
    }
}
