//! Runs a coroutine to its end: resumes it, awaits the operations that it leaves, and tells its
//! ends apart. The yield protocol is told in `host/mod.rs`, the ways to be stopped in
//! `sandbox/clock.rs`.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Table, Thread, Value};

use super::error::{Ended, Failure, Stopped};
use super::fault::{NO_MEMORY, describe};
use super::host::{Host, Op, User};
use super::sandbox::{Mark, mark};

/// After so many waits of one run the task lets others run, even if all were over at once.
const WAITS_BETWEEN_YIELDS: u32 = 64;

/// What the coroutines of one state share.
pub(super) struct Core {
    pub(super) lua: Lua,
    pub(super) host: Rc<Host>,
    pub(super) kernel: Table,
    /// `kernel.body`: runs a function of a user's cell.
    pub(super) body: Function,
}

/// One coroutine that is used again and again; made at its first use.
#[derive(Default)]
pub(super) struct Coroutine(RefCell<Option<Thread>>);

/// Where a coroutine has got to.
enum Step {
    Waits(Op),
    Ended(Ended),
}

impl Core {
    /// Runs `entry(args…)` as `user`, waits included.
    pub(super) async fn run(
        &self,
        coroutine: &Coroutine,
        user: &Rc<User>,
        entry: &Function,
        args: impl IntoLuaMulti,
    ) -> Ended {
        let mut step = self.begin(coroutine, user, entry, args);
        let mut waits = 0u32;
        loop {
            let op = match step {
                Step::Ended(ended) => return ended,
                Step::Waits(op) => op,
            };
            waits = waits.wrapping_add(1);
            if waits.is_multiple_of(WAITS_BETWEEN_YIELDS) {
                tokio::task::yield_now().await;
            }
            let result = op.await;
            step = self.go_on(coroutine, user, result);
        }
    }

    /// Runs `entry(args…)` as `user` where nothing may wait.
    pub(super) fn run_now(
        &self,
        coroutine: &Coroutine,
        user: &Rc<User>,
        entry: &Function,
        args: impl IntoLuaMulti,
    ) -> Ended {
        match self.begin(coroutine, user, entry, args) {
            Step::Ended(ended) => ended,
            Step::Waits(_) => unreachable!("Host::wait refuses while may_wait is false"),
        }
    }

    /// Ends whatever the coroutine is in the middle of; its `<close>` variables are closed.
    pub(super) fn close(&self, coroutine: &Coroutine, user: &Rc<User>) {
        let mut slot = coroutine.0.borrow_mut();
        if slot.as_ref().is_some_and(Thread::is_resumable) {
            self.enter(user);
            let closed = slot.as_ref().map(|thread| thread.reset(self.body.clone()));
            if self.host.clock.died() || matches!(closed, Some(Err(_))) {
                *slot = None;
            }
        }
        user.op.take();
        user.stop.take();
    }

    fn enter(&self, user: &Rc<User>) {
        self.host.enter(user);
        self.host.pulse.enter(user.id);
        self.host.clock.begin();
        // The error that it belongs to is passed on within one resume, or was caught.
        self.host.kept.take();
    }

    fn begin(
        &self,
        coroutine: &Coroutine,
        user: &Rc<User>,
        entry: &Function,
        args: impl IntoLuaMulti,
    ) -> Step {
        self.enter(user);
        let mut slot = coroutine.0.borrow_mut();
        let ready = match slot.as_ref() {
            Some(thread) => thread.reset(entry.clone()),
            None => Ok(()),
        };
        if slot.is_none() || ready.is_err() {
            match self.lua.create_thread(entry.clone()) {
                Ok(thread) => *slot = Some(thread),
                Err(error) => return Step::Ended(self.refused(user, &error)),
            }
        }
        drop(slot);
        self.resume(coroutine, user, args)
    }

    fn go_on(
        &self,
        coroutine: &Coroutine,
        user: &Rc<User>,
        result: mlua::Result<MultiValue>,
    ) -> Step {
        self.enter(user);
        match result {
            Ok(values) => self.resume(coroutine, user, values),
            Err(error) => {
                let (category, message) = describe(&error);
                self.resume(coroutine, user, (mark(Mark::Fail), message, category))
            }
        }
    }

