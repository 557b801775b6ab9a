//! `lt.data`: pools of rows, the same for all users of the process.
//!
//! In Lua a pool is a number, its place in this worker's list, with an object of `data.lua` over
//! it; rows become tables only when they are picked.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Lua, LuaString, MultiValue, Table, Value};
use rand::Rng;

use super::Host;
use super::pool_options::{Kind, Options};
use super::told::{HINT, needs, told, unknown};
use super::user::User;
use crate::data::{AtEnd, Field, Leased, Leases, Next, Picker, Pool, Record, Row, Stuck, Waiting};
use crate::diagnostic::Diagnostic;
use crate::lua::error::Stopped;
use crate::lua::value::{Json, plain};

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let json = Json::of(lua)?;
    let opened = Rc::new(Opened { host: host.clone(), json, pools: RefCell::default() });
    for kind in Kind::ALL {
        let this = opened.clone();
        let open = move |lua: &Lua, (source, options): (Value, Value)| {
            Ok(told(this.open(lua, kind, &source, &options)))
        };
        h.raw_set(format!("data_{}", kind.name()), lua.create_function(open)?)?;
    }
    let this = opened.clone();
    let next = move |lua: &Lua, (pool, meta): (usize, Table)| this.next(lua, pool, meta);
    h.raw_set("data_next", lua.create_function(next)?)?;
    let this = opened.clone();
    let get = move |lua: &Lua, (pool, index, meta): (usize, Value, Table)| {
        this.get(lua, pool, &index, meta)
    };
    h.raw_set("data_get", lua.create_function(get)?)?;
    let this = opened.clone();
    let length = move |_: &Lua, pool: usize| Ok(this.with(pool, |pool, _| pool.len()));
    h.raw_set("data_length", lua.create_function(length)?)?;
    let unknown = move |_: &Lua, (pool, column): (usize, LuaString)| {
        let column = column.to_string_lossy();
        Ok(opened.with(pool, |pool, _| {
            let columns = pool.columns().iter().map(String::as_str);
            let told = || unknown(&format!("column of {}", pool.title()), &column, columns);
            (!pool.may_lack(&column)).then(told)
        }))
    };
    h.raw_set("data_unknown", lua.create_function(unknown)?)
}

/// The pools that this worker has met, with their columns as Lua strings.
struct Opened {
    host: Rc<Host>,
    json: Rc<Json>,
    pools: RefCell<Vec<Met>>,
}

/// A pool and its columns as Lua strings.
type Met = (Arc<Pool>, Rc<[LuaString]>);

/// A row, a message, or neither: then the user waits, for the number of a row or to be stopped.
type Picked = (Option<String>, Option<Table>);

impl Opened {
    fn with<R>(&self, pool: usize, f: impl FnOnce(&Pool, &[LuaString]) -> R) -> R {
        let (pool, columns) = self.pools.borrow()[pool].clone();
        f(&pool, &columns)
    }

    /// The number of a pool, which is opened if the run has not begun.
    fn open(
        &self,
        lua: &Lua,
        kind: Kind,
        source: &Value,
        options: &Value,
    ) -> Result<usize, String> {
        let options = Options::read(kind, options)?;
        let spec = match (kind, source) {
            (Kind::Rows, list) => options.of_list(self.list(list)?),
            (_, Value::String(file)) => {
                options.of_file(kind, self.host.beside_caller(lua, &file.to_string_lossy()))
            }
            (_, other) => return Err(needs(&kind.call(), "the name of a file", other)),
        };
        let pool = if self.host.user().may_wait.get() {
            self.host.shared.pools.get(&spec).ok_or_else(too_late)?
        } else {
            self.host.shared.pools.open(spec).map_err(|fault| told_of(&fault))?
        };
        let mut pools = self.pools.borrow_mut();
        if let Some(known) = pools.iter().position(|(known, _)| Arc::ptr_eq(known, &pool)) {
            return Ok(known);
        }
        let columns = pool.columns().iter().map(|column| lua.create_string(column));
        let columns: mlua::Result<Rc<[LuaString]>> = columns.collect();
        let title = self.host.recorder.borrow_mut().intern(&pool.title());
        pools.push((pool, columns.map_err(|error| error.to_string())?));
        self.host.pools.borrow_mut().push(title);
        Ok(pools.len() - 1)
    }

    /// Rows that are written down in the script, as a JSON array.
    fn list(&self, list: &Value) -> Result<String, String> {
        let call = Kind::Rows.call();
        let Value::Table(rows) = list else { return Err(needs(&call, "a list of rows", list)) };
        if plain(rows).raw_len() == 0 {
            return Err(match plain(rows).is_empty() {
                true => format!("{call} needs at least one row"),
                false => {
                    format!("{call} needs a list of rows; hint: {{ {{ name = \"ann\" }}, … }}")
                }
            });
        }
        let mut text = Vec::new();
        self.json.encode(list, &mut text).map_err(|what| format!("{call}: {what}"))?;
        String::from_utf8(text).map_err(|error| error.to_string())
    }

