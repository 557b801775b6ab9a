//! What one user does at the same time: `lt.parallel`, `lt.http.batch`, and `lt.poll`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{recorded, rows};
use crate::http::{Exchange, SimulatedTransport};
use crate::lua::error::{Ended, Stopped};
use crate::lua::testing::{Bench, block_on, failure, run};
use crate::metrics::{Place, Value, Window};

/// Longest time of each series of a histogram, in milliseconds, by a tag.
pub fn longest(window: &Window, metric: &str, tag: &str) -> Vec<(String, u128)> {
    let rows = rows(window, metric, tag).into_iter();
    rows.map(|(tag, value)| match value {
        Value::Histogram(times) => (tag, times.max().map_or(0, |max| max.as_millis())),
        other => panic!("{other:?}"),
    })
    .collect()
}

fn of(pairs: &[(&str, u128)]) -> Vec<(String, u128)> {
    pairs.iter().map(|&(tag, ms)| (tag.to_owned(), ms)).collect()
}

/// A script whose requests take as many milliseconds as their path says.
fn bench(body: &str) -> Bench {
    let script = format!("local lt = require 'loadtool'\nreturn function(...)\n{body}\nend");
    let bench = Bench::new(&script, &[]);
    bench.host.use_transport(Rc::new(SimulatedTransport::new(|hop| {
        let ms = hop.url.path().trim_start_matches('/').parse().unwrap_or(0);
        (Duration::from_millis(ms), Exchange::answer(200, "ok"))
    })));
    bench
}

fn completes(body: &str) -> Window {
    let bench = bench(body);
    assert_eq!(bench.once(), Ended::Completed, "{body}");
    bench.host.recorder.borrow_mut().flip(0)
}

#[test]
fn branches_wait_together_and_give_their_results_in_order() {
    let window = completes(
        "local a, b, c = lt.step('all', function()
           return lt.parallel {
             function() lt.sleep(3); return 'a', 'not taken' end,
             function() return lt.http.get('http://h/1000').body end,
             function() end,
           }
         end)
         assert(a == 'a' and b == 'ok' and c == nil)
         assert(select('#', lt.parallel { function() end, function() end }) == 2)",
    );
    assert_eq!(longest(&window, "step_duration", "step"), of(&[("all", 3000)]));
    assert_eq!(longest(&window, "http_call_duration", "step"), of(&[("all", 1000)]));
}

#[test]
fn steps_of_a_branch_are_nested_in_it_alone() {
    let window = completes(
        "lt.step('page', function()
           lt.parallel {
             function() lt.step('a', function() lt.sleep(1); lt.step('deep', lt.sleep, 1) end) end,
             function() lt.step('b', function() lt.http.get('http://h/1500') end) end,
           }
           lt.step('after', lt.sleep, 1)
         end)",
    );
    let steps = [
        ("page", 3000),
        ("page/a", 2000),
        ("page/a/deep", 1000),
        ("page/after", 1000),
        ("page/b", 1500),
    ];
    assert_eq!(longest(&window, "step_duration", "step"), of(&steps));
    assert_eq!(longest(&window, "http_call_duration", "step"), of(&[("page/b", 1500)]));
}

#[test]
fn bundles_nest_and_pass_through_the_authors_coroutines() {
    let window = completes(
        "local function sleeper(s) return function() lt.sleep(s); return s end end
         local made = coroutine.wrap(function()
           local a, b = lt.parallel { sleeper(1), function()
             local c, d = lt.parallel { sleeper(2), coroutine.wrap(function()
               coroutine.yield(lt.parallel { sleeper(4), sleeper(1) })
             end) }
             return c + d
           end }
           coroutine.yield(a + b)
         end)
         lt.step('s', function() assert(made() == 7) end)",
    );
    assert_eq!(longest(&window, "step_duration", "step"), of(&[("s", 4000)]));
}

#[test]
fn the_first_error_ends_them_all_and_goes_on_up_with_its_line_and_step() {
    let window = {
        let bench = bench(
            "local closed = false
             local ok, e = pcall(lt.parallel, {
               function() lt.step('slow', function()
                 local guard <close> = setmetatable({}, { __close = function() closed = true end })
                 lt.http.get('http://h/9000')
               end) end,
               function() lt.step('bad', function() lt.sleep(1); lt.fail('no stock') end) end,
               function() lt.step('done', lt.sleep, 0.5) end,
             })
             assert(not ok and e.message == 'no stock' and e.step == 'bad' and e.line == 9, tostring(e))
             assert(closed)
             lt.parallel { function() local x = nil; return x.y end, function() lt.sleep(1) end }",
        );
        let Ended::Failed(failure) = bench.once() else { panic!("it fails") };
        assert!(failure.message.starts_with("script.lua:14: attempt to index a nil"), "{failure}");
        bench.host.recorder.borrow_mut().flip(0)
    };
    let ends = longest(&window, "step_duration", "outcome");
    assert_eq!(ends, of(&[("completed", 500), ("failed", 1000), ("interrupted", 1000)]));
    assert_eq!(longest(&window, "http_call_duration", "outcome"), of(&[("interrupted", 1000)]));
}

