//! One call of a user, ready to be sent and recorded.
//!
//! Whether its answer is expected may be for a function of the script to say. Then the call is not
//! over with the answer: it stays *open* until the Lua above has asked the function, which may wait
//! as anything else may.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{AnyUserData, Function, Lua, MultiValue, Table, UserData, UserDataRef, Value};

use super::Host;
use super::observe::{Ids, Watch};
use super::response::Reply;
use super::user::User;
use crate::http::{Request, Response, call};
use crate::lua::sandbox::{Mark, mark};
use crate::metrics::{NameId, Place};

/// Where the Lua function that asks the script's functions is kept.
const JUDGE: &str = "loadtool.http.judge";

/// A request, and where and as what its samples are recorded.
pub struct Call {
    pub host: Rc<Host>,
    pub ids: Rc<Ids>,
    pub place: Place,
    pub name: NameId,
    pub user: Rc<User>,
    pub request: Rc<Request>,
    /// Says whether the answer is expected.
    pub judge: Option<Function>,
}

/// What came of a call.
pub struct Outcome {
    response: Response,
    /// Set if somebody is yet to say whether that was expected.
    open: Option<Box<(Watch, Function)>>,
}

impl Call {
    /// Sends it now; if the future is dropped, the call was interrupted.
    pub async fn send(mut self) -> Outcome {
        let judge = self.judge.take();
        let watch = Watch::begin(self, judge.is_some());
        let request = watch.call().request.clone();
        let response = call(&watch.call().user.session, request, &watch).await;
        match judge {
            Some(judge) if response.error.is_none() => {
                Outcome { response, open: Some(Box::new((watch, judge))) }
            }
            _ => {
                watch.end(&response);
                Outcome { response, open: None }
            }
        }
    }
}

impl Outcome {
    /// What the coroutine that waits for this call is resumed with.
    pub fn give(self, lua: &Lua, host: &Rc<Host>) -> mlua::Result<MultiValue> {
        let reply = Reply::give(lua, host, self.response)?;
        match self.open {
            None => Ok(MultiValue::from_vec(vec![Value::UserData(reply)])),
            Some(open) => {
                let open = lua.create_sequence_from([opened(lua, &reply, *open)?])?;
                judged(lua, Value::UserData(reply), open)
            }
        }
    }

    /// The same for the calls of a batch.
    pub fn give_all(all: Vec<Outcome>, lua: &Lua, host: &Rc<Host>) -> mlua::Result<MultiValue> {
        let (replies, calls) = (lua.create_table()?, lua.create_table()?);
        for Outcome { response, open } in all {
            let reply = Reply::give(lua, host, response)?;
            if let Some(open) = open {
                calls.raw_push(opened(lua, &reply, *open)?)?;
            }
            replies.raw_push(reply)?;
        }
        match calls.is_empty() {
            true => Ok(MultiValue::from_vec(vec![Value::Table(replies)])),
            false => judged(lua, Value::Table(replies), calls),
        }
    }
}

/// `{ reply, call, function }`, as the judge takes it.
fn opened(lua: &Lua, reply: &AnyUserData, open: (Watch, Function)) -> mlua::Result<Table> {
    let (watch, judge) = open;
    let call = lua.create_userdata(Open(Cell::new(Some(watch))))?;
    lua.create_sequence_from([
        Value::UserData(reply.clone()),
        Value::UserData(call),
        Value::Function(judge),
    ])
}

/// Has the Lua above ask the functions of `open` before it goes on with `result`.
fn judged(lua: &Lua, result: Value, open: Table) -> mlua::Result<MultiValue> {
    let judge: Function = lua.named_registry_value(JUDGE)?;
    let mark = Value::LightUserData(mark(Mark::Fail));
    let values = vec![mark, Value::Function(judge), result, Value::Table(open)];
    Ok(MultiValue::from_vec(values))
}

/// A call that waits for its verdict; without one it was interrupted.
struct Open(Cell<Option<Watch>>);

impl UserData for Open {}

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, h: &Table) -> mlua::Result<()> {
    let judge = |lua: &Lua, judge: Function| lua.set_named_registry_value(JUDGE, judge);
    h.raw_set("http_judge", lua.create_function(judge)?)?;
    let close = |_: &Lua, (call, reply, verdict): Verdict| {
        if let (Some(watch), Some(verdict)) = (call.0.take(), verdict) {
            reply.borrow_mut_scoped(|reply: &mut Reply| {
                reply.response.expected = verdict;
                watch.end(&reply.response);
            })?;
        }
        Ok(())
    };
    h.raw_set("http_judged", lua.create_function(close)?)
}

/// A call that is open, its reply, and what was said of it: nothing if it was cut off.
type Verdict = (UserDataRef<Open>, AnyUserData, Option<bool>);
