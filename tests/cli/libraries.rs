//! Where modules come from: the order of the search, and rocks that others have written. Those are
//! Debian's packages, which `tests/run.sh` installs.

use std::path::Path;

use crate::common::{Folder, Running};

/// What `script` says with these variables set.
fn says(folder: &Folder, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut tool = folder.tool();
    for name in ["HOME", "LOADTOOL_PATH", "LUA_PATH", "LUA_PATH_5_4"] {
        tool.env_remove(name);
    }
    tool.envs(environment.iter().copied());
    tool.args(["run", "script.lua", "--quiet"]).args(arguments);
    Running::start(&mut tool).end().exits(0).err
}

#[test]
fn modules_are_sought_beside_the_script_in_lib_in_loadtool_path_and_in_rocks() {
    let folder = Folder::of(
        "print(require('a').from, require('b').from, require('c').from, require('d').from, require('e').from)",
    );
    let module = |from: &str| format!("return {{ from = '{from}' }}");
    let mut folder = folder;
    // Each place has the modules of all places after it, which must not be taken.
    for (place, names) in [
        ("", "a"),
        ("lib/", "ab"),
        ("shared/", "abc"),
        ("templates/", "abcd"),
        ("home/.luarocks/share/lua/5.4/", "abcde"),
    ] {
        for name in names.chars() {
            let end = if place == "templates/" { "/main.lua" } else { ".lua" };
            folder = folder.file(&format!("{place}{name}{end}"), module(place));
        }
    }
    let said = says(
        &folder,
        &[("HOME", "home"), ("LOADTOOL_PATH", "nowhere:shared:templates/?/main.lua")],
        &["--lib", "lib"],
    );
    let places: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(
        places,
        ["lib/", "shared/", "templates/", "home/.luarocks/share/lua/5.4/"],
        "{said}"
    );
}

#[test]
fn a_broken_module_is_told_with_its_own_line_and_then_with_who_required_it() {
    let folder =
        Folder::new("local lt = require 'loadtool'\nlocal api = require 'lib.api'\nreturn print")
            .file("lib/api.lua", "local codes = require 'lib.codes'\n")
            .file("lib/codes.lua", "-- codes\nlocal ok = = 200\n");
    let ran = folder.run(&[]).exits(2);
    assert_eq!(
        ran.err,
        "lib/codes.lua:2: unexpected symbol near '='; required from lib/api.lua:1; required from \
         script.lua:2\n     2 | local ok = = 200\n"
    );
    let folder = folder.file("lib/codes.lua", "-- codes\nreturn { ok = Ok.status }\n");
    let ran = folder.run(&[]).exits(2);
    assert!(
        ran.err.starts_with(
            "lib/codes.lua:2: attempt to index a nil value (global 'Ok'); required from \
             lib/api.lua:1; required from script.lua:2\n     2 | return { ok = Ok.status }\n"
        ),
        "{}",
        ran.err
    );
}

/// The script that tries the rocks, run where Debian's packages are.
fn with_rocks(body: &str) {
    if !Path::new("/usr/share/lua/5.4/pl/init.lua").exists() {
        assert!(std::env::var_os("CI").is_none(), "no lua-penlight: tests/run.sh installs it");
        println!("skipped: no lua-penlight; tests/run.sh installs it");
        return;
    }
    // Debian has inspect for older versions only; it is the same file.
    let ran = Folder::of(body).run(&["--quiet", "--lib", "/usr/share/lua/5.1"]);
    ran.says_nothing().exits(0);
}

#[test]
fn penlight_works() {
    with_rocks(
        "local List, Map, Set = require 'pl.List', require 'pl.Map', require 'pl.Set'
         local OrderedMap, Date = require 'pl.OrderedMap', require 'pl.Date'
         local class, tablex, stringx = require 'pl.class', require 'pl.tablex', require 'pl.stringx'
         local pretty, text, template = require 'pl.pretty', require 'pl.text', require 'pl.template'
         local sip, seq, url, func = require 'pl.sip', require 'pl.seq', require 'pl.url', require 'pl.func'
         local xml, data, types = require 'pl.xml', require 'pl.data', require 'pl.types'
         assert(List { 3, 1, 2 }:sort():map('_ * 2', 0):join ',' == '2,4,6')
         assert(Set { 1, 2 } + Set { 2, 3 } == Set { 1, 2, 3 })
         assert(Map { a = 1 }:keys()[1] == 'a')
         local om = OrderedMap() om:set('z', 1) om:set('a', 2)
         assert(om:keys()[1] == 'z')
         class.Animal()
         function Animal:_init(n) self.n = n end
         class.Cat(Animal) function Cat:say() return self.n .. ' says miaow' end
         assert(Cat 'Tom':say() == 'Tom says miaow')
         assert(tablex.deepcompare(tablex.map('+', { 1, 2 }, 1), { 2, 3 }))
         assert(stringx.strip '  x ' == 'x' and stringx.split('a b')[2] == 'b')
         assert(pretty.write({ 1, { a = true } }, '') == '{1,{a=true}}')
         assert(text.Template '$a!':substitute { a = 1 } == '1!')
         assert(template.substitute('# for i = 1, 2 do\\n$(i)\\n# end', {}) == '1\\n2\\n')
         local found = {} assert(sip.match('$v{name}=$i{n}', 'x=5', found) and found.n == 5)
         assert(seq.sum { 1, 2, 3 } == 6 and url.quote 'a b' == 'a%20b')
         assert(xml.parse '<a><b x=\"1\"/></a>'[1].attr.x == '1')
         assert(data.read(require('pl.stringio').open 'x,y\\n1,2\\n')[1][2] == 2)
         assert(Date { year = 2026, month = 1, day = 31 }:add { day = 1 }:month() == 2)
         assert(types.is_callable(print) and func.I(func._1 + 1)(2) == 3)",
    );
}

#[test]
fn penlights_strict_globals_and_whole_of_it_work() {
    with_rocks(
        "require 'pl.strict'
         local ok, e = pcall(function() return typo end)
         assert(not ok and e:find 'is not declared', e)
         ok, e = pcall(function() another_typo = 1 end)
         assert(not ok and e:find 'undeclared global', e)
         assert(tostring(string.format) and lt.json)
         require 'pl'
         assert(utils and List { 1 }:len() == 1 and stringx)
         ok, e = pcall(require, 'pl.path')
         assert(not ok and tostring(e):find 'LuaFileSystem', e)",
    );
}

#[test]
fn inspect_dkjson_and_argparse_work_and_c_rocks_are_refused() {
    with_rocks(
        "local inspect, json, argparse = require 'inspect', require 'dkjson', require 'argparse'
         assert(inspect { 1, 2, a = { b = 'x' } } == '{ 1, 2,\\n  a = {\\n    b = \"x\"\\n  }\\n}')
         assert(inspect(setmetatable({}, { __index = string })):find 'metatable')
         local text = json.encode { a = { 1, 2.5, true }, n = json.null }
         local back = json.decode(text)
         assert(back.a[2] == 2.5 and back.n == nil)
         assert(select(2, json.decode '{\"a\": ') == 8 or json.decode '{\"a\": ' == nil)
         local parser = argparse 'x' parser:option '-n' :convert(tonumber)
         assert(parser:parse { '-n', '3' }.n == 3)
         for rock, hint in pairs { cjson = 'lt.json', lpeg = 'r:regex', lfs = 'io.open', ['socket.http'] = 'lt.http' } do
           local ok, e = pcall(require, rock)
           e = tostring(e)
           assert(not ok and e:find(rock .. \"' is a C module\", 1, true) and e:find(hint, 1, true), e)
         end",
    );
}
