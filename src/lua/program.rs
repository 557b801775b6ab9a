//! A script as read from its file: text that is known to be Lua, not yet run anywhere.
//!
//! Every worker compiles it once, inside a function whose parameter is the environment, and calls
//! that function once per user: the code is shared, locals and globals are not. Its first line
//! stays the first, so that line numbers are the author's. It is compiled alone beforehand: only a
//! whole chunk can be put into a function without changing its meaning.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{Lua, LuaOptions, StdLib};

use super::place::short_name;
use crate::diagnostic::Diagnostic;

/// The script, and where its modules are sought.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    text: Arc<str>,
    bytes: Vec<u8>,
    roots: Vec<PathBuf>,
}

impl Program {
    /// Reads the script and checks its syntax; nothing of it is run. `libs` are sought for modules
    /// after the script's own folder: folders, or templates with `?` for a module's name.
    pub fn load(path: impl Into<PathBuf>, libs: &[PathBuf]) -> Result<Arc<Program>, Diagnostic> {
        let path = path.into();
        let bytes = std::fs::read(&path).map_err(|e| {
            Diagnostic::new(format!("cannot read the script: {e}"))
                .at(&path, None)
                .hint("give the path of a Lua file, as in `loadtool run shop.lua`")
        })?;
        if let Some(missing) = libs.iter().find(|lib| !is_template(lib) && !lib.is_dir()) {
            let fault = Diagnostic::new(format!("--lib {}: no such folder", missing.display()));
            return Err(fault.hint("give the folder that holds the modules, as in --lib lib"));
        }
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let mut roots = vec![folder];
        roots.extend_from_slice(libs);
        let bytes = chunk(&bytes).to_owned();
        let program = Program { text: String::from_utf8_lossy(&bytes).into(), path, bytes, roots };
        let lua = Lua::new_with(StdLib::NONE, LuaOptions::new())
            .map_err(|e| Diagnostic::new(format!("cannot start Lua: {e}")))?;
        check(&lua, &program.chunk_name(), &program.bytes)
            .map_err(|(line, message)| program.diagnostic(line, message))?;
        Ok(Arc::new(program))
    }

    /// The script's file, as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The script's text; other bytes than UTF-8 are replaced.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Where modules are sought, the script's own folder first.
    pub(super) fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What messages call the script.
    pub(super) fn chunk_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        short_name(&name.to_string_lossy())
    }

    /// A mistake in the script, with the line's text.
    fn diagnostic(&self, line: Option<u32>, message: String) -> Diagnostic {
        let at_end = message.ends_with("near <eof>");
        let hint = hint(&message);
        let mut diagnostic = Diagnostic::new(message).at(&self.path, line);
        diagnostic.hint = hint.map(str::to_owned);
        diagnostic.source = line
            .and_then(|line| self.text.lines().nth(line.checked_sub(1)? as usize))
            .map(str::to_owned);
        if at_end {
            diagnostic.source.get_or_insert_with(|| "(the file ends here)".to_owned());
            diagnostic.hint = Some("look above for a missing `end`, `)`, `}` or quote".to_owned());
        }
        diagnostic
    }
}

/// What to do about a message of Lua's compiler: the first that is part of it. Those who come from
/// other languages are told how Lua says it.
const HINTS: [(&str, &str); 16] = [
    ("near '!'", "\"not equal\" is `~=`, and \"not\" is `not`"),
    ("near '&'", "\"and\" is the word `and`"),
    ("near '|'", "\"or\" is the word `or`"),
    ("near '+'", "there is no `+=` and no `++`: write `n = n + 1`"),
    ("'then' expected", "write `if … then … end`; a comparison is `==`"),
    ("'do' expected", "write `for … do … end`, or `while … do … end`"),
    ("unfinished string", "close the quote in its line; a text of several lines is [[ … ]]"),
    ("malformed number", "a name cannot begin with a digit, and \"10s\" needs its quotes"),
    ("'}' expected", "entries of a table are parted by commas"),
    ("')' expected", "arguments are parted by commas, and each `(` needs its `)`"),
    ("'end' expected", "each `function`, `if`, `for` and `while` needs its `end`"),
    ("<eof> expected", "there is an `end` too many above, or something behind a `return`"),
    ("<name> expected", "a name is missing here; words such as `end` and `in` are none"),
    ("'=' expected", "a statement is a call, `f(x)`, or an assignment, `x = 1`"),
    ("syntax error", "a statement is a call, `f(x)`, or an assignment, `x = 1`"),
    ("unexpected symbol", "something is missing before this, or it is no word of Lua's"),
];

fn hint(message: &str) -> Option<&'static str> {
    HINTS.iter().find(|(part, _)| message.contains(part)).map(|(_, hint)| *hint)
}

/// Whether a place for modules is a path with `?` for the name, rather than a folder.
pub fn is_template(lib: &Path) -> bool {
    lib.as_os_str().as_encoded_bytes().contains(&b'?')
}

/// A file's Lua: without the byte order mark, and with the first line empty if it begins with `#`.
pub(super) fn chunk(file: &[u8]) -> &[u8] {
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    if !text.starts_with(b"#") {
        return text;
    }
    let end = text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len());
    &text[end..]
}

/// Whether `text` is a whole chunk; else the line and what is wrong there.
pub(super) fn check(lua: &Lua, name: &str, text: &[u8]) -> Result<(), (Option<u32>, String)> {
    let compiled =
        lua.load(text).set_name(format!("@{name}")).set_mode(ChunkMode::Text).into_function();
    let Err(error) = compiled else { return Ok(()) };
    let message = match &error {
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    if message.contains("attempt to load a binary chunk") {
        return Err((None, "this is bytecode; scripts are Lua text".to_owned()));
    }
    let place = message.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
    match place.and_then(|rest| rest.split_once(": ")) {
        Some((line, text)) => Err((line.parse().ok(), text.to_owned())),
        None => Err((None, message)),
    }
}

/// The text as the function of its environment that users run.
pub(super) fn wrapped(text: &[u8]) -> Vec<u8> {
    [b"return function(_ENV, ...) ".as_slice(), text, b"\nend"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_from_another_language_is_told_how_lua_says_it() {
        let lua = Lua::new();
        for (text, told) in [
            ("if a != 1 then end", "`~=`"),
            ("if a && b then end", "the word `and`"),
            ("if a || b then end", "the word `or`"),
            ("n += 1", "n = n + 1"),
            ("n++", "n = n + 1"),
            ("if a { }", "`if … then … end`"),
            ("if a = 1 then end", "a comparison is `==`"),
            ("for i = 1, 2 { }", "`for … do … end`"),
            ("local a = 'x\n'", "close the quote"),
            ("local a = 10s", "a name cannot begin with a digit"),
            ("local t = { a = 1 b = 2 }", "parted by commas"),
            ("f(1 2)", "parted by commas"),
            ("function f() ) end", "something is missing"),
            ("return 1 f()", "behind a `return`"),
            ("local end = 1", "a name is missing"),
            ("a b", "a statement is"),
            ("a", "a statement is"),
        ] {
            let (_, message) = check(&lua, "script.lua", text.as_bytes()).expect_err(text);
            let hint = hint(&message).unwrap_or_default();
            assert!(hint.contains(told), "{text}: {message}: {hint}");
        }
    }
}
