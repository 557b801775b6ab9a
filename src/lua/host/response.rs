//! What a call gives to the script: fields and extraction on demand, no table built unasked.
//!
//! The userdata's `__index` is the Lua function of `response.lua`, so that a field that does not
//! exist raises at the author's line, and methods are Lua over the raw functions here.

use std::rc::Rc;

use mlua::{
    AnyUserData, Function, Lua, LuaString, MetaMethod, Table, UserData, UserDataFields,
    UserDataMethods, Value,
};

use super::told::{Told, described, needs, told, unknown};
use super::{Held, Host};
use crate::extract::cookie;
use crate::http::Response;

/// Where the Lua function that indexes responses is kept.
const INDEX: &str = "loadtool.response.index";
/// What a script may ask a response for.
const FIELDS: [&str; 27] = [
    "body",
    "cookie",
    "cookies",
    "css",
    "css_all",
    "error",
    "extract",
    "form",
    "header",
    "header_all",
    "headers",
    "hops",
    "json",
    "json_all",
    "ms",
    "ok",
    "proto",
    "regex",
    "regex_all",
    "request",
    "reused",
    "size",
    "status",
    "timings",
    "url",
    "xpath",
    "xpath_all",
];

/// A response in Lua.
pub struct Reply {
    /// What came back; whether it was expected may be said later.
    pub response: Response,
    /// Its memory, as the collector must know of it.
    _held: Held,
}

impl UserData for Reply {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_meta_field("__name", "response");
        fields.add_meta_field_with(MetaMethod::Index, |lua| {
            lua.named_registry_value::<Function>(INDEX)
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::ToString, |_, reply, ()| {
            Ok(format!("response {} of {}", reply.response.status, title(&reply.response)))
        });
    }
}

impl Reply {
    /// Hands a response to Lua. About a microsecond, collection included.
    pub fn give(lua: &Lua, host: &Rc<Host>, response: Response) -> mlua::Result<AnyUserData> {
        let bytes = size_of::<Reply>() + response.body.len() + 64 * response.headers.len();
        let held = host.hold(lua, bytes);
        lua.create_userdata(Reply { response, _held: held })
    }
}

/// Runs `f` on the response that an argument is.
pub fn with<R>(value: &Value, f: impl FnOnce(&Response) -> R) -> Result<R, String> {
    let answer = match value {
        Value::UserData(data) => data.borrow_scoped::<Reply, R>(|reply| f(&reply.response)).ok(),
        _ => None,
    };
    answer.ok_or_else(|| match value {
        Value::Nil => "a response is needed here, not nil: what should hold it has no value, or a \
                       method lacks its colon, r:json(…)"
            .into(),
        other => format!(
            "a response is needed here, not {}: methods take a colon, r:json(…)",
            described(other)
        ),
    })
}

/// `POST /cart/{id}`.
pub fn title(response: &Response) -> String {
    format!("{} {}", response.request.method, response.request.name)
}

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let index = |lua: &Lua, index: Function| lua.set_named_registry_value(INDEX, index);
    h.raw_set("response_index", lua.create_function(index)?)?;
    let field = |lua: &Lua, (r, key): (Value, Value)| told_in(with(&r, |r| field(lua, r, &key)));
    h.raw_set("response_field", lua.create_function(field)?)?;
    h.raw_set("response_title", lua.create_function(|_, r: Value| Ok(with(&r, title).ok()))?)?;
    let this = host.clone();
    let illustrate = move |_: &Lua, (r, message): (Value, mlua::LuaString)| {
        if let Ok(response) = with(&r, Response::clone) {
            let (shared, message) = (this.shared.clone(), message.to_string_lossy());
            let exemplar = move || shared.redactor.exemplar(&response.request, &response);
            *this.exemplar.borrow_mut() = Some((message, Box::new(exemplar)));
        }
        Ok(())
    };
    h.raw_set("response_illustrate", lua.create_function(illustrate)?)
}

/// A [`Told`] of what was made in Lua.
fn told_in<T>(answer: Result<mlua::Result<Result<T, String>>, String>) -> mlua::Result<Told<T>> {
    Ok(match answer {
        Ok(made) => told(made?),
        Err(message) => told(Err(message)),
    })
}