    /// The next row of the running user.
    fn next(&self, lua: &Lua, pool: usize, meta: Table) -> mlua::Result<Picked> {
        let user = self.host.user();
        if !user.may_wait.get() {
            return Ok((
                Some("pool:next() belongs into a function that the run calls".into()),
                None,
            ));
        }
        let number = pool;
        self.with(pool, |pool, columns| {
            let next = match pool.leases() {
                Some(leases) => self.lease(&user, number, leases),
                None => self.pick(&user, pool),
            };
            Ok(match next {
                Ok(Some(index)) => {
                    user.took(number, index);
                    let row = pool.row(index).expect("a pool picks rows that it has");
                    (None, Some(self.table(lua, &row, columns, meta)?))
                }
                Ok(None) => (None, None),
                Err(why) => (Some(format!("{} {why}", pool.title())), None),
            })
        })
    }

    /// The number of the next row; `None` if the user was told to stop.
    fn pick(&self, user: &User, pool: &Pool) -> Result<Option<usize>, &'static str> {
        let seed = user.rng.borrow_mut().next_u64();
        match pool.next(&mut Picker::new(seed, user.number.saturating_sub(1))) {
            Next::Row(index) => return Ok(Some(index)),
            Next::End(AtEnd::StopVu) => self.host.stop(Stopped::Vu),
            Next::End(AtEnd::StopScenario) => self.host.stop(Stopped::Scenario),
            Next::End(AtEnd::Error | AtEnd::Recycle) => {
                return Err("has no row left, and at_end is \"error\"");
            }
        }
        Ok(None)
    }

    /// The number of a row that is now the user's; `None` if it waits for one.
    fn lease(
        &self,
        user: &Rc<User>,
        pool: usize,
        leases: &Leases,
    ) -> Result<Option<usize>, &'static str> {
        match leases.lease(user.id) {
            Leased::Row(lease) => {
                let index = lease.row();
                user.leases.borrow_mut().push(lease);
                Ok(Some(index))
            }
            Leased::Wait(waiting) => {
                let refused = self.host.wait(leased(waiting, pool, user.clone()));
                debug_assert!(refused.is_none(), "next() is refused where nothing may wait");
                Ok(None)
            }
            Leased::Never(stuck) => Err(why_never(stuck)),
        }
    }

    /// Row `index`, from 1; `nil` beyond the last.
    fn get(&self, lua: &Lua, pool: usize, index: &Value, meta: Table) -> mlua::Result<Picked> {
        let Value::Integer(index) = *index else {
            return Ok((Some(needs("pool:get", "the number of a row, from 1", index)), None));
        };
        let index = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
        self.with(pool, |pool, columns| {
            let row = index.and_then(|index| pool.row(index));
            Ok((None, row.map(|row| self.table(lua, &row, columns, meta)).transpose()?))
        })
    }

    fn table(
        &self,
        lua: &Lua,
        row: &Row<'_>,
        columns: &[LuaString],
        meta: Table,
    ) -> mlua::Result<Table> {
        let table = match row {
            Row::Record(record) => fields(lua, record, columns)?,
            Row::Document(text) => match self.json.decode(lua, text.as_bytes())? {
                Ok(Value::Table(table)) => table,
                _ => unreachable!("a pool's rows are objects, checked when it was opened"),
            },
        };
        table.set_metatable(Some(meta))?;
        Ok(table)
    }
}

/// Waits for a row of the user's own; resumes it with its number, from 1.
async fn leased(waiting: Waiting, pool: usize, user: Rc<User>) -> mlua::Result<MultiValue> {
    let lease = waiting.row().await;
    user.took(pool, lease.row());
    let index = lease.row() + 1;
    user.leases.borrow_mut().push(lease);
    Ok(MultiValue::from_iter([Value::Integer(index as i64)]))
}

fn why_never(stuck: Stuck) -> &'static str {
    match stuck {
        Stuck::NoRows => "has no row for this part of the load; hint: have a row for each machine",
        Stuck::AllMine => {
            "has no row left that could come: this iteration has leased them all and asks for \
             another; hint: call next() once and keep the row in a local"
        }
        Stuck::Circle => {
            "has no row left that could come: all are leased by users that wait for another row \
             themselves; hint: lease fewer rows in an iteration, or have more of them"
        }
    }
}

fn fields(lua: &Lua, record: &Record<'_>, columns: &[LuaString]) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, columns.len())?;
    for (column, (_, field)) in columns.iter().zip(record.fields()) {
        let value = match field {
            Field::Text(text) => Value::String(lua.create_string(&*text)?),
            Field::Integer(integer) => Value::Integer(integer),
            Field::Number(number) => Value::Number(number),
            Field::Boolean(flag) => Value::Boolean(flag),
        };
        table.raw_set(column, value)?;
    }
    Ok(table)
}

/// A fault of the file, to be raised where the script opened it.
fn told_of(fault: &Diagnostic) -> String {
    let place = match (&fault.file, fault.line) {
        (Some(file), Some(line)) => format!("{}:{line}: ", file.display()),
        (Some(file), None) => format!("{}: ", file.display()),
        (None, _) => String::new(),
    };
    let hint = fault.hint.as_ref().map_or(String::new(), |hint| format!("{HINT}{hint}"));
    format!("{place}{}{hint}", fault.message)
}

fn too_late() -> String {
    "a pool is opened at the script's top level: opening a new one during the run would read its \
     file under load"
        .into()
}
