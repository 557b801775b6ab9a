//! Our matcher on its way over a subject: to a first match, to the next one, to all of them.
//!
//! A long subject is gone over in portions of steps, between which the clock of the script is
//! asked: how long that may take is bounded by `script_cpu_limit`, and a pattern that needs many
//! more steps than the subject has bytes is refused before.

use mlua::{Integer, IntoLua, Lua, MultiValue, Result, Value};

use super::matcher::{Capture, Fault, Matcher};
use crate::lua::host::Host;

/// Steps between two looks at the clock: 10 to 20 ms.
const STEPS: u32 = 2_000_000;

/// Steps of one call for each byte of its subject, beside [`STEPS`]: what a pattern needs that goes
/// over a long text once.
const STEPS_PER_BYTE: usize = 32;

/// One call from a script.
pub struct Call<'l> {
    pub lua: &'l Lua,
    pub host: &'l Host,
}

impl Call<'_> {
    /// Raises if the script has computed for too long.
    pub fn tick(&self) -> Result<()> {
        self.host.clock.check(self.lua)
    }
}

/// A pattern on its way over a subject, which takes portions of steps.
struct Search<'c> {
    call: &'c Call<'c>,
    matcher: Matcher<'c>,
    /// Portions beyond the first.
    portions: usize,
}

impl<'c> Search<'c> {
    fn new(call: &'c Call<'c>, s: &'c [u8], p: &'c [u8]) -> Self {
        let portions = s.len().saturating_mul(STEPS_PER_BYTE) / STEPS as usize;
        Search { call, matcher: Matcher::new(s, p, STEPS), portions }
    }

    /// The end of a match that begins at `start`.
    fn at(&mut self, start: usize) -> Result<std::result::Result<Option<usize>, Fault>> {
        if self.portions > 0 && self.matcher.left() < STEPS / 2 {
            self.call.tick()?;
            self.portions -= 1;
            self.matcher.refill(STEPS);
        }
        Ok(self.matcher.at(start))
    }
}

/// What a search is to give.
#[derive(Clone, Copy)]
pub enum Wanted {
    /// Begin, end, captures; `plain`: the pattern is text.
    Range { plain: bool },
    /// The captures, or the whole match.
    Captures,
    /// The first capture, or the whole match.
    First,
}

/// The first match at or after Lua's position `init`.
pub fn find(
    call: &Call<'_>,
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
    let mut search = Search::new(call, s, p);
    let last_start = if anchored { from } else { s.len() };
    for start in from..=last_start {
        match search.at(start)? {
            Ok(None) => {}
            Ok(Some(end)) => return found(call.lua, s, &search.matcher, start, end, wanted),
            Err(fault) => return refuse(call.lua, &fault),
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
pub fn next(
    call: &Call<'_>,
    s: &[u8],
    p: &[u8],
    from: usize,
    last: Option<usize>,
    anchored: bool,
    wanted: Wanted,
) -> Result<MultiValue> {
    let mut search = Search::new(call, s, p);
    let last_start = if anchored { from } else { s.len() };
    for start in from..=last_start {
        match search.at(start)? {
            Ok(Some(end)) if Some(end) != last => {
                let mut values = found(call.lua, s, &search.matcher, start, end, wanted)?;
                if values.front() == Some(&Value::Nil) {
                    values.pop_front();
                    values.push_front(lua_int(end));
                    values.push_front(lua_int(start));
                    values.push_front(Value::Nil);
                }
                return Ok(values);
            }
            Ok(_) => {}
            Err(fault) => return refuse(call.lua, &fault),
        }
    }
    nothing()
}

/// `gsub` with a replacement text.
pub fn replace(
    call: &Call<'_>,
    s: &[u8],
    p: &[u8],
    new: &[u8],
    most: Option<Integer>,
) -> Result<std::result::Result<(Vec<u8>, usize), Fault>> {
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(0));
    let (anchored, p) = unanchored(p);
    let mut search = Search::new(call, s, p);
    let (mut out, mut at, mut last, mut count) = (Vec::with_capacity(s.len()), 0, None, 0);
    while count < most {
        match search.at(at)? {
            Ok(Some(end)) if Some(end) != last => {
                count += 1;
                if let Err(fault) = expand(&mut out, s, new, &search.matcher, at, end) {
                    return Ok(Err(fault));
                }
                at = end;
                last = Some(end);
            }
            Ok(_) if at < s.len() => {
                out.push(s[at]);
                at += 1;
            }
            Ok(_) => break,
            Err(fault) => return Ok(Err(fault)),
        }
        if anchored {
            break;
        }
    }
    out.extend_from_slice(&s[at.min(s.len())..]);
    Ok(Ok((out, count)))
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
