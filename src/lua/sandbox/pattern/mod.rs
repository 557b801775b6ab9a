//! `string.find`, `match`, `gmatch` and `gsub` with bounded work.
//!
//! Short subjects go to Lua's own functions (`limit.rs` says how short is short enough), the rest
//! through these host functions to a matcher of our own. What each gives begins with a message to
//! raise, or `nil`.

mod limit;
mod matcher;

use std::rc::Rc;

use mlua::{Integer, IntoLua, Lua, LuaString, MultiValue, Result, Table, Value};

use self::matcher::{Capture, Fault, Matcher};
use super::super::host::Host;

/// Steps of one call: 10 to 20 ms.
const STEPS: u32 = 2_000_000;

/// Puts `pattern_limit`, `pattern_find`, `pattern_match`, `pattern_next` and `pattern_replace`
/// into `h`.
pub(super) fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> Result<()> {
    h.set(
        "pattern_limit",
        lua.create_function(|_, (pattern, anchors): (LuaString, bool)| {
            Ok(limit::longest_subject(&pattern.as_bytes(), anchors))
        })?,
    )?;
    let this = host.clone();
    h.set(
        "pattern_find",
        lua.create_function(
            move |lua, (s, p, init, plain): (LuaString, LuaString, Option<Integer>, Value)| {
                this.clock.check(lua)?;
                let plain = !matches!(plain, Value::Nil | Value::Boolean(false));
                find(lua, &s.as_bytes(), &p.as_bytes(), init, Wanted::Range { plain })
            },
        )?,
    )?;
    let this = host.clone();
    h.set(
        "pattern_match",
        lua.create_function(move |lua, (s, p, init): (LuaString, LuaString, Option<Integer>)| {
            this.clock.check(lua)?;
            find(lua, &s.as_bytes(), &p.as_bytes(), init, Wanted::Captures)
        })?,
    )?;
    let this = host.clone();
    h.set(
        "pattern_next",
        lua.create_function(move |lua, (s, p, from, last, anchored, one): Next| {
            this.clock.check(lua)?;
            let wanted = if one { Wanted::First } else { Wanted::Captures };
            next(lua, &s.as_bytes(), &p.as_bytes(), from, last, anchored, wanted)
        })?,
    )?;
    let this = host.clone();
    h.set(
        "pattern_replace",
        lua.create_function(
            move |lua, (s, p, new, most): (LuaString, LuaString, LuaString, Option<Integer>)| {
                this.clock.check(lua)?;
                let (s, p, new) = (s.as_bytes(), p.as_bytes(), new.as_bytes());
                Ok(match replace(&s, &p, &new, most) {
                    Ok((text, count)) => (None, Some(lua.create_string(&text)?), Some(count)),
                    Err(fault) => (Some(fault.to_string()), None, None),
                })
            },
        )?,
    )
}

/// Arguments of `pattern_next`: subject, pattern, offset to begin at, end of the last match,
/// whether it must begin there, whether one value is enough.
type Next = (LuaString, LuaString, usize, Option<usize>, bool, bool);

/// What a search is to give.
#[derive(Clone, Copy)]
enum Wanted {
    /// Begin, end, captures; `plain`: the pattern is text.
    Range { plain: bool },
    /// The captures, or the whole match.
    Captures,
    /// The first capture, or the whole match.
    First,
}

fn find(
    lua: &Lua,
    s: &[u8],
    p: &[u8],
    init: Option<Integer>,
    wanted: Wanted,
) -> Result<MultiValue> {
    let from = offset(init.unwrap_or(1), s.len());
    if from > s.len() {
        return nothing();
    }
    if let Wanted::Range { plain } = wanted
        && (plain || !p.iter().any(|byte| b"^$*+?.([%-".contains(byte)))
    {
        let Some(at) = memchr::memmem::find(&s[from..], p) else { return nothing() };
        let range = [from + at + 1, from + at + p.len()].map(lua_int);
        return Ok([Value::Nil, range[0].clone(), range[1].clone()].into_iter().collect());
    }
    let (anchored, p) = unanchored(p);
    let mut matcher = Matcher::new(s, p, STEPS);
    let last_start = if anchored { from } else { s.len() };
    for start in from..=last_start {
        match matcher.at(start) {
            Ok(None) => {}
            Ok(Some(end)) => return found(lua, s, &matcher, start, end, wanted),
            Err(fault) => return refuse(lua, &fault),
        }
    }
    nothing()
}

