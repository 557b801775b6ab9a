//! What scripts can call. One file per module of `lt`, each exporting
//! `register(lua, host, h)`, which puts raw host functions into the table `h`; the sugar over
//! them is Lua (`lua/*.lua`), because a Rust function cannot wait through a Lua callback.
//!
//! Two conventions. A host function never raises: it returns a message first (`nil` if all is
//! well), and the Lua above it raises, which is twenty times cheaper and keeps the author's line.
//! A host function that waits leaves an [`Op`] with [`Host::wait`]; its Lua then yields, and the
//! driver of the user awaits the operation and resumes with what it gave.

pub mod encode;
pub mod json;
pub mod random;
pub mod time;
pub mod told;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use mlua::MultiValue;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::http::{CallOptions, Session, Transport};
use crate::metrics::{Place, Recorder};

/// A wait: what the driver awaits, and what the coroutine is resumed with.
pub type Op = LocalBoxFuture<'static, mlua::Result<MultiValue>>;

/// What all users of a worker share.
pub struct Host {
    /// Where samples go.
    pub recorder: Rc<RefCell<Recorder>>,
    /// Where connections come from.
    pub transport: Rc<dyn Transport>,
    /// The user whose coroutine runs; set by the driver around each resume. `None` while a
    /// script's top level runs: nothing may wait there.
    pub current: RefCell<Option<Rc<User>>>,
    /// Process-wide things (pools, environment, clock).
    pub shared: Arc<Shared>,
}

/// What all workers of the process share.
pub struct Shared {
    /// `lt.env`.
    pub env: Vec<(String, String)>,
    /// Data pools.
    pub pools: crate::data::Pools,
    /// When the run began; `lt.time.elapsed()`.
    pub started: tokio::time::Instant,
    /// Decides every random choice.
    pub seed: u64,
}

/// One virtual user, as host functions see it.
pub struct User {
    /// From 1, in the run.
    pub id: u64,
    /// From 1, in the scenario.
    pub number: u64,
    /// Its name.
    pub scenario: Arc<str>,
    /// From 0.
    pub iteration: Cell<u64>,
    /// Tags of the samples that it makes now; `step` is the innermost open step.
    pub place: Cell<Place>,
    /// Sum of `lt.think` since the iteration began.
    pub thought: Cell<Duration>,
    /// `lt.random` and `math.random`, seeded from (run seed, scenario, number).
    pub rng: RefCell<Xoshiro256PlusPlus>,
    /// Cookies and connections.
    pub session: Session,
    /// Defaults of its calls.
    pub options: Rc<CallOptions>,
    /// Joined with URLs that start with `/`.
    pub base_url: Option<Rc<url::Url>>,
    /// The operation that its coroutine waits for.
    pub op: RefCell<Option<Op>>,
}
