//! Modules, globals and files.

use super::*;

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
