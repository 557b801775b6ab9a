//! What scripts can call: the frame in which the modules of `lt` are written.
//!
//! **A module** is one Rust file with `register(lua, host, h)`, which puts raw host functions into
//! the table `h`, and one Lua file, its sugar, which makes of them what the author sees; both are
//! listed in [`MODULES`]. The sugar is needed because a Rust function cannot wait through a Lua
//! callback, and because raising from Lua is twenty times cheaper than from Rust. It is run once
//! per worker as `local lt, h, k = ...`, with the *raw* standard libraries as its globals, and adds
//! to `lt`; afterwards `lt` and every plain table in it become read-only. `k`, the kernel, offers
//! (all raise with the author's own file and line):
//!
//! | call | does |
//! | --- | --- |
//! | `k.value(h.f(…))` | raises `f`'s first result as a message, unless it is `nil`; else the rest |
//! | `k.await(h.f(…))` | the same, then waits for the operation and returns what it gave |
//! | `k.receive(h.f(…))` | the same for an operation that gives one value, a little quicker |
//! | `k.raise(message[, category])` | raises a fault: a table `{ category, message, step, … }` |
//! | `k.fault(category, message)` | makes one |
//! | `k.described(v)` | a value as messages show it |
//! | `k.keep` | a message handler for `xpcall`: keeps the raise point's place and traceback |
//! | `k.readonly(t)` | a proxy that cannot be written to (tables inside are not covered) |
//! | `k.object(name, functions[, length])` | an object with these as its methods, read-only |
//! | `k.at_once(f, v)` | `xpcall(f, k.keep, v)`, inside which nothing can wait |
//! | `k.cell()` | the running user's own Lua table (see [`User::cell`]) |
//!
//! **A host function** never raises an `Err` of its own: it returns a message first (`nil` if all
//! is well), as [`told`](told::told) makes of a `Result`. All modules share `h`: a raw function's
//! name begins with its module's.
//!
//! **One that waits** leaves an operation with [`Host::wait`] and returns; its sugar yields by
//! `k.await`. The driver awaits the operation and resumes with what it gave; of an `Err` it makes
//! a fault. At a script's top level nothing waits: `Host::wait` gives the message to return.
//! `pause.rs` and `pause.lua` show all of it in a few lines.
//!
//! **A stop** ([`Host::stop`]) is no error: the coroutine is never resumed, so no `pcall` sees it.

mod batch;
mod call;
mod check;
mod compiled;
mod cookies;
mod crypto;
mod data;
mod encode;
mod extract;
mod fake;
mod form;
mod held;
mod http;
mod json;
mod known;
mod jwt;
mod log;
mod metrics;
mod markup;
mod multipart;
mod observe;
mod options;
mod parallel;
mod pause;
mod poll;
mod pool_options;
mod process;
mod random;
pub(super) mod read;
mod response;
mod shared;
mod step;
mod time;
pub mod told;
pub mod tracer;
mod url;
mod url_parts;
pub mod user;
mod vu;
pub mod witness;

#[cfg(test)]
mod tests;

use std::cell::{Cell, OnceCell, RefCell};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use mlua::{Lua, MultiValue, Table};

pub use held::Held;
pub use process::Shared;
use tracer::Tracer;
pub use user::{Bound, OpenStep, User};
use witness::Witness;

use super::error::{Failure, Stopped};
use super::fault::Kept;
use super::place::{Sources, position};
use super::pulse::Pulse;
use super::sandbox::MEMORY_LIMIT;
use super::sandbox::clock::Clock;
use crate::http::Transport;
use crate::metrics::{NameId, Outcome, Recorder, StepSample};
use crate::plan::draft::Limits;