    fn resume(&self, coroutine: &Coroutine, user: &Rc<User>, args: impl IntoLuaMulti) -> Step {
        let mut slot = coroutine.0.borrow_mut();
        let Some(thread) = slot.as_ref() else { unreachable!("begin has made the thread") };
        let mut result = thread.resume::<Value>(args);
        loop {
            if self.host.clock.died() {
                let Some(why) = user.stop.take() else {
                    *slot = None;
                    return Step::Ended(self.contained(user, self.killed()));
                };
                drop(slot);
                self.close(coroutine, user);
                return Step::Ended(Ended::Stopped(why));
            }
            match result {
                Ok(Value::LightUserData(yielded)) if yielded == mark(Mark::Op) => {
                    if let Some(op) = user.op.take() {
                        return Step::Waits(op);
                    }
                    // A wait without an operation can only be a stop, and that kills.
                    result = thread.resume::<Value>(mark(Mark::Stray));
                }
                Ok(Value::LightUserData(yielded)) if yielded == mark(Mark::Full) => {
                    *slot = None;
                    let failure = Failure::resource(NO_MEMORY);
                    return Step::Ended(self.contained(user, self.placed(failure)));
                }
                Ok(_) if thread.is_resumable() => result = thread.resume(mark(Mark::Stray)),
                Ok(Value::Boolean(true)) => return Step::Ended(Ended::Completed),
                Ok(_) => {
                    let failure = self.host.failure.take().unwrap_or_default();
                    if failure.category != "resource" {
                        return Step::Ended(Ended::Failed(Box::new(failure)));
                    }
                    *slot = None;
                    return Step::Ended(self.contained(user, self.placed(failure)));
                }
                Err(error) => {
                    *slot = None;
                    return Step::Ended(self.refused(user, &error));
                }
            }
        }
    }

    fn refused(&self, user: &User, error: &mlua::Error) -> Ended {
        let (category, message) = describe(error);
        let failure = Failure { category, message, ..Failure::default() };
        if category == "resource" {
            self.contained(user, self.placed(failure))
        } else {
            Ended::Failed(Box::new(failure))
        }
    }

    /// A failure for want of memory with the place where it was short, as far as that is known.
    fn placed(&self, failure: Failure) -> Failure {
        match self.host.clock.take_shortage() {
            Some(place) if failure.line.is_none() => {
                Failure::at(&self.host, Some(&place), failure.category, &failure.message)
            }
            _ => failure,
        }
    }

    /// Lua cannot say whose memory it is. Where a full collection does not help, the user who
    /// failed loses all that it holds, and begins anew; if that does not help either, the run ends.
    fn contained(&self, user: &User, failure: Failure) -> Ended {
        if self.is_full() {
            if let Some(cell) = user.cell.get() {
                // A plain table can be emptied.
                let _ = cell.clear();
                user.spent.set(true);
            }
            if self.is_full() {
                return Ended::Stopped(Stopped::Run(format!(
                    "the scripts hold more than {} MiB (script_memory_limit)",
                    self.host.memory_limit() >> 20
                )));
            }
        }
        Ended::Failed(Box::new(failure))
    }

    /// Whether nine tenths of the memory that scripts may have are in use, garbage apart.
    fn is_full(&self) -> bool {
        let most = self.host.memory_limit() / 10 * 9;
        if self.lua.used_memory() >= most {
            // A collection that fails leaves the memory in use, which is looked at next.
            let _ = self.lua.gc_collect();
        }
        self.lua.used_memory() >= most
    }

    /// Why a coroutine was killed that was not told to stop.
    fn killed(&self) -> Failure {
        if self.host.exhausted.take() {
            let limit = self.host.held_limit() >> 20;
            return Failure::resource(format!("responses hold more than {limit} MiB of memory"));
        }
        let limit = self.host.clock.limit();
        let rule = format!(
            "the script computed for more than {limit:?} without waiting (script_cpu_limit)"
        );
        let place = self.host.clock.take_position();
        Failure::at(&self.host, place.as_ref(), "script", &rule)
    }
}
