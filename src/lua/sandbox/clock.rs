//! How long a user may compute without waiting, and how it is ended when it does not stop.
//!
//! Between two waits a coroutine has one *slice*. A count hook, called every 100 instructions,
//! stamps the slice's start at its first tick (so that short slices cost no clock) and then looks
//! whether the limit has passed. Wall time alone would convict the innocent on a machine that was
//! suspended or is overloaded: at least half of the limit must also have been spent on the CPU,
//! as counted from an eighth of the limit on.
//!
//! A coroutine beyond the limit is *dying*: the first tick yields, which nothing in Lua can catch,
//! and the driver drops it. Where no yield is possible (a comparator, `__tostring`, a message
//! handler) that does nothing; then every instruction raises or yields by turns, in each coroutine
//! that still runs, until the C function in between is left.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use mlua::debug::Debug;
use mlua::{Error, HookTriggers, Lua, Result, Table, VmState};
use rustix::time::{ClockId, clock_gettime};

use super::super::host::Host;
use super::super::place::{Position, position};

/// Instructions between two looks at the clock. One instruction may take 30 ms (a long `..`), so
/// a larger number would overshoot; it costs 10 to 20 % of pure Lua against 1,000.
const TICK: u32 = 100;

/// The slice that runs.
pub struct Clock {
    limit: Cell<Duration>,
    /// Counts slices; a tick that finds a new number stamps the start.
    slice: Cell<u64>,
    stamped: Cell<u64>,
    began: Cell<Duration>,
    /// CPU time at an eighth of the limit.
    cpu: Cell<Option<Duration>>,
    dying: Cell<bool>,
    /// Whether the dying coroutine has been told to yield.
    ticked: Cell<bool>,
    at: RefCell<Option<Position>>,
    /// Where the script was when memory was short, and in which slice.
    short: RefCell<Option<(u64, Position)>>,
}

impl Default for Clock {
    fn default() -> Self {
        Clock {
            limit: Cell::new(Duration::from_secs(1)),
            slice: Cell::new(1),
            stamped: Cell::new(0),
            began: Cell::default(),
            cpu: Cell::default(),
            dying: Cell::default(),
            ticked: Cell::default(),
            at: RefCell::default(),
            short: RefCell::default(),
        }
    }
}

impl Clock {
    /// Sets `script_cpu_limit`.
    pub fn set_limit(&self, limit: Duration) {
        self.limit.set(limit);
    }

    /// `script_cpu_limit`.
    pub fn limit(&self) -> Duration {
        self.limit.get()
    }

    /// A coroutine is about to be resumed.
    pub(in crate::lua) fn begin(&self) {
        self.slice.set(self.slice.get() + 1);
    }

    /// The running coroutine must not execute another instruction of the author's.
    pub(in crate::lua) fn kill(&self) {
        if !self.dying.replace(true) {
            self.ticked.set(false);
        }
    }

    /// Whether it was killed; asked once after each resume.
    pub(in crate::lua) fn died(&self) -> bool {
        self.dying.replace(false)
    }

    /// Whether it is being killed.
    pub(in crate::lua) fn dying(&self) -> bool {
        self.dying.get()
    }

    /// Where the script was when the limit passed.
    pub(in crate::lua) fn take_position(&self) -> Option<Position> {
        self.at.take()
    }

    /// Where the slice that has just ended was short of memory, if it was: an error for want of it
    /// does not say where it arose.
    pub(in crate::lua) fn take_shortage(&self) -> Option<Position> {
        let shortage = self.short.take()?;
        (shortage.0 == self.slice.get()).then_some(shortage.1)
    }

    fn note_shortage(&self, lua: &Lua) {
        if let Some(at) = position(lua) {
            *self.short.borrow_mut() = Some((self.slice.get(), at));
        }
    }

    /// Raises if the slice is over: for our own functions that do much in one instruction.
    pub(in crate::lua) fn check(&self, lua: &Lua) -> Result<()> {
        if !self.dying.get() && self.over() {
            self.condemn(lua);
        }
        if self.dying.get() { Err(Error::external(Dying)) } else { Ok(()) }
    }

