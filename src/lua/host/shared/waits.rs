//! What waits for other users: queues, values computed once, barriers; and limiters, which wait
//! for time alone.
//!
//! Once nothing more starts for the user who waits, others may never come: waiting for a value, a
//! place or a round then ends with `nil, "stopping"`. A limiter goes on like any pause, lest all
//! who wait for their turn rush off together, and so does who waits for a value that is being
//! computed.

use std::ffi::c_void;
use std::rc::Rc;
use std::time::Duration;

use mlua::{IntoLuaMulti, Lua, MultiValue, Table, Value};

use super::{Sharing, key_of, name_of};
use crate::lua::host::read;
use crate::lua::host::told::{needs, told};
use crate::shared::{self, Limiter, Queue, Taken, Turn};
use crate::units;

/// A value that a user is to compute.
pub struct OpenTurn {
    /// Of this worker's turns.
    number: u64,
    turn: Turn,
    ttl: Option<Duration>,
    key: Rc<[u8]>,
    /// The coroutine that asked.
    coroutine: *const c_void,
}

/// Puts the raw functions into `h`.
pub(super) fn register(lua: &Lua, sharing: &Rc<Sharing>, h: &Table) -> mlua::Result<()> {
    register_queue(lua, sharing, h)?;
    register_once(lua, sharing, h)?;
    register_gates(lua, sharing, h)
}

fn register_queue(lua: &Lua, sharing: &Rc<Sharing>, h: &Table) -> mlua::Result<()> {
    let this = sharing.clone();
    let open =
        move |_: &Lua, (name, options): (Value, Value)| Ok(told(this.queue(&name, &options)));
    h.raw_set("shared_queue", lua.create_function(open)?)?;
    let this = sharing.clone();
    let push =
        move |lua: &Lua, (queue, value): (usize, Value)| Ok(this.push(lua, queue, &value).err());
    h.raw_set("shared_push", lua.create_function(push)?)?;
    let this = sharing.clone();
    let pop =
        move |lua: &Lua, (queue, timeout): (usize, Value)| Ok(this.pop(lua, queue, &timeout).err());
    h.raw_set("shared_pop", lua.create_function(pop)?)?;
    let this = sharing.clone();
    let length = move |_: &Lua, queue: usize| Ok(this.queues.get(queue).len());
    h.raw_set("shared_length", lua.create_function(length)?)
}

fn register_once(lua: &Lua, sharing: &Rc<Sharing>, h: &Table) -> mlua::Result<()> {
    let this = sharing.clone();
    let once =
        move |lua: &Lua, (key, options): (Value, Value)| Ok(this.once(lua, &key, &options).err());
    h.raw_set("shared_once", lua.create_function(once)?)?;
    let this = sharing.clone();
    let finish = move |_: &Lua, (turn, computed, value): (u64, bool, Value)| {
        Ok(this.finish(turn, computed.then_some(&value)).err())
    };
    h.raw_set("shared_finish", lua.create_function(finish)?)
}

fn register_gates(lua: &Lua, sharing: &Rc<Sharing>, h: &Table) -> mlua::Result<()> {
    let this = sharing.clone();
    let open = move |_: &Lua, (name, n): (Value, Value)| Ok(told(this.barrier(&name, &n)));
    h.raw_set("shared_barrier", lua.create_function(open)?)?;
    let this = sharing.clone();
    let arrive = move |lua: &Lua, barrier: usize| Ok(this.arrive(lua, barrier).err());
    h.raw_set("shared_arrive", lua.create_function(arrive)?)?;
    let this = sharing.clone();
    let open = move |_: &Lua, (name, rate): (Value, Value)| Ok(told(this.limiter(&name, &rate)));
    h.raw_set("shared_limiter", lua.create_function(open)?)?;
    let this = sharing.clone();
    let pass = move |lua: &Lua, limiter: usize| Ok(this.pass(lua, limiter).err());
    h.raw_set("shared_pass", lua.create_function(pass)?)
}

impl Sharing {
    fn queue(&self, name: &Value, options: &Value) -> Result<usize, String> {
        let name = name_of("queue", name)?;
        self.queues.number(self.objects().queue(&name, queue_max(options)?))
    }

    fn barrier(&self, name: &Value, n: &Value) -> Result<usize, String> {
        let name = name_of("barrier", name)?;
        let n = count("lt.shared.barrier: n", n)?;
        self.barriers.number(self.objects().barrier(&name, n))
    }

    fn limiter(&self, name: &Value, rate: &Value) -> Result<usize, String> {
        let name = name_of("limiter", name)?;
        self.limiters.number(self.objects().limiter(&name, per_s(rate)?))
    }

    fn push(&self, lua: &Lua, queue: usize, value: &Value) -> Result<(), String> {
        let value = self.encoded("queue:push", value)?;
        let queue = self.queues.get(queue);
        let pushed = async move {
            queue.push(value).await;
            Ok(Value::Boolean(true))
        };
        self.wait_for_others(lua, pushed, None)
    }

    fn pop(self: &Rc<Self>, lua: &Lua, queue: usize, timeout: &Value) -> Result<(), String> {
        let timeout = match timeout {
            Value::Nil => None,
            timeout => Some(read::duration("queue:pop: timeout", timeout)?),
        };
        let (this, state, queue) = (self.clone(), lua.clone(), self.queues.get(queue));
        let popped = async move {
            let value = queue.pop().await;
            this.decoded(&state, &value)
        };
        self.wait_for_others(lua, popped, timeout)
    }

