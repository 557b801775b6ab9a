//! The author's own metrics as one user's script has them.

use std::time::Duration;

use crate::lua::error::Ended;
use crate::lua::testing::{Bench, block_on, failure};
use crate::metrics::{Place, Selector, Value, Window};

/// Runs one iteration; what `selector` means of its samples.
struct Ran {
    ended: Ended,
    window: Window,
    bench: Bench,
}

fn run(body: &str) -> Ran {
    let script = format!("local lt = require 'loadtool'\nreturn function(...)\n{body}\nend");
    let bench = Bench::new(&script, &[]);
    let ended = bench.once();
    let window = bench.host.recorder.borrow_mut().flip(0);
    Ran { ended, window, bench }
}

impl Ran {
    fn value(&self, selector: &str) -> Option<Value> {
        let own = self.bench.host.shared.metrics();
        self.window.fold(&Selector::parse_among(selector, &own).expect(selector))
    }

    fn times(&self, selector: &str) -> Vec<Duration> {
        let Some(Value::Histogram(times)) = self.value(selector) else { return Vec::new() };
        vec![times.min().unwrap(), times.max().unwrap()]
    }
}

#[test]
fn samples_of_each_kind_add_up() {
    let ran = run(r#"
        local m = lt.metrics
        local orders, hit, stock = m.counter "orders", m.rate "hit", m.gauge "stock"
        orders:add(2) orders:add(3.0)
        hit:add(true) hit:add(false) hit:add(1)
        stock:add(7) stock:add(-2.5)
        m.histogram("size", { unit = "bytes" }):add(5e9)
        m.histogram("score"):add(0.25)
        m.histogram("wait", { unit = "s" }):add(1.5)
        m.histogram("share", { unit = "%" }):add(12.5)
        assert(m.counter "orders" == orders and m.rate "hit" == hit)
    "#);
    assert_eq!(ran.ended, Ended::Completed);
    assert_eq!(ran.value("orders"), Some(Value::Counter(5)));
    assert_eq!(ran.value("hit"), Some(Value::Rate { hits: 2, total: 3 }));
    let stock = Value::Level { at: Duration::ZERO, last: -2.5, max: 7.0 };
    assert_eq!(ran.value("stock"), Some(stock));
    for (name, expected) in [("size", 5e9), ("score", 0.25), ("wait", 1_500.0), ("share", 12.5)] {
        let Some(Value::Histogram(numbers)) = ran.value(name) else { panic!("{name}") };
        let own = ran.bench.host.shared.metrics();
        let unit = own.named(name).unwrap().metric().unit;
        assert_eq!(numbers.of_unit(unit).max(), Some(expected), "{name}");
    }
}

#[test]
fn samples_have_the_tags_of_their_place_and_their_own() {
    let ran = run(r#"
        local orders = lt.metrics.counter "orders"
        lt.step("pay", function() orders:add(1, { currency = "EUR", retried = false }) end)
        orders:add(10, { currency = "USD" })
        orders:add(100)
    "#);
    for (selector, sum) in [
        ("orders", 111),
        ("orders{scenario=default,phase=load}", 111),
        ("orders{step=pay}", 1),
        ("orders{currency=EUR,retried=false}", 1),
        ("orders{currency=\"\"}", 100),
    ] {
        assert_eq!(ran.value(selector), Some(Value::Counter(sum)), "{selector}");
    }
}

#[test]
fn a_timer_gives_results_leaves_out_thinking_and_keeps_failures_apart() {
    let ran = run(r#"
        local timer = lt.metrics.timer "import"
        local a, b = timer:time(function(x) lt.sleep(2) lt.think(5) return x, 2 end, 1)
        assert(a == 1 and b == 2)
        local ok, e = pcall(timer.time, timer, function() lt.sleep(0.5) lt.fail "no" end)
        assert(not ok and e.message == "no")
    "#);
    assert_eq!(ran.ended, Ended::Completed);
    assert_eq!(ran.times("import"), [Duration::from_secs(2); 2]);
    assert_eq!(ran.times("import{outcome=failed}"), [Duration::from_millis(500); 2]);
}

#[test]
fn all_users_have_the_same_metric() {
    let script = "local lt = require 'loadtool'
        local hits = lt.metrics.counter 'hits'
        return function() hits:add(1) end";
    let bench = Bench::new(script, &[]);
    let (first, second) = (bench.user(1), bench.user(2));
    block_on(async {
        assert_eq!(first.iterate(0, 0, Place::default()).await, Ended::Completed);
        assert_eq!(second.iterate(0, 0, Place::default()).await, Ended::Completed);
    });
    let window = bench.host.recorder.borrow_mut().flip(0);
    let hits = Selector::parse_among("hits", &bench.host.shared.metrics()).unwrap();
    assert_eq!(window.count(&hits), 2);
}

#[test]
fn mistakes_are_told_with_the_rule() {
    for (body, expected) in [
        ("lt.metrics.counter()", "lt.metrics.counter needs a name, got nil"),
        ("lt.metrics.trend 'x'", "unknown field of lt.metrics `trend`; hint: there are counter,"),
        ("lt.metrics.counter 'a b'", "`a b` cannot be the name of a metric: it begins with"),
        ("lt.metrics.counter 'http_reqs'", "`http_reqs` is a metric of loadtool's own"),
        ("lt.metrics.counter('x', { unit = 'ms' })", "lt.metrics.counter needs a name alone"),
        ("lt.metrics.histogram('x', 'ms')", "a table of options like { unit = … }, got \"ms\""),
        ("lt.metrics.histogram('x', { unt = 'ms' })", "`unt`; did you mean `unit`?"),
        (
            "lt.metrics.histogram('x', { unit = 'sec' })",
            "there is no unit `sec`; hint: one of ms, s, us, bytes, B, %, or none",
        ),
        ("lt.metrics.histogram('x', { unit = 5 })", "lt.metrics.histogram: unit needs a string"),
        (
            "lt.metrics.counter 'x' lt.metrics.rate 'x'",
            "the metric `x` is a counter already, not a rate",
        ),
        (
            "lt.metrics.histogram 'x' lt.metrics.histogram('x', { unit = 's' })",
            "the metric `x` has no unit already, not the unit `s`",
        ),
        ("lt.metrics.counter 'x':add()", "metric:add of a counter needs a whole number from 0"),
        ("lt.metrics.counter 'x':add(-1)", "needs a whole number from 0, got -1"),
        ("lt.metrics.counter 'x':add(0.5)", "needs a whole number from 0, got 0.5"),
        ("lt.metrics.counter 'x'.add(1)", "call metric:add(…) with a colon"),
        ("lt.metrics.counter 'x':ad(1)", "unknown field of a metric `ad`; did you mean `add`?"),
        ("lt.metrics.counter('x').y = 1", "a metric is read-only"),
        ("lt.metrics.rate 'x':add(0.5)", "metric:add of a rate needs true or false, got 0.5"),
        ("lt.metrics.rate 'x':add(nil)", "metric:add of a rate needs true or false, got nil"),
        ("lt.metrics.gauge 'x':add(0/0)", "metric:add of a gauge needs a finite number, got NaN"),
        ("lt.metrics.gauge 'x':add '5'", "metric:add of a gauge needs a finite number, got \"5\""),
        ("lt.metrics.histogram 'x':add(-0.1)", "needs a finite number from 0, got -0.1"),
        ("lt.metrics.histogram 'x':add(0/0)", "needs a finite number from 0, got NaN"),
        ("lt.metrics.histogram 'x':add(math.huge)", "needs a finite number from 0, got inf"),
        ("lt.metrics.counter 'x':add(1, 'EUR')", "tags needs a table of name = value, got \"EUR\""),
        (
            "lt.metrics.counter 'x':add(1, { a = print })",
            "tags.a needs a string, number or boolean",
        ),
        ("lt.metrics.counter 'x':add(1, { scenario = 'a' })", "scenario"),
        ("lt.metrics.timer 'x':time()", "timer:time needs a function, got a nil"),
        ("lt.metrics.timer 'x':add(1)", "unknown field of a timer `add`"),
    ] {
        let failure = failure(body);
        assert_eq!(failure.category, "script", "{body}");
        let message = &failure.message;
        assert!(message.contains(expected), "{body}\n  told: {message}\n  want: {expected}");
        assert!(message.starts_with("script.lua:"), "{body}: {message}");
    }
}

#[test]
fn nothing_is_measured_at_a_scripts_top_level() {
    for call in [
        "lt.metrics.counter 'x':add(1)",
        "lt.metrics.gauge 'x':add(1)",
        "lt.metrics.timer 'x':time(print)",
    ] {
        let script = format!("local lt = require 'loadtool'\n{call}\nreturn function() end");
        let fault = Bench::new(&script, &[]).vm.define().err().unwrap();
        assert_eq!(fault.line, Some(2));
        assert!(fault.message.contains("there is nothing to measure at a script's top"), "{fault}");
    }
}