    fn over(&self) -> bool {
        let now = read(ClockId::Monotonic);
        if self.stamped.replace(self.slice.get()) != self.slice.get() {
            self.began.set(now);
            self.cpu.set(None);
            return false;
        }
        let (elapsed, limit) = (now.saturating_sub(self.began.get()), self.limit.get());
        match self.cpu.get() {
            _ if elapsed < limit / 8 => false,
            None => {
                self.cpu.set(Some(read(ClockId::ThreadCPUTime)));
                false
            }
            Some(_) if elapsed < limit => false,
            Some(cpu) => read(ClockId::ThreadCPUTime).saturating_sub(cpu) >= limit / 2,
        }
    }

    fn condemn(&self, lua: &Lua) {
        self.kill();
        *self.at.borrow_mut() = position(lua);
    }

    /// A look at the clock, every [`TICK`] instructions.
    fn tick(host: &Rc<Host>, lua: &Lua) -> Result<VmState> {
        let clock = &host.clock;
        if !clock.dying.get() {
            let short = clock.cpu.get().is_none();
            if !clock.over() {
                if short && clock.cpu.get().is_some() {
                    host.pulse.show(position(lua).map(|at| at.to_string()));
                }
                if short_of_memory(host, lua) {
                    clock.note_shortage(lua);
                }
                return Ok(VmState::Continue);
            }
            clock.condemn(lua);
        }
        if !clock.ticked.replace(true) {
            return Ok(VmState::Yield);
        }
        lua.set_hook(HookTriggers::new().every_nth_instruction(1), last_hook(host))?;
        Err(Error::external(Dying))
    }
}

/// Whether hardly any memory is left, garbage apart: less than the largest texts of most scripts,
/// and before long not even what a call of ours takes, the hook's among them.
fn is_full(host: &Host, lua: &Lua) -> bool {
    if !short_of_memory(host, lua) {
        return false;
    }
    host.clock.note_shortage(lua);
    // A collection that fails leaves the memory in use, which is looked at next.
    let _ = lua.gc_collect();
    short_of_memory(host, lua)
}

fn short_of_memory(host: &Host, lua: &Lua) -> bool {
    lua.used_memory() > host.memory_limit() / 16 * 15
}

/// Puts `full` into `h`: whether whoever goes on after an error could not be held back any more.
pub(super) fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> Result<()> {
    let host = host.clone();
    h.raw_set("full", lua.create_function(move |lua, ()| Ok(is_full(&host, lua)))?)
}

/// Watches every coroutine that is made in `lua` from now on.
pub(super) fn install(lua: &Lua, host: &Rc<Host>) -> Result<()> {
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(TICK), hook(host))
}

fn hook(host: &Rc<Host>) -> impl Fn(&Lua, &Debug) -> Result<VmState> + 'static {
    let host = host.clone();
    move |lua, _| Clock::tick(&host, lua)
}

/// The hook of a coroutine that goes on while it should die: raises and yields by turns. One that
/// was kept and is resumed in another slice gets the usual hook again.
fn last_hook(host: &Rc<Host>) -> impl Fn(&Lua, &Debug) -> Result<VmState> + 'static {
    let (host, raised) = (host.clone(), Cell::new(true));
    move |lua, _| {
        if !host.clock.dying.get() {
            lua.set_hook(HookTriggers::new().every_nth_instruction(TICK), hook(&host))?;
            return Ok(VmState::Continue);
        }
        if raised.replace(!raised.get()) {
            return Ok(VmState::Yield);
        }
        Err(Error::external(Dying))
    }
}

fn read(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Raised where a dying coroutine cannot yield; no author's code sees it for long.
#[derive(Debug, thiserror::Error)]
#[error("the script computed for longer than script_cpu_limit without waiting")]
pub(in crate::lua) struct Dying;