/// Every module of `lt`, in the order in which they are set up: name, raw functions, sugar.
pub const MODULES: &[Module] = &[
    Module { name: "time", register: time::register, sugar: include_str!("time.lua") },
    Module { name: "json", register: json::register, sugar: include_str!("json.lua") },
    Module { name: "encode", register: encode::register, sugar: include_str!("encode.lua") },
    Module { name: "url", register: url_parts::register, sugar: include_str!("url_parts.lua") },
    Module { name: "crypto", register: crypto::register, sugar: include_str!("crypto.lua") },
    Module { name: "jwt", register: jwt::register, sugar: include_str!("jwt.lua") },
    Module { name: "random", register: random::register, sugar: include_str!("random.lua") },
    Module { name: "fake", register: fake::register, sugar: include_str!("fake.lua") },
    Module { name: "log", register: log::register, sugar: include_str!("log.lua") },
    Module { name: "vu", register: vu::register, sugar: include_str!("vu.lua") },
    Module { name: "pause", register: pause::register, sugar: include_str!("pause.lua") },
    Module { name: "poll", register: poll::register, sugar: include_str!("poll.lua") },
    Module { name: "parallel", register: parallel::register, sugar: include_str!("parallel.lua") },
    Module { name: "step", register: step::register, sugar: include_str!("step.lua") },
    Module { name: "data", register: data::register, sugar: include_str!("data.lua") },
    Module { name: "extract", register: extract::register, sugar: include_str!("extract.lua") },
    Module { name: "metrics", register: metrics::register, sugar: include_str!("metrics.lua") },
    Module { name: "shared", register: shared::register, sugar: include_str!("shared.lua") },
    Module { name: "response", register: response::register, sugar: include_str!("response.lua") },
    Module { name: "http", register: http::register, sugar: include_str!("http.lua") },
    Module { name: "form", register: form::register, sugar: include_str!("form.lua") },
    Module { name: "check", register: check::register, sugar: include_str!("check.lua") },
];

/// One module of `lt`.
pub struct Module {
    /// For messages about a broken build only.
    pub name: &'static str,
    /// Puts the raw functions into the table.
    pub register: fn(&Lua, &Rc<Host>, &Table) -> mlua::Result<()>,
    /// Makes of them what the author sees.
    pub sugar: &'static str,
}

/// A wait: what the driver awaits, and what the coroutine is resumed with.
pub type Op = LocalBoxFuture<'static, mlua::Result<MultiValue>>;

/// Makes the exemplar of an error: heads and bodies, secrets redacted.
pub type Exemplar = Box<dyn FnOnce() -> String>;

/// What all users of a worker share.
pub struct Host {
    /// Where samples go.
    pub recorder: Rc<RefCell<Recorder>>,
    /// Where connections come from.
    transport: RefCell<Rc<dyn Transport>>,
    /// Where the script lies; set when it is loaded.
    pub folder: OnceCell<PathBuf>,
    /// Process-wide things (pools, environment, clock).
    pub shared: Arc<Shared>,
    /// The CPU limit of one slice between two waits.
    pub clock: Clock,
    /// What the control thread sees of this worker.
    pub pulse: Arc<Pulse>,
    /// Who is told what users do, if anybody is; set before the state is made.
    pub witness: OnceCell<Witness>,
    /// Gives requests their traces, if they are to carry any.
    pub tracer: Option<Tracer>,
    /// Most bytes of Lua's heap.
    memory_limit: Cell<usize>,
    /// Text of every Lua file that was loaded, for messages.
    pub sources: RefCell<Sources>,
    /// The user whose coroutine runs; the last one that ran while none does.
    current: RefCell<Rc<User>>,
    /// What the running coroutine failed with, left by its outermost message handler.
    pub(super) failure: RefCell<Option<Failure>>,
    /// Traceback of an error that a step passes on.
    pub(super) kept: RefCell<Option<Kept>>,
    /// What illustrates a failure with that message, if it is recorded and first of its kind.
    pub exemplar: RefCell<Option<(String, Exemplar)>>,
    /// Titles of the pools that were opened, by their numbers.
    pub(super) pools: RefCell<Vec<NameId>>,
    /// Bytes that Lua objects hold outside Lua's heap, those not yet told to the collector, and how
    /// many of these there may be.
    held: Cell<usize>,
    /// Whether the running coroutine dies for want of them.
    pub(super) exhausted: Cell<bool>,
    untold: Cell<usize>,
    patience: Cell<usize>,
}

impl Host {
    /// A worker's host; `transport` opens the connections of its users.
    pub fn new(
        recorder: Rc<RefCell<Recorder>>,
        transport: Rc<dyn Transport>,
        shared: Arc<Shared>,
    ) -> Rc<Host> {
        let nobody = Rc::new(User::nobody(transport.open(None), shared.seed));
        Rc::new(Host {
            recorder,
            tracer: shared.trace.then(Tracer::default),
            transport: RefCell::new(transport),
            folder: OnceCell::new(),
            shared,
            clock: Clock::default(),
            pulse: Arc::default(),
            witness: OnceCell::new(),
            memory_limit: Cell::new(MEMORY_LIMIT),
            sources: RefCell::default(),
            current: RefCell::new(nobody),
            failure: RefCell::default(),
            kept: RefCell::default(),
            exemplar: RefCell::default(),
            pools: RefCell::default(),
            held: Cell::new(0),
            exhausted: Cell::new(false),
            untold: Cell::new(0),
            patience: Cell::new(held::GC_STEP),
        })
    }