#[test]
fn what_cuts_the_user_off_cuts_every_branch() {
    let bench = bench(
        "local noted = lt.vu.vars
         lt.parallel {
           function() lt.step('a', function()
             local guard <close> = setmetatable({}, { __close = function() noted.closed = true end })
             lt.http.get('http://h/9000')
           end) end,
           function() lt.parallel { function() lt.step('b', lt.sleep, 9) end } end,
           function() lt.http.batch { 'http://h/9000', 'http://h/1' } end,
         }",
    );
    let user = bench.user(1);
    block_on(async {
        let cut = timeout(Duration::from_secs(2), user.iterate(0, 0, Place::default())).await;
        assert!(cut.is_err());
        user.interrupt();
    });
    let window = bench.host.recorder.borrow_mut().flip(0);
    let steps = longest(&window, "step_duration", "step");
    assert_eq!(steps, of(&[("a", 2000), ("b", 2000)]));
    let ends = longest(&window, "step_duration", "outcome");
    assert_eq!(ends, of(&[("interrupted", 2000), ("interrupted", 2000)]));
    let calls = rows(&window, "http_calls", "outcome");
    let calls: Vec<_> = calls.iter().map(|(end, _)| end.as_str()).collect();
    assert_eq!(calls, ["completed", "interrupted", "interrupted"]);
    // The user goes on as if nothing had been.
    let again = block_on(user.iterate(1, 0, Place::default()));
    assert_eq!(again, Ended::Completed);
}

#[test]
fn a_stop_inside_a_branch_is_no_error() {
    let ended = run("pcall(lt.parallel, {
        function() lt.sleep(100) end,
        function() pcall(lt.abort, 'enough') end,
      })
      lt.fail 'never'");
    assert_eq!(ended, Ended::Stopped(Stopped::Run("enough".into())));
    let later = run("lt.parallel { function() lt.parallel { function()
        lt.sleep(1)
        lt.abort 'later'
      end } end, function() while true do lt.sleep(1) end end }");
    assert_eq!(later, Ended::Stopped(Stopped::Run("later".into())));
}

#[test]
fn a_branch_that_computes_without_end_is_ended_with_its_user() {
    let bench = bench(
        "lt.step('outer', function() lt.parallel {
           function() lt.http.get('http://h/1000') end,
           function() lt.step('inner', function() lt.sleep(0.5) while true do pcall(error) end end) end,
         } end)",
    );
    bench.host.clock.set_limit(Duration::from_millis(50));
    let Ended::Failed(failure) = bench.once() else { panic!("it fails") };
    assert!(failure.message.contains("script_cpu_limit"), "{failure}");
    let window = bench.host.recorder.borrow_mut().flip(0);
    let steps = longest(&window, "step_duration", "step");
    let steps: Vec<_> = steps.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(steps, ["outer", "outer/inner"]);
    let calls = rows(&window, "http_calls", "outcome");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].0, "interrupted");
}

#[test]
fn pauses_of_all_branches_at_once_are_the_users_and_no_others() {
    // 3 s in all; without thinking the second would have taken 1.5 s and been the longest.
    let window = completes(
        "lt.step('s', function() lt.parallel {
           function() lt.think(2); lt.sleep(1) end,
           function() lt.sleep(1); lt.think(1.5); lt.sleep(0.5) end,
         } end)",
    );
    assert_eq!(longest(&window, "step_duration", "step"), of(&[("s", 1500)]));
}

#[test]
fn bundles_without_end_inside_each_other_are_an_error() {
    let failure = failure("local function deeper() return lt.parallel { deeper } end deeper()");
    assert!(failure.message.contains("overflow"), "{failure}");
}

