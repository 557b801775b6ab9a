//! What is told of an error, and what cannot be caught.

use super::*;

#[test]
fn errors_tell_the_authors_file_and_line() {
    for (body, message) in [
        ("local cart\nreturn cart.id", "script.lua:4: attempt to index a nil value (local 'cart')"),
        ("error('no stock')", "script.lua:3: no stock"),
        ("error('no stock', 0)", "script.lua:3: no stock"),
        ("assert(false)", "script.lua:3: assertion failed!"),
        ("assert(nil, 'gone')", "script.lua:3: gone"),
        ("lt.step('a', function() error('x', 0) end)", "script.lua:3: x"),
        ("coroutine.wrap(function() error('inside') end)()", "script.lua:3: inside"),
        ("\nmath.random(2, 1)", "script.lua:4: bad argument to 'random' (interval is empty)"),
        ("('x'):rep({})", "script.lua:3: bad argument #2 to 'rep' (number expected, got table)"),
        ("string.rep()", "script.lua:3: bad argument #1 to 'rep' (string expected, got nil)"),
        ("('x'):find('[')", "script.lua:3: malformed pattern (missing ']')"),
        ("('x'):rep(9999):find('%')", "script.lua:3: malformed pattern (ends with '%')"),
        (
            "lt.sleep({})",
            "script.lua:3: lt.sleep needs seconds or a text like \"500ms\", got a table",
        ),
        (
            "os.execute('ls')",
            "script.lua:3: os.execute is not available: scripts start no programs",
        ),
        ("io.popen('ls')", "script.lua:3: io.popen is not available: scripts start no programs"),
        (
            "collectgarbage()",
            "script.lua:3: collectgarbage is not available: the collector is the tool's",
        ),
        (
            "debug.getlocal(1, 1)",
            "script.lua:3: debug.getlocal is not available: there are debug.traceback, getinfo and getupvalue",
        ),
        ("coroutine.yield(1)", "script.lua:3: attempt to yield from outside a coroutine"),
        ("error({ code = 7 })", "script.lua:3: an error without a message (it is a table value)"),
        ("error({ message = 'mine' })", "script.lua:3: mine"),
    ] {
        let failure = failure(body);
        assert_eq!(failure.message, message, "{body}");
        assert_eq!(failure.category, "script", "{body}");
    }
}

#[test]
fn a_failure_knows_its_source_line_its_step_and_its_frames() {
    let failure = failure(
        "local function pay()\n  local card = card.number\nend\nlt.step('checkout', function() lt.step('pay', pay) end)",
    );
    assert_eq!(failure.line, Some(4));
    assert_eq!(failure.source.as_deref(), Some("  local card = card.number"));
    assert_eq!(failure.step, "checkout/pay");
    assert!(failure.traceback.starts_with("script.lua:4"), "{}", failure.traceback);
    assert!(failure.traceback.contains("\nscript.lua:6"), "{}", failure.traceback);
}

#[test]
fn pcall_gives_faults_as_tables_and_leaves_the_authors_errors_alone() {
    for body in [
        "local ok, e = pcall(lt.sleep, {}) assert(not ok)
         assert(e.category == 'script' and e.step == '' and e.message:find('lt.sleep'), e.message)
         assert(tostring(e):find('^script.lua:%d+: '), tostring(e))
         assert(('x' .. e):find('^xscript.lua'))",
        "local mine = { code = 7 }
         local ok, e = pcall(error, mine) assert(e == mine)
         local ok, e = pcall(lt.step, 'a', error, mine) assert(e == mine)
         local ok, e = xpcall(error, function(e) return e end, mine) assert(e == mine)",
        "local ok, e = pcall(error, 'text', 0) assert(e == 'text')",
        "local ok, e = pcall(error) assert(e == nil)",
        "local ok, e = pcall(string.rep) assert(e:find('bad argument'), e)",
        "local co = coroutine.create(function() local x = nil + 1 end)
         local ok, e = coroutine.resume(co) assert(e:find('^script.lua:3: attempt'), e)",
    ] {
        assert_eq!(run(body), Ended::Completed, "{body}");
    }
}

