//! What scripts may see of the system: files of their own folder before the run, `lt.env`, stderr.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use mlua::{Integer, Lua, LuaString, Result, Table, Value};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::super::host::Host;
use super::super::place::traceback;

/// Largest file that a script may open, in bytes.
const FILE_LIMIT: u64 = 64 << 20;

pub(super) fn register(lua: &Lua, host: &Rc<Host>, folder: &Path, h: &Table) -> Result<()> {
    let this = host.clone();
    h.set("cell", lua.create_function(move |_, ()| Ok(this.user().cell.get().cloned()))?)?;
    // As setmetatable, but also for what has a protected one.
    h.set(
        "protect",
        lua.create_function(|_, (table, metatable): (Table, Table)| {
            table.set_metatable(Some(metatable))?;
            Ok(table)
        })?,
    )?;
    let is_heard = !host.shared.is_scratch;
    h.set(
        "print",
        lua.create_function(move |_, text: LuaString| {
            if is_heard {
                log::error!(target: "print", "{}", text.to_string_lossy());
            }
            Ok(())
        })?,
    )?;
    h.set(
        "traceback",
        lua.create_function(|lua, message: Option<LuaString>| {
            let message = message.map_or(String::new(), |text| text.to_string_lossy() + "\n");
            let frames = traceback(lua).replace('\n', "\n\t");
            Ok(format!("{message}stack traceback:\n\t{frames}"))
        })?,
    )?;
    let this = host.clone();
    h.set(
        "getenv",
        lua.create_function(move |_, name: LuaString| {
            let name = name.to_string_lossy();
            let found = this.shared.env.iter().rfind(|(key, _)| *key == name);
            Ok(found.map(|(_, value)| value.clone()))
        })?,
    )?;
    let this = host.clone();
    h.set("math_randomseed", lua.create_function(move |_, seed: Value| Ok(reseed(&this, &seed)))?)?;
    // A state is furnished once.
    let _ = host.folder.set(folder.to_owned());
    let this = host.clone();
    h.set(
        "read_file",
        lua.create_function(move |lua, path: PathBuf| {
            Ok(match read_file(&this, &path) {
                Ok(Ok(bytes)) => (None, Some(lua.create_string(bytes)?), None),
                Ok(Err(failed)) => (None, None, Some(failed)),
                Err(refused) => (Some(refused), None, None),
            })
        })?,
    )
}

/// The author's own seed, for this user; without one the run's seed stays in force.
fn reseed(host: &Host, seed: &Value) -> Option<&'static str> {
    let seed = match seed {
        Value::Nil => return None,
        Value::Integer(seed) => *seed,
        Value::Number(seed) => *seed as Integer,
        _ => return Some("math.randomseed needs a number"),
    };
    *host.user().rng.borrow_mut() = Xoshiro256PlusPlus::seed_from_u64(seed.cast_unsigned());
    None
}

/// `Err`: the author may not; `Ok(Err)`: it cannot be read.
fn read_file(
    host: &Host,
    path: &Path,
) -> std::result::Result<std::result::Result<Vec<u8>, String>, String> {
    let user = host.user();
    if user.may_wait.get() && user.id != 0 {
        return Err("files are read before the run: at the script's top level, or in setup".into());
    }
    let failed = |e: std::io::Error| Ok(Err(format!("{}: {e}", path.display())));
    let file = match inside(host.folder(), path)? {
        Ok(file) => file,
        Err(e) => return failed(e),
    };
    match file.metadata() {
        Err(e) => return failed(e),
        Ok(about) if !about.is_file() || about.len() > FILE_LIMIT => {
            return Ok(Err(format!("{}: not a file of at most 64 MiB", path.display())));
        }
        Ok(_) => {}
    }
    match std::fs::read(file) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(e) => failed(e),
    }
}

/// Where `path` leads from the script's folder. `Err`: it leads out of it; `Ok(Err)`: nowhere.
pub(in crate::lua) fn inside(
    folder: &Path,
    path: &Path,
) -> std::result::Result<std::io::Result<PathBuf>, String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match (folder.canonicalize(), folder.join(path).canonicalize()) {
        (Ok(inside), Ok(file)) if file.starts_with(&inside) => Ok(Ok(file)),
        (Ok(_), Ok(_)) => {
            Err(format!("{}: files outside the script's folder are closed", path.display()))
        }
        (_, Err(e)) | (Err(e), _) => Ok(Err(e)),
    }
}
