//! What authors may rely on: isolation, waiting anywhere, errors with their own place, stops that
//! nothing catches.

use std::sync::Arc;
use std::time::Duration;

use super::error::{Ended, Stopped};
use super::program::Program;
use super::testing::{Bench, block_on, failure, run};
use super::vu::Vu;
use crate::metrics::Place;
use crate::plan::Plan;
use crate::plan::draft::Limits;

#[test]
fn a_user_waits_anywhere_but_in_callbacks_of_c() {
    let object = |event: &str, by: &str| {
        format!(
            "local t = setmetatable({{}}, {{ {event} = function() lt.sleep(1) return 7 end }}) {by}"
        )
    };
    for body in [
        "lt.sleep(0.5)".to_owned(),
        "assert(pcall(lt.sleep, 1))".to_owned(),
        "assert(pcall(pcall, lt.sleep, 1))".to_owned(),
        "assert(xpcall(lt.sleep, print, 1))".to_owned(),
        "assert(select(2, xpcall(function(a) lt.sleep(1) return a end, print, 5)) == 5)".to_owned(),
        "for i in function(_, i) lt.sleep(1) if i < 3 then return i + 1 end end, nil, 0 do end"
            .to_owned(),
        object("__index", "assert(t.x == 7)"),
        object("__call", "assert(t() == 7)"),
        object("__add", "assert(t + 1 == 7)"),
        object("__concat", "assert(t .. 1 == 7)"),
        object("__len", "assert(#t == 7)"),
        object("__lt", "assert(t < t)"),
        object("__eq", "assert(t == setmetatable({}, getmetatable(t)))"),
        object("__newindex", "t.x = 1"),
        object("__close", "do local c <close> = t end"),
        "local w = coroutine.wrap(function() lt.sleep(1) return 7 end) assert(w() == 7)".to_owned(),
        "local co = coroutine.create(function(a)
           lt.sleep(1) local b = coroutine.yield(a + 1) lt.sleep(1) return b * 2 end)
         assert(select(2, coroutine.resume(co, 1)) == 2)
         assert(select(2, coroutine.resume(co, 21)) == 42)
         assert(coroutine.status(co) == 'dead')"
            .to_owned(),
        "local w = coroutine.wrap(function() return coroutine.wrap(function()
           lt.sleep(1) return 7 end)() end) assert(w() == 7)"
            .to_owned(),
        "lt.step('a', function() lt.step('b', coroutine.wrap(function() lt.sleep(1) end)) end)"
            .to_owned(),
    ] {
        assert_eq!(run(&body), Ended::Completed, "{body}");
    }
    for body in [
        "table.sort({ 2, 1 }, function() lt.sleep(1) end)",
        "('x'):gsub('x', function() lt.sleep(1) end)",
        "tostring(setmetatable({}, { __tostring = function() lt.sleep(1) end }))",
        "xpcall(error, function() lt.sleep(1) end)
         error(select(2, pcall(table.sort, { 2, 1 }, function() lt.sleep(1) end)))",
    ] {
        let message = failure(body).message;
        assert!(message.starts_with("script.lua:"), "{message}");
        assert!(message.contains("nothing can wait here"), "{message}");
    }
}

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
fn what_one_user_changes_is_not_seen_by_another() {
    let bench = Bench::new(
        "local m = require 'm'\nlocal mine = 0\nreturn function()
           mine = mine + 1; ours = (ours or 0) + 1; m.n = m.n + 1; _G.more = (more or 0) + 1
           load('loaded = (loaded or 0) + 1')()
           assert(mine == 1 and ours == 1 and m.n == 1 and more == 1 and loaded == 1)
           assert(require 'm' == m and package.loaded.m == m)
           pcall(function() string.format = error end)
           pcall(rawset, string, 'rep', error)
           pcall(table.insert, math, error)
           pcall(table.move, { error }, 1, 1, 1, os)
           assert(not pcall(setmetatable, string, {}))
           for _, library in pairs { string, table, math, os, io, utf8, coroutine, package, debug } do
             assert(getmetatable(library) == false and rawget(library, 1) == nil)
             for name in pairs(library == package and {} or library == debug and {} or library) do
               assert(library[name] ~= error)
             end
           end
           string = nil
         end",
        &[("m.lua", "return { n = 0 }")],
    );
    assert_eq!(bench.once(), Ended::Completed);
    assert_eq!(bench.once(), Ended::Completed);
}

