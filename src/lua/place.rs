//! Places in the author's Lua: frames of the stack, and the text of the files that were loaded.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mlua::Lua;

/// Chunk name of our own Lua: positions in it are never the author's.
pub(super) const OURS: &str = "\u{1}";

/// A place in the author's Lua.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Short name of the chunk.
    pub chunk: String,
    /// From 1.
    pub line: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chunk, self.line)
    }
}

/// Deepest stack frame that is looked at.
const MAX_FRAMES: usize = 30;

/// The innermost frame that is the author's. A microsecond or two; for the error path only.
pub(super) fn position(lua: &Lua) -> Option<Position> {
    frames(lua, |place, _| ControlFlow::Break(place)).break_value()
}

/// Walks over the author's frames, innermost first.
fn frames<B>(
    lua: &Lua,
    mut visit: impl FnMut(Position, Option<&str>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    for level in 0..MAX_FRAMES {
        let step = lua.inspect_stack(level, |frame| {
            let line = frame.current_line().and_then(|line| u32::try_from(line).ok());
            let chunk = frame.source().short_src.map(|name| name.into_owned());
            match (line, chunk) {
                (Some(line), Some(chunk)) if chunk != OURS => {
                    let name = frame.names().name.map(|name| name.into_owned());
                    visit(Position { chunk, line }, name.as_deref())
                }
                _ => ControlFlow::Continue(()),
            }
        });
        match step {
            None => break,
            Some(ControlFlow::Continue(())) => {}
            Some(stop) => return stop,
        }
    }
    ControlFlow::Continue(())
}

/// The author's frames, innermost first, one on each line.
pub(super) fn traceback(lua: &Lua) -> String {
    let mut text = String::new();
    let _ = frames::<()>(lua, |place, name| {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&place.to_string());
        if let Some(name) = name {
            text.push_str(" in ");
            text.push_str(name);
        }
        ControlFlow::Continue(())
    });
    text
}

/// Text of the Lua files that were loaded, by the short name that messages use.
#[derive(Debug, Default)]
pub struct Sources(HashMap<String, (PathBuf, Rc<str>)>);

impl Sources {
    /// Remembers a file under its chunk name.
    pub(super) fn add(&mut self, chunk: &str, path: &Path, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into();
        self.0.insert(chunk.to_owned(), (path.to_owned(), text));
    }

    /// The file of a chunk.
    pub fn path(&self, chunk: &str) -> Option<&Path> {
        self.0.get(chunk).map(|(path, _)| path.as_path())
    }

    /// The text of one of its lines.
    pub fn line(&self, chunk: &str, line: u32) -> Option<&str> {
        let (_, text) = self.0.get(chunk)?;
        text.lines().nth(line.checked_sub(1)? as usize)
    }

    /// The position at the beginning of a message of Lua's.
    pub(super) fn position(&self, message: &str) -> Option<Position> {
        self.0.keys().find_map(|chunk| {
            let rest = message.strip_prefix(chunk.as_str())?.strip_prefix(':')?;
            let (line, _) = rest.split_once(": ")?;
            Some(Position { chunk: chunk.clone(), line: line.parse().ok()? })
        })
    }
}

/// The chunk name that Lua shows in messages: the end of a long one.
pub(super) fn short_name(name: &str) -> String {
    const LUA_IDSIZE: usize = 60;
    if name.len() < LUA_IDSIZE {
        return name.to_owned();
    }
    let mut start = name.len() - (LUA_IDSIZE - 1 - "...".len());
    while !name.is_char_boundary(start) {
        start += 1;
    }
    format!("...{}", &name[start..])
}
