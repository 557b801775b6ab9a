//! One virtual user: its functions run one at a time, each as a coroutine.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use super::driver::Coroutine;
use super::error::{Ended, Failure};
use super::host::User;
use super::instance::Instances;
use crate::metrics::{Outcome, Place, Trace, TraceId};
use crate::stop::cancel::Cancel;

/// Places of a user's functions in its cell.
pub(super) const ON_START: i64 = 1;
/// See [`ON_START`].
pub(super) const ON_STOP: i64 = 2;
/// The first branch of its mix; `run` alone is a mix of one.
pub(super) const BRANCHES: i64 = 3;

/// A virtual user. A sleeping one costs about 4 KB with its coroutine.
pub struct Vu {
    pub(super) instances: Rc<Instances>,
    pub(super) user: Rc<User>,
    pub(super) coroutine: Coroutine,
    /// Index in the plan.
    pub(super) scenario: usize,
    pub(super) starts: bool,
    pub(super) stops: bool,
}

impl Vu {
    /// `lt.vu.id`.
    pub fn id(&self) -> u64 {
        self.user.id
    }

    /// Whether its scenario has `on_start`.
    pub fn has_on_start(&self) -> bool {
        self.starts
    }

    /// Whether its scenario has `on_stop`.
    pub fn has_on_stop(&self) -> bool {
        self.stops
    }

    /// Whether it has lost its instance of the script, all that it held in Lua, because the heap
    /// was full: it begins anew, with `on_start` if there is one.
    pub fn is_spent(&self) -> bool {
        self.user.spent.get()
    }

    /// What ends its waits.
    pub fn cancel(&self) -> &Rc<Cancel> {
        &self.user.cancel
    }

    /// Runs `on_start`; `Completed` if there is none.
    pub async fn on_start(&self, place: Place) -> Ended {
        if !self.starts {
            return Ended::Completed;
        }
        self.run(ON_START, place).await
    }

    /// Runs branch `branch` of the mix as iteration number `iteration` (from 0).
    pub async fn iterate(&self, iteration: u64, branch: usize, place: Place) -> Ended {
        self.user.iteration.set(iteration);
        self.run(BRANCHES + branch as i64, place).await
    }

    /// Runs `on_stop`; `Completed` if there is none.
    pub async fn on_stop(&self, place: Place) -> Ended {
        if !self.stops {
            return Ended::Completed;
        }
        self.run(ON_STOP, place).await
    }

    /// Tidies up after the future of one of these was dropped: what the coroutine was in the
    /// middle of is closed, and its open steps count as interrupted.
    pub fn interrupt(&self) {
        let core = &self.instances.core;
        core.close(&self.coroutine, &self.user);
        self.user.give_back();
        core.host.end_steps(&self.user, 0, Outcome::Interrupted);
    }

    /// Notes in `trace` what it does from now on.
    pub fn begin_trace(&self, trace: Trace) {
        self.user.trace.replace(Some(trace));
    }

    /// What it did since then, if it was to be noted.
    pub fn end_trace(&self) -> Option<Trace> {
        self.user.trace.take()
    }

    /// The trace that the requests of the iteration carry, or of the last one.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.user.trace_id.get()
    }

    /// `place` with the tags that `lt.tag` has added in the iteration so far, or in the last one.
    pub fn tagged(&self, place: Place) -> Place {
        Place { extra: self.user.place.get().extra, ..place }
    }

    /// Sum of `lt.think` in the iteration so far, or in the last one.
    pub fn thought(&self) -> Duration {
        self.user.thought.get()
    }

    /// An empty cookie jar and empty `lt.vu.vars`.
    pub fn fresh_session(&self) {
        self.user.session.clear();
        if let Some(cell) = self.user.cell.get() {
            // Setting a field of a plain table to nil cannot fail.
            let _ = cell.raw_set("vars", mlua::Value::Nil);
        }
    }

    /// New connections from here on; the old ones close.
    pub fn fresh_connections(&self) {
        self.user.session.reconnect();
    }

    /// Awaits `wait`, about `length` long, while the user sends nothing.
    pub async fn idle<F: Future>(&self, length: Duration, wait: Pin<&mut F>) -> F::Output {
        self.user.session.idle(length, wait).await
    }

    async fn run(&self, function: i64, place: Place) -> Ended {
        let (user, core) = (&self.user, &self.instances.core);
        if user.spent.get()
            && let Err(fault) = self.begin_anew()
        {
            return fault;
        }
        user.place.set(place);
        user.thought.set(Duration::ZERO);
        user.trace_id.set(None);
        let cell = user.cell.get();
        let ended = core.run(&self.coroutine, user, &core.body, (cell, function)).await;
        user.give_back();
        if let Ended::Failed(failure) = &ended {
            core.host.record(failure);
        }
        let counted = (!ended.is_out_of_data()).then(|| ended.outcome());
        core.host.end_steps(user, 0, counted);
        ended
    }

    /// Another instance of the script, and a session to go with it.
    #[cold]
    fn begin_anew(&self) -> Result<(), Ended> {
        self.fresh_session();
        self.instances
            .renew(&self.user, self.scenario)
            .map_err(|fault| Ended::Failed(Box::new(Failure::resource(fault.message))))
    }
}
