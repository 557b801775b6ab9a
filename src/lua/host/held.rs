//! Memory that Lua objects hold outside Lua's heap, of which the collector would know nothing.

use std::rc::Rc;

use mlua::Lua;

use super::Host;

/// Held bytes that may be garbage before a small heap is collected: fewer collections cost memory,
/// more of them a tenth of the time of a request.
const GARBAGE: usize = 2 << 20;

/// Bytes of Lua's heap that a step of the collector marks: some 25,000 references.
const HEAP_OF_STEP: usize = 256 << 10;

/// Held bytes per step of the collector, at least. With N MB of users there are 4 N steps to a
/// collection, so that many times this may be garbage.
pub(super) const GC_STEP: usize = 64 << 10;

/// Most steps in a row.
const STEPS: usize = 512;

/// Bytes outside Lua's heap that something in it keeps alive; uncounted when dropped.
pub struct Held {
    host: Rc<Host>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.host.held.set(self.host.held.get() - self.bytes);
    }
}

impl Host {
    /// Most bytes that the responses of one worker's users may hold outside Lua's heap.
    pub fn held_limit(&self) -> usize {
        self.memory_limit.get().saturating_mul(4)
    }

    /// Counts `bytes` that a Lua object holds outside Lua's heap until the value is dropped, and
    /// drives the collector on as if Lua had allocated them. Beyond the limit, garbage apart,
    /// the running user's iteration ends.
    pub fn hold(self: &Rc<Self>, lua: &Lua, bytes: usize) -> Held {
        self.held.set(self.held.get() + bytes);
        if self.held.get() > self.held_limit() {
            // A collection fails only for want of memory, which the next allocation reports.
            let _ = lua.gc_collect();
            if self.held.get() > self.held_limit() {
                self.exhausted.set(true);
                self.clock.kill();
            }
        }
        let untold = self.untold.get() + bytes;
        let patience = self.patience.get();
        if untold < patience {
            self.untold.set(untold);
        } else {
            self.untold.set(0);
            for _ in 0..(untold / patience).min(STEPS) {
                // A step fails only for want of memory, which the next allocation reports.
                let _ = lua.gc_step();
            }
            let steps = (lua.used_memory() / HEAP_OF_STEP).max(1);
            self.patience.set((GARBAGE / steps).max(GC_STEP));
        }
        Held { host: self.clone(), bytes }
    }

    /// Bytes held outside Lua's heap now.
    pub fn held(&self) -> usize {
        self.held.get()
    }
}
