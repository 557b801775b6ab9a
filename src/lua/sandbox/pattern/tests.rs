//! Our matcher gives what Lua's own gives: on a list of cases for each rule, and on random ones.

use mlua::{Function, LuaString, Table};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::lua::{sandbox, testing};

/// Cases of each rule of patterns, as expressions: `s` is the library that is tried.
const CASES: &str = include_str!("cases.lua");

const PAIRS: usize = 40_000;
const ATOMS: [&str; 40] = [
    "a", "b", "c", ".", "%a", "%d", "%s", "%w", "%p", "%u", "%x", "%z", "%A", "%S", "%%", "%.",
    "[ab]", "[^a]", "[%d%-]", "[a-c]", "[^%w]", "[]]", "[%]a]", "(", ")", "(", ")", "()", "%b()",
    "%bab", "%f[%a]", "%f[^b]", "%1", "%2", "[a", "%", "^", "$", "-", "[%a-z]",
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
    let (lua, raw, base) = state();
    let differs: Function = lua.load(DIFFERS).set_environment(raw).call(base).unwrap();
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

/// A state in which every subject goes to our matcher: its raw libraries, and those of scripts.
fn state() -> (mlua::Lua, Table, Table) {
    let lua = sandbox::bare().unwrap();
    let host = testing::host();
    host.clock.set_limit(std::time::Duration::from_secs(600));
    let kernel = sandbox::furnish(&lua, &host, &["".into()]).unwrap();
    let never = lua.create_function(|_, _: mlua::MultiValue| Ok(-1)).unwrap();
    kernel.get::<Table>("h").unwrap().set("pattern_limit", never).unwrap();
    let (raw, base) = (kernel.get("raw").unwrap(), kernel.get("base").unwrap());
    (lua, raw, base)
}

#[test]
fn every_rule_of_patterns_holds_as_in_luas_own_functions() {
    let (lua, raw, base) = state();
    let compare: Function = lua.load(COMPARE).set_environment(raw).call(base).unwrap();
    let cases = CASES.lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
    let mut count = 0;
    for case in cases {
        let difference: Option<LuaString> =
            compare.call(case).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(difference, None, "{case}");
        count += 1;
    }
    assert!(count > 250, "{count} cases");
}

/// Evaluates a case with either library: all results, or the error without its position. Our
/// functions are in Lua, where an argument that is missing is nil.
const COMPARE: &str = r#"
    local ours, theirs = (...).string, string
    local function text(ok, ...)
      local results = table.pack(...)
      for i = 1, results.n do
        local v = results[i]
        if not ok and type(v) == "string" then v = string.gsub(string.gsub(v, "^[^ ]-:%d+: ", ""), "got no value", "got nil") end
        results[i] = math.type(v) or type(v)
        if type(v) ~= "table" then results[i] = results[i] .. " " .. string.format("%q", tostring(v)) end
      end
      return tostring(ok) .. ": " .. table.concat(results, ", ")
    end
    local environment = setmetatable({}, { __index = _G })
    -- All that an iterator gives, a line for each step.
    function environment.all(...)
      local steps = {}
      for a, b, c in ... do
        steps[#steps + 1] = tostring(a) .. "," .. tostring(b) .. "," .. tostring(c)
        if #steps > 1000 then error "no end" end
      end
      return table.concat(steps, ";")
    end
    return function(case)
      local f = assert(load("local s = ... return " .. case, "=case", "t", environment))
      local a, b = text(pcall(f, theirs)), text(pcall(f, ours))
      if a ~= b then return "Lua gives " .. a .. ", we give " .. b end
    end
"#;

#[test]
fn a_long_text_is_gone_over_once_and_not_many_times() {
    let (lua, _, base) = state();
    let long: Table = lua.load(LONG).set_environment(base).call(()).unwrap();
    let told: Vec<String> = long.sequence_values().map(Result::unwrap).collect();
    let too_many = "pattern takes too many steps on this subject";
    assert_eq!(told, ["17", "4000002", "true", too_many, too_many]);
}

/// Four megabytes each; the last two patterns would read them from each of their places.
const LONG: &str = r#"
    local long = ("x"):rep(4000000)
    local function refused(f, ...)
      local _, e = pcall(f, ...)
      return (e:gsub("^.-:%d+: ", ""))
    end
    return {
      (long .. "id=17;"):match("id=(%d+);"), tostring((long .. "a1"):find("%d")),
      tostring(#(long .. "y"):gsub("y+z?", "") == 4000000),
      refused(string.find, long, "x+y"), refused(string.gsub, long, "x+y", ""),
    }
"#;
