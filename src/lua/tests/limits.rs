//! Limits of time and memory, and what users cost.

use super::*;

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
