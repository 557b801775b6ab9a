//! `lt.http`: from what the author wrote to a request under way, and to a response in Lua.
//!
//! The commonest call, a literal URL without options, reuses its whole request.

use std::rc::Rc;
use std::str::FromStr;

use http::{HeaderMap, Method};
use mlua::{Function, Lua, Table, Value};

use super::batch::{self, Batch};
use super::call::{self, Call, Outcome};
use super::observe::{self, Ids};
use super::options::{Given, Setting};
use super::told::needs;
use super::url::{Template, Templates};
use super::user::{EXPECT_STATUS, User};
use super::{AT_TOP_LEVEL, Host, cookies};
use crate::http::{Payload, Request};
use crate::lua::value::Json;
use crate::share::turns::Turns;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let caller = Rc::new(Caller {
        host: host.clone(),
        json: Json::of(lua)?,
        templates: std::array::from_fn(|_| Templates::default()),
        ids: Rc::new(Ids::new(&mut host.recorder.borrow_mut())),
    });
    let this = caller.clone();
    let start = move |lua: &Lua, (method, url, options): (Value, Value, Value)| {
        Ok(match this.prepare(&method, &url, &options) {
            Ok(prepared) => this.start(lua, prepared).map(str::to_owned),
            Err(message) => Some(message),
        })
    };
    h.raw_set("http_call", lua.create_function(start)?)?;
    let this = caller.clone();
    let start = move |lua: &Lua, (list, options): (Value, Value)| {
        Ok(match this.batch(lua, &list, &options) {
            Ok(calls) => this.start_all(lua, calls).map(str::to_owned),
            Err(message) => Some(message),
        })
    };
    h.raw_set("http_batch", lua.create_function(start)?)?;
    call::register(lua, h)?;
    cookies::register(lua, host, h)
}

/// What the calls of one worker share.
struct Caller {
    host: Rc<Host>,
    json: Rc<Json>,
    /// By variant of the target.
    templates: [Templates; Turns::MOST],
    ids: Rc<Ids>,
}

/// A request and what its samples are called.
struct Prepared {
    user: Rc<User>,
    request: Rc<Request>,
    tags: Vec<(String, String)>,
    judge: Option<Function>,
}

impl Caller {
    fn prepare(&self, method: &Value, url: &Value, options: &Value) -> Result<Prepared, String> {
        let user = self.host.user();
        if !user.may_wait.get() {
            return Err(AT_TOP_LEVEL.into());
        }
        let method = method_of(method)?;
        let Value::String(url) = url else { return Err(needs("a request", "a URL", url)) };
        let url = url.to_str().map_err(|_| "the URL is not UTF-8".to_owned())?;
        let template = self.templates[user.variant].of(&url, user.base_url.as_deref())?;
        match options {
            Value::Nil => {
                let request = plain(&template, &user, method)?;
                let judge = judge(&user, &request, None);
                Ok(Prepared { user, request, tags: Vec::new(), judge })
            }
            Value::Table(options) => self.with_options(user, method, &template, options),
            other => Err(needs("a request", "a table of options", other)),
        }
    }

    fn with_options(
        &self,
        user: Rc<User>,
        method: Method,
        template: &Template,
        options: &Table,
    ) -> Result<Prepared, String> {
        let setting = Setting {
            defaults: &user.options,
            json: &self.json,
            folder: self.host.folder(),
            rng: &user.rng,
        };
        let given = Given::read(options, &setting)?;
        let mut url = template.fill(&given.path)?;
        if !given.query.is_empty() {
            let query = match url.query() {
                Some(before) if !before.is_empty() => format!("{before}&{}", given.query),
                _ => given.query,
            };
            Rc::make_mut(&mut url).set_query(Some(&query));
        }
        let request = Rc::new(Request {
            method,
            url,
            name: given.name.map_or_else(|| template.name.clone(), Into::into),
            headers: given.headers,
            body: given.body,
            options: given.options,
        });
        let judge = judge(&user, &request, given.judge);
        Ok(Prepared { user, request, tags: given.tags, judge })
    }

    /// Leaves the call as what the user's coroutine waits for.
    fn start(&self, lua: &Lua, prepared: Prepared) -> Option<&'static str> {
        let (call, lua, host) = (self.call(prepared), lua.clone(), self.host.clone());
        self.host.wait(async move { call.send().await.give(&lua, &host) })
    }

    /// Every call of a batch, so that nothing is sent if one of them has a mistake.
    fn batch(&self, lua: &Lua, list: &Value, options: &Value) -> Result<Batch, String> {
        let most = batch::most(options, self.host.user().options.max_parallel)?;
        let entries = batch::entries(lua, list)?;
        let prepare = |(n, entry): (usize, batch::Entry)| {
            let prepared = self.prepare(&entry.method, &entry.url, &entry.options);
            prepared
                .map(|it| self.call(it))
                .map_err(|what| format!("http.batch, entry {n}: {what}"))
        };
        let calls = (1..).zip(entries).map(prepare).collect::<Result<_, _>>()?;
        Ok(Batch { calls, most })
    }

    /// Leaves a batch as what the user's coroutine waits for.
    fn start_all(&self, lua: &Lua, batch: Batch) -> Option<&'static str> {
        let (lua, host) = (lua.clone(), self.host.clone());
        self.host.wait(async move { Outcome::give_all(batch.send().await, &lua, &host) })
    }

    /// A call as it will be sent and recorded.
    fn call(&self, prepared: Prepared) -> Call {
        let Prepared { user, request, tags, judge } = prepared;
        let mut place = user.place.get();
        let name = {
            let mut recorder = self.host.recorder.borrow_mut();
            if !tags.is_empty() {
                place.extra = observe::add_tags(&mut recorder, place.extra, &tags);
            }
            recorder.intern(&request.name)
        };
        Call { host: self.host.clone(), ids: self.ids.clone(), place, name, user, request, judge }
    }
}

/// The function that says what is expected: the call's own, or the one that the user's cell has
/// from its scenario.
fn judge(user: &User, request: &Request, own: Option<Function>) -> Option<Function> {
    if !request.options.judged {
        return None;
    }
    own.or_else(|| user.cell.get()?.raw_get(EXPECT_STATUS).ok())
}

/// A request without options: the last one of this URL, if it was the same.
fn plain(template: &Template, user: &User, method: Method) -> Result<Rc<Request>, String> {
    let mut last = template.plain.borrow_mut();
    if let Some(last) = &*last
        && last.method == method
        && Rc::ptr_eq(&last.options, &user.options)
    {
        return Ok(last.clone());
    }
    let request = Rc::new(Request {
        method,
        url: template.fill(&[])?,
        name: template.name.clone(),
        headers: HeaderMap::new(),
        body: Payload::default(),
        options: user.options.clone(),
    });
    *last = Some(request.clone());
    Ok(request)
}

fn method_of(method: &Value) -> Result<Method, String> {
    let Value::String(name) = method else { return Err(needs("a request", "a method", method)) };
    match &*name.as_bytes() {
        b"GET" => Ok(Method::GET),
        b"POST" => Ok(Method::POST),
        other => {
            let name = String::from_utf8_lossy(other).to_uppercase();
            Method::from_str(&name).map_err(|_| format!("{name:?} is no HTTP method"))
        }
    }
}
