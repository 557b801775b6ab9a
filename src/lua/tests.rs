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

mod errors;
mod limits;
mod modules;

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
