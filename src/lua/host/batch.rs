//! `lt.http.batch`: several calls of one user at once, so many of them to one host as browsers have
//! connections; the others wait for their turn, and are timed from then on.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mlua::{Lua, Table, Value};

use super::call::{Call, Outcome};
use super::read;
use super::told::{described, needs, unknown};
use crate::http::failure::peer_of;

/// Calls that are ready to be sent.
pub struct Batch {
    pub calls: Vec<Call>,
    /// How many of them to one host at a time.
    pub most: usize,
}

/// The calls to one host: those whose turn is yet to come, with their places in the batch.
struct Line {
    host: String,
    calls: VecDeque<(usize, Call)>,
}

impl Batch {
    /// Sends them all; what came of them in the order of the calls.
    pub async fn send(self) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        outcomes.resize_with(self.calls.len(), || None);
        let mut lines = lines(self.calls);
        let send = |line: usize, (place, call): (usize, Call)| async move {
            (line, place, call.send().await)
        };
        let mut under_way = FuturesUnordered::new();
        for (n, line) in lines.iter_mut().enumerate() {
            let first = self.most.min(line.calls.len());
            under_way.extend(line.calls.drain(..first).map(|call| send(n, call)));
        }
        while let Some((line, place, outcome)) = under_way.next().await {
            outcomes[place] = Some(outcome);
            if let Some(call) = lines[line].calls.pop_front() {
                under_way.push(send(line, call));
            }
        }
        outcomes.into_iter().flatten().collect()
    }
}

fn lines(calls: Vec<Call>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (place, call) in calls.into_iter().enumerate() {
        let host = peer_of(&call.request.url);
        match lines.iter_mut().find(|line| line.host == host) {
            Some(line) => line.calls.push_back((place, call)),
            None => lines.push(Line { host, calls: VecDeque::from([(place, call)]) }),
        }
    }
    lines
}

/// One entry of a batch, as the author wrote it.
pub struct Entry {
    pub method: Value,
    pub url: Value,
    pub options: Value,
}

/// What a batch was told besides its calls: `3` or `{ max_parallel = 3 }`.
pub fn most(options: &Value, default: u16) -> Result<usize, String> {
    let mut most = u64::from(default);
    match options {
        Value::Nil => {}
        Value::Table(table) => read::each(table, |key, value| match &key {
            Value::String(name) if name == "max_parallel" => {
                most = read::count("max_parallel", &value)?;
                Ok(())
            }
            Value::String(name) => {
                Err(unknown("option of http.batch", &name.to_string_lossy(), ["max_parallel"]))
            }
            other => Err(needs("http.batch", "{ max_parallel = … }", other)),
        })?,
        number => most = read::count("max_parallel", number)?,
    }
    match usize::try_from(most) {
        Ok(most @ 1..) => Ok(most),
        _ => Err("max_parallel needs a whole number from 1, got 0".into()),
    }
}

/// The entries of a batch: `"/url"`, `{ "GET", "/url", options }` or `{ method = …, url = …, … }`.
pub fn entries(lua: &Lua, list: &Value) -> Result<Vec<Entry>, String> {
    const USAGE: &str = "a list of calls like { \"GET\", \"/\" }";
    let Value::Table(table) = list else { return Err(needs("http.batch", USAGE, list)) };
    let items = read::list("http.batch", USAGE, table)?;
    let read = |(n, item): (usize, Value)| {
        entry(lua, &item).map_err(|what| format!("http.batch, entry {n}{what}"))
    };
    (1..).zip(items).map(read).collect()
}

fn entry(lua: &Lua, item: &Value) -> Result<Entry, String> {
    let get = || lua.create_string("GET").map(Value::String).map_err(|error| error.to_string());
    match item {
        Value::String(_) => Ok(Entry { method: get()?, url: item.clone(), options: Value::Nil }),
        Value::Table(table) => tabled(lua, table, get()?),
        other => {
            let usage = "a URL, { method, URL, options } or { method = …, url = …, … }";
            Err(needs("", usage, other))
        }
    }
}

/// Names beside `method` and `url` are options, and go over those of the third place.
fn tabled(lua: &Lua, table: &Table, get: Value) -> Result<Entry, String> {
    let (mut method, mut url, mut options) = (Value::Nil, Value::Nil, Value::Nil);
    let named = lua.create_table().map_err(|error| error.to_string())?;
    read::each(table, |key, value| {
        match &key {
            Value::Integer(1) => method = value,
            Value::Integer(2) => url = value,
            Value::Integer(3) => options = value,
            Value::String(name) if name == "method" => method = value,
            Value::String(name) if name == "url" => url = value,
            Value::String(_) => named.raw_set(key, value).map_err(|error| error.to_string())?,
            other => {
                return Err(format!(
                    ": a call has method, URL and options, but also {}",
                    described(other)
                ));
            }
        }
        Ok(())
    })?;
    if method.is_nil() {
        method = get;
    }
    if !named.is_empty() {
        if !options.is_nil() {
            return Err(": options stand in a third place or beside the others, not both".into());
        }
        options = Value::Table(named);
    }
    Ok(Entry { method, url, options })
}
