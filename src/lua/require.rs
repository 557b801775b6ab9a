//! `require`: finds modules beside the script and in the folders that were named, compiles each
//! once per worker.
//!
//! A root is a folder, in which `a.b` is `a/b.lua` or `a/b/init.lua`, or a template with `?` where
//! the name goes. Their order is the order of the search.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaString, Table};

use super::host::Host;
use super::host::told::HINT;
use super::place::{Position, short_name};
use super::program::{check, chunk, wrapped};

mod native;

/// A module that was found: the function of its environment, and its file.
type Found = (Function, String);

/// Why there is none, and the place in the module if it is there but broken.
type Missing = (String, Option<Position>);

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
                Ok((main, path)) => (None, Some(main), Some(path), None),
                Err((message, None)) => (Some(message), None, None, None),
                Err((message, Some(at))) => (Some(message), None, Some(at.chunk), Some(at.line)),
            })
        })?,
    )?;
    let path: Vec<String> = roots.iter().flat_map(|root| templates(root)).collect();
    h.set("module_path", lua.create_function(move |_, ()| Ok(path.join(";")))?)?;
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
    fn find(&self, lua: &Lua, name: &str) -> Result<Found, Missing> {
        if let Some(found) = self.known.borrow().get(name) {
            return Ok(found.clone());
        }
        let relative = name.replace('.', "/");
        if relative.starts_with('/') || relative.split('/').any(str::is_empty) {
            return Err((format!("module '{name}' not found: this is no module name"), None));
        }
        let mut tried = String::new();
        for template in self.roots.iter().flat_map(|root| templates(root)) {
            let path = PathBuf::from(template.replace('?', &relative));
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let file = chunk_name(&template, &relative);
                    let main = compile(lua, &self.host, &file, &path, chunk(&bytes))
                        .map_err(|(message, at)| (broken(name, &path, message, at.as_ref()), at))?;
                    let found = (main, path.display().to_string());
                    self.known.borrow_mut().insert(name.to_owned(), found.clone());
                    return Ok(found);
                }
                Err(_) => tried += &format!("\n\tno file '{}'", path.display()),
            }
        }
        Err((self.absent(name, &relative, &tried), None))
    }

    fn absent(&self, name: &str, relative: &str, tried: &str) -> String {
        match native::refusal(name, relative, &self.roots) {
            Some(refusal) => refusal,
            None => {
                format!("module '{name}' not found:{tried}{HINT}--lib DIR adds a folder to look in")
            }
        }
    }
}

/// Where a root has modules: each a path with `?` for the name.
fn templates(root: &Path) -> impl Iterator<Item = String> + use<> {
    let text = root.display().to_string();
    let both = if text.contains('?') {
        [Some(text), None]
    } else {
        let file = |end: &str| Some(root.join(end).display().to_string());
        [file("?.lua"), file("?/init.lua")]
    };
    both.into_iter().flatten()
}

/// What messages call a module: its file, from the folder on that its template names.
fn chunk_name(template: &str, relative: &str) -> String {
    let name = template.find('?').unwrap_or(0);
    let start = template[..name].rfind('/').map_or(0, |slash| slash + 1);
    template[start..].replace('?', relative)
}

/// A fault of a module's text; one without a line names the file.
fn broken(name: &str, path: &Path, message: String, at: Option<&Position>) -> String {
    match at {
        Some(_) => message,
        None => format!("error loading module '{name}' from file '{}': {message}", path.display()),
    }
}

/// A file's text as the function of its environment that users run; else what is wrong with it,
/// and where.
pub(super) fn compile(
    lua: &Lua,
    host: &Host,
    name: &str,
    path: &Path,
    text: &[u8],
) -> Result<Function, Missing> {
    let name = short_name(name);
    host.sources.borrow_mut().add(&name, path, text);
    check(lua, &name, text).map_err(|(line, message)| {
        (message, line.map(|line| Position { chunk: name.clone(), line }))
    })?;
    lua.load(wrapped(text))
        .set_name(format!("@{name}"))
        .set_mode(ChunkMode::Text)
        .set_environment(lua.globals())
        .call(())
        .map_err(|e| (e.to_string(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_two_places_for_a_module_and_templates_one() {
        let all = |root: &str| templates(Path::new(root)).collect::<Vec<_>>();
        assert_eq!(all("lib"), ["lib/?.lua", "lib/?/init.lua"]);
        assert_eq!(all(""), ["?.lua", "?/init.lua"]);
        assert_eq!(all("/x/?/main.lua"), ["/x/?/main.lua"]);
    }

    #[test]
    fn messages_name_modules_by_the_file_within_its_root() {
        assert_eq!(chunk_name("/usr/share/lua/5.4/?.lua", "pl/compat"), "pl/compat.lua");
        assert_eq!(chunk_name("?/init.lua", "a/b"), "a/b/init.lua");
        assert_eq!(chunk_name("/x/lib-?.lua", "a"), "lib-a.lua");
    }
}
