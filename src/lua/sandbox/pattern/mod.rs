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
mod tests {
    use mlua::{Function, LuaString, Table};
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use crate::lua::{sandbox, testing};

    const PAIRS: usize = 40_000;
    const ATOMS: [&str; 40] = [
        "a", "b", "c", ".", "%a", "%d", "%s", "%w", "%p", "%u", "%x", "%z", "%A", "%S", "%%", "%.",
        "[ab]", "[^a]", "[%d%-]", "[a-c]", "[^%w]", "[]]", "[%]a]", "(", ")", "(", ")", "()",
        "%b()", "%bab", "%f[%a]", "%f[^b]", "%1", "%2", "[a", "%", "^", "$", "-", "[%a-z]",
    ];
    const SUFFIXES: [&str; 8] = ["", "", "", "", "*", "+", "-", "?"];
    const LETTERS: &[u8] = b"aabbcc1 (.)-_%]\0\xe4";
    const REPLACEMENTS: [&str; 8] = ["", "x", "<%0>", "%1", "%2%1", "%%", "%", "%9"];

    fn pattern(rng: &mut Xoshiro256PlusPlus) -> String {
        let mut pattern = String::new();
        if rng.random_ratio(1, 8) {
            pattern.push('^');
        }
        for _ in 0..rng.random_range(0..6) {
            pattern += ATOMS[rng.random_range(0..ATOMS.len())];
            pattern += SUFFIXES[rng.random_range(0..SUFFIXES.len())];
        }
        if rng.random_ratio(1, 8) {
            pattern.push('$');
        }
        pattern
    }

    #[test]
    fn random_patterns_give_what_luas_own_functions_give() {
        let lua = sandbox::bare().unwrap();
        let host = testing::host();
        host.clock.set_limit(std::time::Duration::from_secs(600));
        let kernel = sandbox::furnish(&lua, &host, &["".into()]).unwrap();
        let never = lua.create_function(|_, _: mlua::MultiValue| Ok(-1)).unwrap();
        kernel.get::<Table>("h").unwrap().set("pattern_limit", never).unwrap();
        let differs: Function = lua
            .load(DIFFERS)
            .set_environment(kernel.get("raw").unwrap())
            .call(kernel.get::<Table>("base").unwrap())
            .unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut matched = 0;
        for _ in 0..PAIRS {
            let pattern = pattern(&mut rng);
            let length = rng.random_range(0..20);
            let subject: Vec<u8> =
                (0..length).map(|_| LETTERS[rng.random_range(0..LETTERS.len())]).collect();
            let subject = lua.create_string(subject).unwrap();
            let init = rng.random_range(-6i64..14);
            let new = REPLACEMENTS[rng.random_range(0..REPLACEMENTS.len())];
            let (difference, found): (Option<LuaString>, bool) =
                differs.call((&subject, pattern.as_str(), init, new)).unwrap();
            assert_eq!(difference, None, "{subject:?} {pattern:?} {init} {new:?}");
            matched += usize::from(found);
        }
        assert!(matched > PAIRS / 20, "only {matched} patterns matched anything");
    }

    const DIFFERS: &str = r#"
        local ours, theirs = (...).string, string
        local function all(f, ...)
          local results, n = {}, 0
          local ok, e = pcall(function(...)
            for a, b, c in f(...) do
              n = n + 1
              results[n] = tostring(a) .. "," .. tostring(b) .. "," .. tostring(c)
            end
          end, ...)
          if not ok then results[n + 1] = e end
          return table.concat(results, ";")
        end
        local function text(ok, ...)
          local results = table.pack(...)
          for i = 1, results.n do
            local v = results[i]
            if not ok then v = string.gsub(v, "^[%w%p]*:%d+: ", "") end
            results[i] = math.type(v) or type(v) .. tostring(v)
          end
          return tostring(ok) .. table.concat(results, "|")
        end
        local list
        local replacements = {
          function(...) list[#list + 1] = table.concat({ ... }, ",") if #list % 2 == 0 then return #list end end,
          setmetatable({}, { __index = function(_, key) return key ~= "" and key end }),
          { a = "b", b = false, c = 5 },
          function() return {} end,
        }
        return function(s, p, init, new)
          local function compare(name, ...)
            list = {}
            local a = text(pcall(theirs[name], ...)) .. table.concat(list, "/")
            list = {}
            local b = text(pcall(ours[name], ...)) .. table.concat(list, "/")
            if a ~= b then return name .. ": " .. a .. " but " .. b end
          end
          local a, b = all(theirs.gmatch, s, p, init), all(ours.gmatch, s, p, init)
          a, b = string.gsub(a, "[^;]-:%d+: ", ""), string.gsub(b, "[^;]-:%d+: ", "")
          local difference = compare("find", s, p, init) or compare("match", s, p, init)
            or compare("find", s, p, init, true) or compare("gsub", s, p, new)
            or compare("gsub", s, p, new, init)
            or a ~= b and "gmatch: " .. a .. " but " .. b or nil
          for i = 1, #replacements do difference = difference or compare("gsub", s, p, replacements[i]) end
          local ok, found = pcall(theirs.find, s, p)
          return difference and string.format("%q", difference), ok and found ~= nil
        end
    "#;
}