#[test]
fn no_pcall_catches_a_stop() {
    for body in [
        "while true do pcall(lt.abort, 'enough') end",
        "while true do pcall(coroutine.wrap(function() lt.abort('enough') end)) end",
        "table.sort({ 2, 1 }, function() while true do pcall(lt.abort, 'enough') end end)",
        "local x <close> = setmetatable({}, { __close = function() while true do end end }) lt.abort('enough')",
    ] {
        assert_eq!(run(body), Ended::Stopped(Stopped::Run("enough".into())), "{body}");
    }
}

#[test]
fn getinfo_shows_the_authors_functions_and_hides_ours() {
    let bench = Bench::new(
        "what = debug.getinfo(1, 'S').what\nlocal lt = require 'loadtool'
         local function f(a, ...)
           local me, caller = debug.getinfo(1), debug.getinfo(2, 'Sl')
           assert(me.func == f)
           return me, caller
         end
         return function()
           assert(what == 'main')
           local me, caller = f()
           assert(me.what == 'Lua' and me.short_src == 'script.lua' and me.source == '@script.lua')
           assert(me.linedefined == 3 and me.currentline == 4 and me.nparams == 1 and me.isvararg)
           assert(caller.currentline == 10 and caller.func == nil)
           assert(debug.getinfo(f).linedefined == 3 and debug.getinfo(print).what == 'C')
           assert(debug.getinfo(100) == nil and debug.getinfo(-1) == nil)
           local name, env = debug.getupvalue(f, 1)
           assert(name == '_ENV' and env == _G and debug.getupvalue(f, 2) == nil)
           assert(debug.getupvalue(require, 1) == nil and debug.getupvalue(next, 1) == nil)
           assert(not pcall(debug.getinfo, 'x') and not pcall(function() return debug.sethook end))
           lt.step('s', function()
             for level = 0, 20 do
               local info = debug.getinfo(level)
               local ours = info and info.what == 'C'
               assert(not ours or info.func == nil and info.source == '=[C]')
             end
           end)
         end",
        &[],
    );
    assert_eq!(bench.once(), Ended::Completed);
}

#[test]
fn text_that_is_no_whole_chunk_is_refused_and_what_is_one_keeps_its_lines() {
    let load = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Program::load(file.path(), &[]).map(drop).map_err(|fault| (fault.line, fault.message))
    };
    for bad in
        ["end, os_call(), function()", "return 1 end", "local = 2", "return function(", "--[["]
    {
        assert!(load(bad).is_err(), "{bad}");
    }
    assert_eq!(load("local a\nlocal b = = 2").unwrap_err().0, Some(2));
    assert!(load("\u{1b}Lua").unwrap_err().1.contains("bytecode"));
    for good in [
        "",
        "return 1",
        "return",
        "-- only a comment",
        "#!/bin/lua\nreturn 1",
        "\u{feff}return 1",
        "return ...",
        "goto done ::done::",
    ] {
        assert_eq!(load(good), Ok(()), "{good}");
    }
    for script in [
        "#!/usr/bin/env lua\nreturn function() error 'x' end",
        "\u{feff}--\nreturn function() error 'x' end -- end",
    ] {
        let Ended::Failed(failure) = Bench::new(script, &[]).once() else { panic!("{script}") };
        assert_eq!(failure.message, "script.lua:2: x");
    }
}

#[test]
fn a_script_that_changes_its_shape_is_told() {
    let bench = Bench::new("return { scenarios = { default = { run = 1 } } }", &[]);
    let fault = bench.vm.user(crate::lua::vm::UserSpec {
        id: 1,
        number: 1,
        scenario: 0,
        variant: 0,
        agent: 1,
    });
    let fault = fault.map(drop).unwrap_err();
    assert!(fault.message.contains("scenario `default` has `run` in one instance"), "{fault}");
}
