//! Shared objects as one user's script has them; several users are in `tests/simulated/`.

use crate::lua::error::{Ended, Stopped};
use crate::lua::testing::{Bench, block_on, failure, run};
use crate::metrics::Place;

#[test]
fn values_are_copied_and_nil_deletes() {
    let ended = run(r#"
        local m, q = lt.shared.map "m", lt.shared.queue "q"
        local list = { 1, { a = "x" }, lt.json.null }
        m:set("k", list)
        list[1] = 2
        local copy = m:get "k"
        assert(copy[1] == 1 and copy[2].a == "x" and copy[3] == lt.json.null)
        copy[1] = 3
        assert(m:get("k")[1] == 1)
        m:set("k", nil)
        assert(m:get "k" == nil)
        assert(q:push { n = 1 } == true and #q == 1 and q:pop().n == 1 and #q == 0)
        m:set(1, "number")
        m:set("1", "text")
        assert(m:get(1.0) == "number" and m:get "1" == "text")
        assert(lt.shared.map "m" == m and lt.shared.map "other" ~= m)
        assert(select('#', q:pop(0)) == 2 and select(2, q:pop(0)) == "timeout")
        assert(select(2, q:pop "20ms") == "timeout")
    "#);
    assert_eq!(ended, Ended::Completed);
}

#[test]
fn an_update_is_one_step_and_gives_the_new_value() {
    let ended = run(r#"
        local m = lt.shared.map "m"
        local add = function(n) return (n or 0) + 1 end
        assert(m:update("n", add) == 1 and m:update("n", add) == 2 and m:get "n" == 2)
        assert(m:update("n", function() return nil end) == nil and m:get "n" == nil)
        local ok, e = pcall(m.update, m, "n", function() lt.fail "no" end)
        assert(not ok and e.message == "no" and m:get "n" == nil)
        local runs = 0
        m:update("n", function(n)
          runs = runs + 1
          if runs == 1 then m:set("n", 10) end
          return (n or 0) + 1
        end)
        assert(runs == 2 and m:get "n" == 11)
    "#);
    assert_eq!(ended, Ended::Completed);
}

#[test]
fn what_was_computed_once_is_there_for_good_or_for_its_time() {
    let ended = run(r#"
        local runs = 0
        local function f() runs = runs + 1 lt.sleep(1) return { n = runs } end
        assert(lt.shared.once("k", f).n == 1 and lt.shared.once("k", f).n == 1)
        assert(lt.shared.once("t", f, { ttl = "10s" }).n == 2)
        lt.sleep(9.5)
        assert(lt.shared.once("t", f, { ttl = "10s" }).n == 2)
        lt.sleep(1)
        assert(lt.shared.once("t", f, { ttl = "10s" }).n == 3)
        local ok, e = pcall(lt.shared.once, "fails", function() lt.fail "no" end)
        assert(not ok and e.message == "no")
        assert(lt.shared.once("fails", function() return nil end) == nil)
        assert(lt.shared.once("fails", f) == nil)
        assert(lt.shared.once("outer", function() return lt.shared.once("inner", f).n end) == 4)
    "#);
    assert_eq!(ended, Ended::Completed);
}

#[test]
fn a_turn_does_not_outlive_the_iteration_that_took_it() {
    let script = "local lt = require 'loadtool'
        return function()
          if lt.vu.number == 1 then
            lt.shared.once('k', function() while true do end end)
          else
            assert(lt.shared.once('k', function() return 7 end) == 7)
          end
        end";
    let bench = Bench::new(script, &[]);
    bench.host.clock.set_limit(std::time::Duration::from_millis(20));
    let (first, second) = (bench.user(1), bench.user(2));
    let ended = block_on(async { first.iterate(0, 0, Place::default()).await });
    assert!(matches!(ended, Ended::Failed(_)), "{ended:?}");
    let ended = block_on(async { second.iterate(0, 0, Place::default()).await });
    assert_eq!(ended, Ended::Completed);
}

#[test]
fn a_turn_that_outlived_its_iteration_ends_no_other() {
    let script = "local lt = require 'loadtool'
        local old
        return function()
          if lt.vu.iteration == 0 then
            old = coroutine.wrap(function()
              lt.shared.once('a', function() coroutine.yield() return 'late' end)
            end)
            old()
          else
            local v = lt.shared.once('b', function() old() return 'right' end)
            assert(v == 'right' and lt.shared.once('b', error) == 'right')
            assert(lt.shared.once('a', function() return 'anew' end) == 'anew')
          end
        end";
    let user = Bench::new(script, &[]).user(1);
    for iteration in 0..2 {
        let ended = block_on(async { user.iterate(iteration, 0, Place::default()).await });
        assert_eq!(ended, Ended::Completed);
    }
}

#[test]
fn an_update_can_be_ended_like_all_else() {
    let abort = "lt.shared.map 'm':update('k', function() lt.abort 'enough' end)";
    assert_eq!(run(abort), Ended::Stopped(Stopped::Run("enough".into())));
    let endless = "return function()
          require 'loadtool'.shared.map 'm':update('k', function() while true do end end)
        end";
    let bench = Bench::new(endless, &[]);
    bench.host.clock.set_limit(std::time::Duration::from_millis(20));
    let Ended::Failed(failure) = bench.once() else { panic!("it computes for ever") };
    assert!(failure.message.contains("without waiting (script_cpu_limit)"), "{failure}");
}

#[test]
fn counting_and_maps_work_where_nothing_waits_and_waiting_does_not() {
    let bench = Bench::new(
        "local lt = require 'loadtool'
         local mine = lt.shared.counter 'ids':add(1)
         lt.shared.map 'm':set('k', mine)
         return function() assert(mine == 1 and lt.shared.map 'm':get 'k' == 1) end",
        &[],
    );
    assert_eq!(bench.once(), Ended::Completed);
    for call in [
        "lt.shared.queue 'q':push(1)",
        "lt.shared.queue 'q':pop()",
        "lt.shared.barrier('b', 1):wait()",
        "lt.shared.limiter('l', '1/s'):wait()",
        "lt.shared.once('k', function() end)",
    ] {
        let script = format!("local lt = require 'loadtool'\n{call}\nreturn function() end");
        let fault = Bench::new(&script, &[]).vm.define().err().unwrap();
        assert_eq!(fault.line, Some(2));
        assert!(fault.message.contains("nothing can wait at a script's top level"), "{fault}");
    }
}

#[test]
fn mistakes_are_told_with_the_rule() {
    for (body, expected) in [
        ("lt.shared.counter()", "lt.shared.counter needs a name, got nil"),
        ("lt.shared.queue ''", "lt.shared.queue needs a name, which is not empty"),
        ("lt.shared.maps 'm'", "unknown field of lt.shared `maps`; did you mean `map`?"),
        ("lt.shared.counter 'c':add()", "counter:add needs a whole number, got nil"),
        ("lt.shared.counter 'c':add(0.5)", "counter:add needs a whole number, got 0.5"),
        ("lt.shared.counter 'c'.get()", "call counter:get(…) with a colon"),
        ("lt.shared.counter 'c':ad(1)", "unknown field of a counter `ad`; did you mean `add`?"),
        ("lt.shared.counter('c').x = 1", "a counter is read-only"),
        (
            "local c = lt.shared.counter 'c' c:add(math.maxinteger) c:add(1)",
            "the counter `c` would leave the range of 64-bit integers",
        ),
        (
            "lt.shared.queue('q', { mx = 1 })",
            "unknown option of lt.shared.queue `mx`; did you mean",
        ),
        ("lt.shared.queue('q', 5)", "a table of options like { max = … }, got 5"),
        ("lt.shared.queue('q', { max = 0 })", "max needs a whole number from 1, got 0"),
        (
            "lt.shared.queue('q', { max = 1 }) lt.shared.queue('q', { max = 2 })",
            "the queue `q` is there already, with max = 1 and not max = 2",
        ),
        ("lt.shared.queue 'q':push(nil)", "queue:push: nil has no JSON; use lt.json.null"),
        ("lt.shared.queue 'q':push { f = print }", "queue:push: a function has no JSON (at f)"),
        (
            "local t = {} t.t = t lt.shared.queue 'q':push(t)",
            "nested deeper than 128 levels: does the table contain itself?",
        ),
        ("lt.shared.queue 'q':pop 'soon'", "queue:pop: timeout: `soon` is no duration"),
        ("lt.shared.queue 'q':pop(5000)", "for milliseconds write \"5000ms\""),
        ("lt.shared.map 'm':get(0.5)", "map:get needs a key that is a string or a whole number"),
        ("lt.shared.map 'm':set({}, 1)", "map:set needs a key that is a string or a whole number"),
        ("lt.shared.map 'm':set('k', 0/0)", "map:set: NaN has no JSON"),
        ("lt.shared.map 'm':update('k')", "map:update needs a key and a function, got nil"),
        (
            "lt.shared.map 'm':update('k', function() lt.sleep(1) end)",
            "nothing can wait here: callbacks of table.sort, string.gsub, map:update and",
        ),
        (
            "local m = lt.shared.map 'm'
             local n = 0 m:update('k', function() n = n + 1 m:set('k', n) return 0 end)",
            "`k` has changed 1000 times while its function ran: the function must not set it",
        ),
        ("lt.shared.once('k')", "lt.shared.once needs a key and a function, got nil"),
        ("lt.shared.once('k', print, { tl = 1 })", "option of lt.shared.once `tl`; did you mean"),
        ("lt.shared.once('k', print, { ttl = -1 })", "ttl = -1 is not a length of time"),
        ("lt.shared.once('k', function() return print end)", "lt.shared.once: a function has no"),
        (
            "local function f() return lt.shared.once('k', f) end f()",
            "the key is asked for inside the function that computes its value",
        ),
        ("lt.shared.barrier('b')", "lt.shared.barrier: n needs a whole number from 1, got nil"),
        ("lt.shared.barrier('b', 1.5)", "n needs a whole number from 1, got 1.5"),
        ("lt.shared.limiter('l')", "lt.shared.limiter needs a rate like \"50/s\", got nil"),
        ("lt.shared.limiter('l', 'fast')", "lt.shared.limiter: `fast` is no rate"),
        ("lt.shared.limiter('l', '0/s')", "0/s is not between one a day and 1G/s"),
        (
            "lt.shared.limiter('l', '5/s') lt.shared.limiter('l', '6/s')",
            "the limiter `l` is there already, with 5/s and not 6/s",
        ),
    ] {
        let failure = failure(body);
        assert_eq!(failure.category, "script", "{body}");
        let message = &failure.message;
        assert!(message.contains(expected), "{body}\n  told: {message}\n  want: {expected}");
        assert!(message.starts_with("script.lua:"), "{body}: {message}");
    }
}

#[test]
fn values_without_end_are_refused() {
    let failure = failure(
        "local m, big = lt.shared.map 'm', string.rep('x', 1 << 20)
         for i = 1, 300 do m:set(i, big) lt.sleep(0.001) end",
    );
    assert!(failure.message.contains("lt.shared holds 256 MiB already"), "{}", failure.message);
}