#[test]
fn modules_are_found_beside_the_script_and_told_when_they_are_not() {
    let modules = [
        ("lib/shop.lua", "local name = ... return { name = name, item = require 'lib.item' }"),
        ("lib/item/init.lua", "#!/usr/bin/lua\nreturn { id = 1 }"),
        ("a.lua", "local b = require 'b' return b"),
        ("b.lua", "local a = require 'a' return a"),
        ("bad.lua", "local = 1"),
        ("slow.lua", "require('loadtool').sleep(1)"),
        ("native.so", ""),
        ("broken.lua", "\nerror 'no'"),
        ("deep.lua", "\nrequire 'broken'"),
        ("deeper.lua", "require 'nope'"),
    ];
    let message =
        |body: &str| match Bench::new(&format!("return function() {body} end"), &modules).once() {
            Ended::Failed(failure) => failure.message,
            ended => format!("{ended:?}"),
        };
    assert_eq!(
        message("local s = require 'lib.shop' assert(s.item.id == 1 and s.name == 'lib.shop')"),
        "Completed"
    );
    assert_eq!(message("assert(require 'loadtool.json' == require('loadtool').json)"), "Completed");
    for (body, part) in [
        ("require 'nope'", "script.lua:1: module 'nope' not found:\n\tno file '"),
        ("require '/etc/passwd'", "is no module name"),
        ("require '...etc'", "is no module name"),
        ("require 'a'", "b.lua:1: module 'a' requires itself"),
        ("require 'bad'", "bad.lua:1: <name> expected near '='; required from script.lua:1"),
        ("require 'broken'", "broken.lua:2: no; required from script.lua:1"),
        (
            "require 'deep'",
            "broken.lua:2: no; required from deep.lua:2; required from script.lua:1",
        ),
        ("require 'deeper'", "deeper.lua:1: module 'nope' not found:\n\tno file '"),
        ("require 'deeper'", "'; required from script.lua:1; hint: --lib"),
        ("require 'native'", "only Lua modules can be loaded"),
        ("require 'lfs'", "module 'lfs' is a C module, and only Lua modules can be loaded; hint: "),
        ("require 'slow'", "slow.lua:1: nothing can wait at a script's top level"),
        ("require 'loadtool.htp'", "loadtool has no 'htp'"),
    ] {
        let message = message(body);
        assert!(message.contains(part), "{body}: {message}");
    }
}

#[test]
fn package_tells_what_is_loaded_and_takes_what_is_loaded_beforehand() {
    let bench = Bench::new(
        "return function()
           assert(package.path:find('/?.lua;', 1, true) and package.cpath == '')
           assert(package.config:sub(1, 1) == '/')
           assert(require 'string' == string and package.loaded.math == math and package.loaded._G == _G)
           package.preload.given = function(...) return { ... } end
           local given = require 'given'
           assert(given[1] == 'given' and given[2] == ':preload:' and require 'given' == given)
           package.loaded.set = 7
           assert(require 'set' == 7)
           package.path = '/tmp/?.lua'
           assert(not pcall(require, 'tmp'))
           local value, file = require 'm'
           assert(value == 1 and file:sub(-5) == 'm.lua')
         end",
        &[("m.lua", "return 1")],
    );
    assert_eq!(bench.once(), Ended::Completed);
}

