//! `lt.poll`: asks again and again until there is an answer, and times how long that took.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use mlua::{Lua, MultiValue, Table, UserData, UserDataRef, Value};
use tokio::time::{Instant, sleep_until};

use super::told::{needs, told, unknown};
use super::user::User;
use super::{AT_TOP_LEVEL, Host, read};
use crate::metrics::Outcome;
use crate::units::print_duration;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let this = host.clone();
    let open = move |_: &Lua, options: Value| Ok(told(Poll::open(&this, &options)));
    h.raw_set("poll_open", lua.create_function(open)?)?;
    let this = host.clone();
    let again = move |_: &Lua, poll: UserDataRef<Poll>| {
        Ok(match poll.next() {
            Ok(due) => {
                let pause = async move {
                    sleep_until(due).await;
                    Ok(MultiValue::new())
                };
                (this.wait(pause).map(str::to_owned), None)
            }
            Err(why) => (None, Some(why)),
        })
    };
    h.raw_set("poll_again", lua.create_function(again)?)?;
    let this = host.clone();
    let close = move |_: &Lua, (poll, found, failed): (UserDataRef<Poll>, bool, bool)| {
        poll.close(&this, found, failed);
        Ok(())
    };
    h.raw_set("poll_close", lua.create_function(close)?)
}

/// One poll under way.
struct Poll {
    user: Rc<User>,
    every: Duration,
    timeout: Duration,
    began: Instant,
    /// Start of the last try.
    tried: Cell<Instant>,
    tries: Cell<u32>,
    /// Sum of the user's pauses when it began.
    thought: Duration,
    gave_up: Cell<bool>,
}

impl UserData for Poll {}

impl Poll {
    fn open(host: &Host, options: &Value) -> Result<Poll, String> {
        let user = host.user();
        if !user.may_wait.get() {
            return Err(AT_TOP_LEVEL.into());
        }
        let Value::Table(table) = options else {
            return Err(needs("lt.poll", "{ every = …, timeout = … } and a function", options));
        };
        let (mut every, mut timeout) = (Duration::from_millis(500), Duration::from_secs(60));
        read::each(table, |key, value| {
            let Value::String(key) = &key else {
                return Err(needs("lt.poll", "{ every = …, timeout = … }", &key));
            };
            let length = |name: &str| match read::duration(&format!("lt.poll: {name}"), &value)? {
                Duration::ZERO => Err(format!("lt.poll: {name} must be longer than 0")),
                length => Ok(length),
            };
            match &*key.to_string_lossy() {
                "every" => every = length("every")?,
                "timeout" => timeout = length("timeout")?,
                name => return Err(unknown("option of lt.poll", name, ["every", "timeout"])),
            }
            Ok(())
        })?;
        let began = Instant::now();
        Ok(Poll {
            every,
            timeout,
            began,
            tried: Cell::new(began),
            tries: Cell::new(1),
            thought: user.thought.get(),
            gave_up: Cell::new(false),
            user,
        })
    }

    /// When the next try starts: `every` after the last one did, and the last one when the time is
    /// up; or why there is none.
    fn next(&self) -> Result<Instant, String> {
        let (now, end) = (Instant::now(), self.began + self.timeout);
        if now >= end {
            self.gave_up.set(true);
            let (timeout, tries) = (print_duration(self.timeout), self.tries.get());
            let word = if tries == 1 { "try" } else { "tries" };
            return Err(format!("no value after {timeout} ({tries} {word})"));
        }
        let due = (self.tried.get() + self.every).max(now).min(end);
        self.tried.set(due);
        self.tries.set(self.tries.get() + 1);
        Ok(due)
    }

    fn close(&self, host: &Host, found: bool, failed: bool) {
        let outcome = match (found, failed || self.gave_up.get()) {
            (true, _) => Outcome::Completed,
            (false, true) => Outcome::Failed,
            (false, false) => Outcome::Interrupted,
        };
        let thought = self.user.thought.get().saturating_sub(self.thought);
        let duration = self.began.elapsed().saturating_sub(thought);
        host.recorder.borrow_mut().poll(&self.user.place.get(), duration, outcome);
    }
}