    fn arrive(&self, lua: &Lua, barrier: usize) -> Result<(), String> {
        let barrier = self.barriers.get(barrier);
        let complete = async move {
            barrier.wait().await;
            Ok(Value::Boolean(true))
        };
        self.wait_for_others(lua, complete, None)
    }

    /// Waits for what others do: its value, or `nil` and why it did not come.
    fn wait_for_others(
        &self,
        lua: &Lua,
        done: impl Future<Output = mlua::Result<Value>> + 'static,
        timeout: Option<Duration>,
    ) -> Result<(), String> {
        let (lua, cancel) = (lua.clone(), self.host.user().cancel.clone());
        self.wait(async move {
            let given_up = async {
                match timeout {
                    Some(timeout) => tokio::time::sleep(timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                done = done => done?.into_lua_multi(&lua),
                () = cancel.closing() => (Value::Nil, "stopping").into_lua_multi(&lua),
                () = given_up => (Value::Nil, "timeout").into_lua_multi(&lua),
            }
        })
    }

    fn wait(
        &self,
        op: impl Future<Output = mlua::Result<MultiValue>> + 'static,
    ) -> Result<(), String> {
        self.host.wait(op).map_or(Ok(()), |message| Err(message.to_owned()))
    }

    fn pass(&self, lua: &Lua, limiter: usize) -> Result<(), String> {
        let (lua, limiter) = (lua.clone(), self.limiters.get(limiter));
        self.wait(async move {
            limiter.wait().await;
            true.into_lua_multi(&lua)
        })
    }

    /// Waits for the value of `key`: `nil` and the value, or the number of the turn to compute it.
    fn once(self: &Rc<Self>, lua: &Lua, key: &Value, options: &Value) -> Result<(), String> {
        let key: Rc<[u8]> = key_of("lt.shared.once", key)?.into();
        let ttl = ttl(options)?;
        let (user, coroutine) = (self.host.user(), lua.current_thread().to_pointer());
        let same = |open: &OpenTurn| open.key == key && open.coroutine == coroutine;
        if user.turns.borrow().iter().any(same) {
            return Err("lt.shared.once: the key is asked for inside the function that computes \
                        its value"
                .into());
        }
        let (this, lua) = (self.clone(), lua.clone());
        self.wait(async move {
            match this.objects().once(&key).await.map_err(mlua::Error::runtime)? {
                Taken::Value(value) => {
                    (Value::Nil, this.decoded(&lua, &value)?).into_lua_multi(&lua)
                }
                Taken::Turn(turn) => {
                    let number = this.turns.get() + 1;
                    this.turns.set(number);
                    let turn = OpenTurn { number, turn, ttl, key, coroutine };
                    user.turns.borrow_mut().push(turn);
                    number.into_lua_multi(&lua)
                }
            }
        })
    }

    /// Ends a turn of the running user's: with what it computed, or without, for the next in line.
    fn finish(&self, turn: u64, value: Option<&Value>) -> Result<(), String> {
        let user = self.host.user();
        let mut turns = user.turns.borrow_mut();
        let Some(index) = turns.iter().position(|open| open.number == turn) else {
            return Ok(()); // its coroutine outlived the iteration in which it began
        };
        let OpenTurn { turn, ttl, .. } = turns.remove(index);
        match value {
            None => {}
            Some(Value::Nil) => turn.finish(self.nil()?, ttl),
            Some(value) => turn.finish(self.encoded("lt.shared.once", value)?, ttl),
        }
        Ok(())
    }

    fn nil(&self) -> Result<shared::Value, String> {
        self.objects().value(Vec::new()).map_err(|fault| fault.to_string())
    }
}

/// `{ max = 1000 }`.
fn queue_max(options: &Value) -> Result<Option<usize>, String> {
    let mut max = None;
    read::option("lt.shared.queue", "max", options, |value| {
        max = Some(count("lt.shared.queue: max", value)?);
        Ok(())
    })?;
    Ok(max)
}

/// `{ ttl = "4m" }`.
fn ttl(options: &Value) -> Result<Option<Duration>, String> {
    let mut ttl = None;
    read::option("lt.shared.once", "ttl", options, |value| {
        ttl = Some(read::duration("lt.shared.once: ttl", value)?);
        Ok(())
    })?;
    Ok(ttl)
}

/// A whole number from 1.
fn count(what: &str, value: &Value) -> Result<usize, String> {
    match read::count(what, value) {
        Ok(n @ 1..) if n <= Queue::MOST as u64 => Ok(n as usize),
        _ => Err(needs(what, "a whole number from 1", value)),
    }
}

/// `"50/s"`.
fn per_s(rate: &Value) -> Result<f64, String> {
    let Value::String(text) = rate else {
        return Err(needs("lt.shared.limiter", "a rate like \"50/s\"", rate));
    };
    let text = text.to_string_lossy();
    let per_s = units::rate(&text).map_err(|fault| format!("lt.shared.limiter: {fault}"))?;
    match Limiter::RATES.contains(&per_s) {
        true => Ok(per_s),
        false => Err(format!("lt.shared.limiter: {text} is not between one a day and 1G/s")),
    }
}