#[test]
fn the_globals_may_have_a_metatable_of_the_authors() {
    for body in [
        "assert(getmetatable(_G) == nil and setmetatable(_G, nil) == _G)
         setmetatable(_G, { __index = { late = 1 } })
         assert(late == 1 and string.format('%d', 1) == '1' and missing == nil)",
        "setmetatable(_G, { __newindex = function(t, n, v) rawset(t, n, v * 2) end })
         x = 2 assert(x == 4)
         print = 1 assert(print == 1)",
        "local mt = setmetatable(_G, {}) == _G and getmetatable(_G)
         mt.__index = function(_, n) error('undeclared ' .. n, 2) end
         assert(tostring(1) == '1' and not pcall(function() return nothing end))
         setmetatable(_G, nil)
         assert(nothing == nil and getmetatable(_G) == nil and type(print) == 'function')",
        "setmetatable(_G, { __metatable = 'mine' })
         assert(getmetatable(_G) == 'mine' and not pcall(setmetatable, _G, {}))",
        "assert(not pcall(setmetatable, _G, { __gc = print }) and not pcall(setmetatable, _G, 1))
         assert(not pcall(setmetatable, string, {}) and getmetatable(string) == false)",
    ] {
        assert_eq!(run(body), Ended::Completed, "{body}");
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
fn ctx_is_read_only_and_reads_like_a_table() {
    let bench = Bench::new(
        "return function(ctx)
           assert(ctx.list[2] == 'b' and #ctx.list == 2 and ctx.deep.er.x == 1)
           local n = 0 for _, v in ipairs(ctx.list) do n = n + 1 end assert(n == 2)
           local keys = {} for k in pairs(ctx) do keys[k] = true end assert(keys.list and keys.deep)
           assert(not pcall(function() ctx.deep.er.x = 2 end))
           assert(not pcall(rawset, ctx.list, 1, 'c'))
           assert(require('loadtool').json.encode(ctx.list) == '[\"a\",\"b\"]')
         end",
        &[],
    );
    let ctx = br#"{"list":["a","b"],"deep":{"er":{"x":1}}}"#;
    bench.vm.bind(&bench.plan, &[ctx[..].into()]).unwrap();
    assert_eq!(bench.once(), Ended::Completed);
}

#[test]
fn an_interrupted_iteration_closes_its_variables_and_the_next_one_runs() {
    let bench = Bench::new(
        "local lt, closed, n = require 'loadtool', 0, 0
         return function()
           n = n + 1
           if n == 2 then assert(closed == 1) return end
           local x <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
           lt.step('long', lt.sleep, 60)
         end",
        &[],
    );
    let user = bench.user(1);
    block_on(async {
        let first = user.iterate(0, 0, Place::default());
        assert!(tokio::time::timeout(Duration::from_secs(1), first).await.is_err());
        user.interrupt();
        assert_eq!(user.iterate(1, 0, Place::default()).await, Ended::Completed);
    });
}

#[test]
fn an_endless_loop_ends_its_iteration_and_no_other() {
    let bench = Bench::new(
        "local n = 0 return function() n = n + 1 if n == 1 then while true do end end end",
        &[],
    );
    bench.host.clock.set_limit(Duration::from_millis(50));
    let user = bench.user(1);
    let first = block_on(user.iterate(0, 0, Place::default()));
    let Ended::Failed(failure) = first else { panic!("{first:?}") };
    assert!(failure.message.starts_with("script.lua:1: the script computed"), "{failure}");
    assert_eq!(block_on(user.iterate(1, 0, Place::default())), Ended::Completed);
}

#[test]
fn files_of_the_scripts_folder_are_read_before_the_run_only() {
    let bench = Bench::new(
        "local f = assert(io.open 'data.txt')
         local first, n, rest = f:read('l', 'n', 'a') f:close()
         local lines = {} for line in io.lines 'data.txt' do lines[#lines + 1] = line end
         local missing, why = io.open 'nope.txt'
         assert(missing == nil and why:find 'nope.txt')
         assert(not pcall(io.open, '/etc/passwd') and not pcall(io.open, 'data.txt', 'w'))
         return function()
           assert(first == 'one' and n == 2 and rest == '\\nthree' and #lines == 3)
           local ok, e = pcall(io.open, 'data.txt') assert(not ok and e.message:find 'before the run')
         end",
        &[("data.txt", "one\n2\nthree")],
    );
    assert_eq!(bench.once(), Ended::Completed);
}

#[test]
fn a_script_that_changes_its_shape_is_told() {
    let bench = Bench::new("return { scenarios = { default = { run = 1 } } }", &[]);
    let fault =
        bench.vm.user(super::vm::UserSpec { id: 1, number: 1, scenario: 0, variant: 0, agent: 1 });
    let fault = fault.map(drop).unwrap_err();
    assert!(fault.message.contains("scenario `default` has `run` in one instance"), "{fault}");
}

#[test]
fn who_keeps_too_much_loses_it_and_begins_anew_and_others_go_on() {
    const CAUGHT: [&str; 8] = [
        "keep()",
        "pcall(keep)",
        "xpcall(keep, print)",
        "pcall(pcall, keep)",
        "pcall(table.sort, { 2, 1 }, function() while true do pcall(keep) end end)",
        "pcall(lt.parallel, { function() while true do pcall(keep) end end })",
        "coroutine.resume(coroutine.create(keep))",
        "coroutine.resume(coroutine.create(function() while true do pcall(keep) end end))",
    ];
    for (grow, size) in CAUGHT.into_iter().flat_map(|grow| [(grow, 100_000), (grow, 10)]) {
        let script = format!(
            "local lt, upvalue = require 'loadtool', {{}}
             local function keep()
               local text = ('x'):rep({size} + #upvalue)
               kept[#kept + 1] = {{ text }} upvalue[#upvalue + 1] = text
             end
             return function()
               if lt.vu.number > 1 then return end
               assert(kept == nil and #upvalue == 0, 'it is not new')
               kept = {{}}
               while true do {grow} end
             end"
        );
        let bench = Bench::new(&script, &[]);
        let limits = Limits { memory: Some(8 << 20), ..Limits::default() };
        bench.vm.bind(&Arc::new(Plan { limits, ..Plan::clone(&bench.plan) }), &[]).unwrap();
        let (hoarder, other) = (bench.user(1), bench.user(2));
        let end = |user: &Vu, n| block_on(user.iterate(n, 0, Place::default()));
        for n in 0..2 {
            let Ended::Failed(failure) = end(&hoarder, n) else { panic!("it keeps too much") };
            assert_eq!(failure.category, "resource", "{grow}: {failure}");
            assert!(failure.message.contains("not enough memory"), "{grow}: {failure}");
            assert!(failure.line.is_some(), "{grow}: {failure}");
            assert!(hoarder.is_spent() && !other.is_spent(), "{grow}: {failure}");
            assert_eq!(end(&other, n), Ended::Completed, "{grow}");
            assert!(bench.vm.used_memory() < 4 << 20, "{}", bench.vm.used_memory());
        }
    }
}

#[test]
fn an_error_for_want_of_memory_can_be_caught_where_there_is_enough() {
    let bench = Bench::new(
        "return function()
           local ok, e = pcall(string.rep, 'x', 1 << 30)
           assert(not ok and e == 'not enough memory', e)
           local co = coroutine.create(function() coroutine.yield() return ('x'):rep(1 << 30) end)
           assert(coroutine.resume(co))
           ok, e = coroutine.resume(co)
           assert(not ok and e == 'not enough memory', e)
         end",
        &[],
    );
    assert_eq!(bench.once(), Ended::Completed);
}

#[test]
fn the_future_of_an_iteration_is_small() {
    let bench = Bench::new("return function() end", &[]);
    let user = bench.user(1);
    let size = size_of_val(&user.iterate(0, 0, Place::default()));
    assert!(size <= 400, "{size} bytes");
}

#[test]
fn a_sleeping_user_costs_little() {
    const USERS: u64 = 500;
    let bench = Bench::new(
        "local lt = require 'loadtool' local n = 0 return function() n = n + 1 lt.sleep(60) end",
        &[],
    );
    let users: Vec<_> = (0..50).map(|n| bench.user(n)).collect();
    bench.vm.collect();
    let before = bench.vm.used_memory();
    let more: Vec<_> = bench.vm.bulk(|| (0..USERS).map(|n| bench.user(n)).collect());
    block_on(async {
        let mut asleep: Vec<_> =
            more.iter().map(|user| Box::pin(user.iterate(0, 0, Place::default()))).collect();
        for user in &mut asleep {
            assert!(tokio::time::timeout(Duration::ZERO, user).await.is_err());
        }
        bench.vm.collect();
        let lua = (bench.vm.used_memory() - before) / USERS;
        assert!(lua <= 2_000, "{lua} bytes of Lua");
    });
    drop(users);
}