#[test]
fn what_is_no_branch_is_told() {
    for (body, message) in [
        ("lt.parallel()", "lt.parallel needs a list of functions, got nil"),
        ("lt.parallel {}", "lt.parallel needs a list of functions, but the list is empty"),
        ("lt.parallel { print, 7 }", "lt.parallel, item 2, needs a function, got 7"),
        (
            "lt.parallel { cart = print }",
            "lt.parallel needs a list of functions, but its table has the key \"cart\"",
        ),
        (
            "lt.parallel { print, nil, print }",
            "lt.parallel needs a list of functions without holes; item 2 is nil",
        ),
        (
            "lt.parallel { function() coroutine.yield() end }",
            "attempt to yield from outside a coroutine",
        ),
        ("lt.poll()", "lt.poll needs options and a function, got nil"),
        ("lt.poll(1, print)", "lt.poll needs { every = …, timeout = … } and a function, got 1"),
        ("lt.poll({ evry = 1 }, print)", "unknown option of lt.poll `evry`; did you mean `every`?"),
        ("lt.poll({ every = 0 }, print)", "lt.poll: every must be longer than 0"),
        (
            "lt.poll({ timeout = 5000 }, print)",
            "lt.poll: timeout = 5000 is more than 600 seconds; for milliseconds write \"5000ms\"",
        ),
    ] {
        let failure = failure(body);
        assert_eq!(failure.message, format!("script.lua:3: {message}"), "{body}");
    }
}

#[test]
fn a_poll_asks_at_its_pace_until_there_is_a_value() {
    let (ended, window) = recorded(
        "local asked = 0
         local function done(at) return function()
           asked = asked + 1
           if asked == at then return false, 'second' end
         end end
         local began = lt.time.elapsed()
         assert(select('#', lt.poll({ every = '500ms', timeout = '60s' }, done(4))) == 1)
         -- A try that takes longer than the pace is followed at once.
         asked = 0
         local value = lt.poll({ every = 1, timeout = 60 }, function() lt.sleep(2); lt.think(1); return done(3)() end)
         assert(value == false)
         asked = 0
         local none, why = lt.poll({ every = '40s', timeout = '60s' }, done(9))
         assert(none == nil and why == 'no value after 1m (3 tries)', why)
         assert(asked == 3)
         lt.poll({}, function() error 'broken' end)",
    );
    let Ended::Failed(failure) = ended else { panic!("{ended:?}") };
    assert_eq!(failure.message, "script.lua:18: broken");
    assert_eq!(
        longest(&window, "poll_duration", "outcome"),
        of(&[("completed", 6000), ("failed", 60_000)])
    );
}

#[test]
fn a_poll_that_is_cut_off_is_recorded_as_such() {
    let bench = bench("lt.poll({ every = 1 }, function() end)");
    let user = bench.user(1);
    block_on(async {
        let cut = timeout(Duration::from_secs(5), user.iterate(0, 0, Place::default())).await;
        assert!(cut.is_err());
        user.interrupt();
    });
    let window = bench.host.recorder.borrow_mut().flip(0);
    assert_eq!(longest(&window, "poll_duration", "outcome"), of(&[("interrupted", 5000)]));
}

#[test]
fn a_batch_sends_so_many_at_once_to_each_host() {
    let sent = Rc::new(RefCell::new(Vec::new()));
    for (options, expected) in [
        ("nil", [0, 0, 0, 0, 0, 0, 100, 100, 0]),
        ("{ max_parallel = 3 }", [0, 0, 0, 100, 100, 100, 200, 200, 0]),
        ("8", [0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        let script = format!(
            "local lt = require 'loadtool'\nreturn function()
               local calls = {{}}
               for n = 1, 8 do calls[n] = {{ 'GET', 'http://one/' .. n }} end
               calls[9] = 'http://two/9'
               for n, r in ipairs(lt.http.batch(calls, {options})) do
                 assert(r.body == tostring(n) and r.ms == 100)
               end
             end"
        );
        let bench = Bench::new(&script, &[]);
        let (began, log) = (Rc::new(RefCell::new(None)), sent.clone());
        sent.borrow_mut().clear();
        bench.host.use_transport(Rc::new(SimulatedTransport::new(move |hop| {
            let began = *began.borrow_mut().get_or_insert_with(Instant::now);
            let number: usize = hop.url.path()[1..].parse().unwrap();
            log.borrow_mut().push((number, began.elapsed().as_millis()));
            let mut done = Exchange::answer(200, "");
            done.body = number.to_string().into();
            (Duration::from_millis(100), done)
        })));
        assert_eq!(bench.once(), Ended::Completed, "{options}");
        sent.borrow_mut().sort_unstable();
        let times: Vec<u128> = sent.borrow().iter().map(|(_, at)| *at).collect();
        assert_eq!(times, expected, "{options}");
    }
}