/// One field; the inner error is for a name that does not exist.
fn field(lua: &Lua, r: &Response, key: &Value) -> mlua::Result<Result<Value, String>> {
    let Value::String(name) = key else {
        return Ok(Err(needs("a response", "the name of a field", key)));
    };
    Ok(Ok(match &*name.as_bytes() {
        b"status" => Value::Integer(r.status.into()),
        b"ok" => Value::Boolean(r.expected),
        b"body" => Value::String(lua.create_string(&r.body)?),
        b"ms" => Value::Number(r.duration.as_secs_f64() * 1e3),
        b"size" => Value::Integer(r.size.cast_signed()),
        b"proto" => Value::String(lua.create_string(r.proto)?),
        b"reused" => Value::Boolean(r.reused),
        b"hops" => Value::Integer(r.hops.into()),
        b"url" => Value::String(lua.create_string(r.url.as_str())?),
        b"error" => error(lua, r)?,
        b"headers" => Value::Table(headers(lua, &r.headers)?),
        b"cookies" => Value::Table(cookies(lua, r)?),
        b"timings" => Value::Table(timings(lua, r)?),
        b"request" => Value::Table(request(lua, r)?),
        _ => return Ok(Err(unknown("field of a response", &name.to_string_lossy(), FIELDS))),
    }))
}

fn error(lua: &Lua, r: &Response) -> mlua::Result<Value> {
    let Some(error) = &r.error else { return Ok(Value::Nil) };
    let table = lua.create_table()?;
    table.raw_set("category", error.category.as_str())?;
    table.raw_set("message", error.message.as_str())?;
    Ok(Value::Table(table))
}

/// Lower-case names; several values joined by `", "`.
fn headers(lua: &Lua, headers: &http::HeaderMap) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, headers.keys_len())?;
    for name in headers.keys() {
        table.raw_set(name.as_str(), joined(lua, headers, name.as_str())?)?;
    }
    Ok(table)
}

/// The values of one header, joined by `", "`.
pub fn joined(lua: &Lua, headers: &http::HeaderMap, name: &str) -> mlua::Result<Option<LuaString>> {
    let mut values = headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
    let Some(first) = values.next() else { return Ok(None) };
    let Some(second) = values.next() else { return lua.create_string(first).map(Some) };
    let mut all = [first, second].join(&b", "[..]);
    for value in values {
        all.extend_from_slice(b", ");
        all.extend_from_slice(value);
    }
    lua.create_string(all).map(Some)
}

fn cookies(lua: &Lua, r: &Response) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, value) in cookie::set_by(&r.headers) {
        table.raw_set(lua.create_string(name)?, lua.create_string(value)?)?;
    }
    Ok(table)
}

fn timings(lua: &Lua, r: &Response) -> mlua::Result<Table> {
    let t = &r.timings;
    let parts = [
        ("blocked", t.blocked),
        ("dns", t.dns),
        ("connect", t.connect),
        ("tls", t.tls),
        ("send", t.send),
        ("wait", t.wait),
        ("receive", t.receive),
    ];
    lua.create_table_from(parts.map(|(name, time)| (name, time.as_secs_f64() * 1e3)))
}

fn request(lua: &Lua, r: &Response) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("method", r.request.method.as_str())?;
    table.raw_set("url", r.request.url.as_str())?;
    table.raw_set("name", &*r.request.name)?;
    table.raw_set("headers", headers(lua, &r.request.headers)?)?;
    if let Some(body) = r.request.body.bytes() {
        table.raw_set("body", lua.create_string(body)?)?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use crate::http::{Exchange, SimulatedTransport};
    use crate::lua::error::Ended;
    use crate::lua::testing::{Bench, block_on};
    use crate::metrics::Place;

    const BODY: usize = 1 << 20;

    /// Most bytes that responses of 1 MiB hold after an iteration that dropped its own, and the
    /// bytes in Lua's heap, of which one user keeps `tables` tables.
    fn most_held(tables: usize, iterations: u64) -> (usize, usize) {
        let script = format!(
            "local lt, kept = require 'loadtool', {{}}
             for i = 1, {tables} do kept[i] = {{ i }} end
             return function()
               assert(lt.http.get('http://127.0.0.1/').status == 200 and #kept == {tables})
             end"
        );
        let bench = Bench::new(&script, &[]);
        bench.host.clock.set_limit(Duration::from_secs(600));
        let body = Bytes::from(vec![b'x'; BODY]);
        bench.host.use_transport(std::rc::Rc::new(SimulatedTransport::new(move |_| {
            let answer = Exchange { body: body.clone(), ..Exchange::answer(200, "") };
            (Duration::from_micros(1), answer)
        })));
        let user = bench.user(1);
        let mut most = 0;
        for n in 0..iterations {
            let ended = block_on(async { user.iterate(n, 0, Place::default()).await });
            assert_eq!(ended, Ended::Completed);
            most = most.max(bench.host.held());
        }
        (most, bench.vm.used_memory() as usize)
    }

    #[test]
    fn garbage_of_large_bodies_stays_within_the_bound_that_is_documented() {
        for (tables, iterations) in [(0, 500), (100_000, 500), (400_000, 200)] {
            let (most, heap) = most_held(tables, iterations);
            assert!(most <= (4 << 20) + heap / 8, "{most} bytes over a heap of {heap}");
        }
    }
}