/// The values of a match, a `nil` before them.
fn found(
    lua: &Lua,
    s: &[u8],
    matcher: &Matcher,
    start: usize,
    end: usize,
    wanted: Wanted,
) -> Result<MultiValue> {
    let mut values = MultiValue::with_capacity(matcher.count() + 3);
    values.push_back(Value::Nil);
    let count = match wanted {
        Wanted::First => 1,
        Wanted::Captures => matcher.count(),
        Wanted::Range { .. } => {
            values.extend([lua_int(start + 1), lua_int(end)]);
            matcher.captured()
        }
    };
    for index in 0..count {
        match matcher.value(index, start, end) {
            Ok(Capture::Text(start, end)) => {
                values.push_back(lua.create_string(&s[start..end])?.into_lua(lua)?)
            }
            Ok(Capture::Position(at) | Capture::Open(at)) => values.push_back(lua_int(at + 1)),
            Err(fault) => return refuse(lua, &fault),
        }
    }
    Ok(values)
}

/// The next match at or after offset `from` that does not end at `last`, as `gmatch` and `gsub`
/// go: its range as offsets (begin and end), then what it captured or the whole.
fn next(
    lua: &Lua,
    s: &[u8],
    p: &[u8],
    from: usize,
    last: Option<usize>,
    anchored: bool,
    wanted: Wanted,
) -> Result<MultiValue> {
    let mut matcher = Matcher::new(s, p, STEPS);
    let last_start = if anchored { from } else { s.len() };
    for start in from..=last_start {
        match matcher.at(start) {
            Ok(Some(end)) if Some(end) != last => {
                let mut values = found(lua, s, &matcher, start, end, wanted)?;
                if values.front() == Some(&Value::Nil) {
                    values.pop_front();
                    values.push_front(lua_int(end));
                    values.push_front(lua_int(start));
                    values.push_front(Value::Nil);
                }
                return Ok(values);
            }
            Ok(_) => {}
            Err(fault) => return refuse(lua, &fault),
        }
    }
    nothing()
}

/// `gsub` with a replacement text.
fn replace(
    s: &[u8],
    p: &[u8],
    new: &[u8],
    most: Option<Integer>,
) -> std::result::Result<(Vec<u8>, usize), Fault> {
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(0));
    let (anchored, p) = unanchored(p);
    let mut matcher = Matcher::new(s, p, STEPS);
    let (mut out, mut at, mut last, mut count) = (Vec::with_capacity(s.len()), 0, None, 0);
    while count < most {
        match matcher.at(at)? {
            Some(end) if Some(end) != last => {
                count += 1;
                expand(&mut out, s, new, &matcher, at, end)?;
                at = end;
                last = Some(end);
            }
            _ if at < s.len() => {
                out.push(s[at]);
                at += 1;
            }
            _ => break,
        }
        if anchored {
            break;
        }
    }
    out.extend_from_slice(&s[at.min(s.len())..]);
    Ok((out, count))
}

/// Adds the replacement of the match `start..end`.
fn expand(
    out: &mut Vec<u8>,
    s: &[u8],
    new: &[u8],
    matcher: &Matcher,
    start: usize,
    end: usize,
) -> std::result::Result<(), Fault> {
    let mut rest = new.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'%') => out.push(b'%'),
            Some(b'0') => out.extend_from_slice(&s[start..end]),
            Some(digit @ b'1'..=b'9') => {
                match matcher.value(usize::from(digit - b'1'), start, end)? {
                    Capture::Text(start, end) => out.extend_from_slice(&s[start..end]),
                    Capture::Position(at) | Capture::Open(at) => {
                        out.extend_from_slice((at + 1).to_string().as_bytes());
                    }
                }
            }
            _ => return Err(Fault::Malformed("invalid use of '%' in replacement string")),
        }
    }
    Ok(())
}

fn unanchored(pattern: &[u8]) -> (bool, &[u8]) {
    match pattern {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    }
}

/// Lua's position (from 1, or from the end if negative) as an offset; may lie behind the end.
fn offset(position: Integer, length: usize) -> usize {
    match usize::try_from(position) {
        Ok(0) => 0,
        Ok(position) => position - 1,
        Err(_) => {
            let back = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
            length.saturating_sub(back)
        }
    }
}

fn nothing() -> Result<MultiValue> {
    Ok([Value::Nil, Value::Nil].into_iter().collect())
}

fn refuse(lua: &Lua, fault: &Fault) -> Result<MultiValue> {
    Ok([fault.to_string().into_lua(lua)?].into_iter().collect())
}

fn lua_int(n: usize) -> Value {
    Value::Integer(Integer::try_from(n).expect("an offset in memory fits 63 bits"))
}

#[cfg(test)]
mod tests;