    /// The folder to which the script's files are confined.
    pub(super) fn folder(&self) -> &Path {
        self.folder.get().map_or(Path::new("."), PathBuf::as_path)
    }

    /// What the script may compute and keep; of a state that exists already, [`Vm`] knows too.
    ///
    /// [`Vm`]: crate::lua::vm::Vm
    pub fn set_limits(&self, limits: Limits) {
        if let Some(cpu) = limits.cpu {
            self.clock.set_limit(cpu);
        }
        if let Some(memory) = limits.memory {
            self.memory_limit.set(usize::try_from(memory).unwrap_or(usize::MAX));
        }
    }

    /// `script_memory_limit`, in bytes.
    pub fn memory_limit(&self) -> usize {
        self.memory_limit.get()
    }

    /// Where connections come from.
    pub fn transport(&self) -> Rc<dyn Transport> {
        self.transport.borrow().clone()
    }

    /// Takes the connections of users made from now on elsewhere: a script's settings are known
    /// only once it has run.
    pub fn use_transport(&self, transport: Rc<dyn Transport>) {
        *self.transport.borrow_mut() = transport;
    }

    /// The user whose coroutine runs. While a script's top level runs it is the one it is run
    /// for, or, for the definition, one with `id` 0.
    pub fn user(&self) -> Rc<User> {
        self.current.borrow().clone()
    }

    /// The path of a file that a script names: it is relative to the calling file.
    pub fn beside_caller(&self, lua: &Lua, file: &str) -> PathBuf {
        let sources = self.sources.borrow();
        let folder = position(lua)
            .and_then(|place| Some(sources.path(&place.chunk)?.parent()?.to_owned()))
            .unwrap_or_default();
        folder.join(file)
    }

    /// Makes `user` the running one.
    pub(super) fn enter(&self, user: &Rc<User>) {
        if !Rc::ptr_eq(&self.current.borrow(), user) {
            *self.current.borrow_mut() = user.clone();
        }
    }

    /// Leaves what the running user's coroutine waits for; `Some` is the message to return
    /// instead, where nothing may wait.
    pub fn wait(
        &self,
        op: impl Future<Output = mlua::Result<MultiValue>> + 'static,
    ) -> Option<&'static str> {
        let user = self.current.borrow();
        if !user.may_wait.get() {
            return Some(AT_TOP_LEVEL);
        }
        *user.op.borrow_mut() = Some(Box::pin(op));
        None
    }

    /// Ends the running user's iteration without an error, and what `why` says beyond it. The
    /// sugar must wait right after (`k.await(h.f())`); that wait never returns.
    pub fn stop(&self, why: Stopped) {
        self.user().stop.replace(Some(why));
        self.clock.kill();
    }

    /// Records the innermost open steps of `user` as ended, all but the outermost `keep`. Without
    /// an outcome they are in no number.
    pub(super) fn end_steps(&self, user: &User, keep: usize, outcome: impl Into<Option<Outcome>>) {
        let outcome = outcome.into();
        let mut steps = user.steps.borrow_mut();
        while steps.len() > keep
            && let Some(step) = steps.pop()
        {
            let thought = user.thought.get().saturating_sub(step.thought);
            let length = step.began.elapsed();
            if let Some(trace) = &mut *user.trace.borrow_mut() {
                trace.close(step.mark, length);
            }
            let duration = length.saturating_sub(thought);
            let mut place = user.place.get();
            if let Some(outcome) = outcome {
                let mut recorder = self.recorder.borrow_mut();
                if let Some(chosen) = recorder.step(&place, &StepSample { duration, outcome }) {
                    let traits = known::of_step(self, user, &step, duration, &recorder);
                    recorder.keep(chosen, &place, &traits);
                }
            }
            place.step = step.outer;
            user.place.set(place);
        }
    }

    /// Records a failure of the running user's; the exemplar that was left illustrates it.
    pub(super) fn record(&self, failure: &Failure) {
        let user = self.user();
        let mut recorder = self.recorder.borrow_mut();
        let mut place = user.place.get();
        place.step = recorder.intern(&failure.step);
        let left = self.exemplar.take().filter(|(message, _)| failure.message.ends_with(message));
        let at = self.shared.elapsed();
        let exemplar = || left.map_or_else(|| failure.illustrated(), |(_, left)| left());
        recorder.error(&place, failure.category, 0, &failure.message, at, exemplar);
    }
}

/// Why nothing may wait.
const AT_TOP_LEVEL: &str = "nothing can wait at a script's top level: requests and pauses belong \
                            into functions that the run calls";
