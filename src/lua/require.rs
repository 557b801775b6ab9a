//! `require`: finds modules beside the script and in `--lib` folders, compiles each once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaString, Table};

use super::host::Host;
use super::host::told::HINT;
use super::place::short_name;
use super::program::{check, chunk, wrapped};

/// A module that was found: the function of its environment, and its file.
type Found = (Function, String);

/// Puts what `modules.lua` needs into `h`.
pub(super) fn register(
    lua: &Lua,
    host: &Rc<Host>,
    roots: &[PathBuf],
    h: &Table,
) -> mlua::Result<()> {
    let finder = Finder { host: host.clone(), roots: roots.to_vec(), known: RefCell::default() };
    h.set(
        "find_module",
        lua.create_function(move |lua, name: LuaString| {
            Ok(match finder.find(lua, &name.to_string_lossy()) {
                Ok((main, path)) => (None, Some(main), Some(path)),
                Err(message) => (Some(message), None, None),
            })
        })?,
    )?;
    let this = host.clone();
    h.set(
        "begin_module",
        lua.create_function(move |_, ()| Ok(this.user().may_wait.replace(false)))?,
    )?;
    let this = host.clone();
    h.set(
        "end_module",
        lua.create_function(move |_, waited: bool| {
            this.user().may_wait.set(waited);
            Ok(())
        })?,
    )
}

struct Finder {
    host: Rc<Host>,
    roots: Vec<PathBuf>,
    /// By module name; compiled once per worker.
    known: RefCell<HashMap<String, Found>>,
}

impl Finder {
    fn find(&self, lua: &Lua, name: &str) -> Result<Found, String> {
        if let Some(found) = self.known.borrow().get(name) {
            return Ok(found.clone());
        }
        let relative = name.replace('.', "/");
        if relative.starts_with('/') || relative.split('/').any(str::is_empty) {
            return Err(format!("module '{name}' not found: this is no module name"));
        }
        let mut tried = String::new();
        for root in &self.roots {
            for file in [format!("{relative}.lua"), format!("{relative}/init.lua")] {
                let path = root.join(&file);
                match std::fs::read(&path) {
                    Ok(bytes) => {
                        let found = self.compile(lua, name, &file, &path, &bytes)?;
                        self.known.borrow_mut().insert(name.to_owned(), found.clone());
                        return Ok(found);
                    }
                    Err(_) => tried += &format!("\n\tno file '{}'", path.display()),
                }
            }
        }
        Err(match self.c_module(&relative) {
            Some(path) => format!(
                "module '{name}' is a C module ('{}'), and only Lua modules can be loaded",
                path.display()
            ),
            None => {
                format!("module '{name}' not found:{tried}{HINT}--lib DIR adds a folder to look in")
            }
        })
    }

    fn compile(
        &self,
        lua: &Lua,
        name: &str,
        file: &str,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Found, String> {
        let text = chunk(bytes);
        let main = compile(lua, &self.host, file, path, text).map_err(|e| {
            format!("error loading module '{name}' from file '{}':\n\t{e}", path.display())
        })?;
        Ok((main, path.display().to_string()))
    }

    fn c_module(&self, relative: &str) -> Option<PathBuf> {
        let files = ["so", "dll", "dylib"].map(|end| format!("{relative}.{end}"));
        self.roots
            .iter()
            .flat_map(|root| files.iter().map(move |file| root.join(file)))
            .find(|path| path.exists())
    }
}

/// A file's text as the function of its environment that users run; an `Err` begins with the line.
pub(super) fn compile(
    lua: &Lua,
    host: &Host,
    name: &str,
    path: &Path,
    text: &[u8],
) -> Result<Function, String> {
    let name = short_name(name);
    check(lua, &name, text).map_err(|(line, message)| match line {
        Some(line) => format!("{name}:{line}: {message}"),
        None => message,
    })?;
    host.sources.borrow_mut().add(&name, path, text);
    lua.load(wrapped(text))
        .set_name(format!("@{name}"))
        .set_mode(ChunkMode::Text)
        .set_environment(lua.globals())
        .call(())
        .map_err(|e| e.to_string())
}
