//! One run against two targets, `http://a.test` and `http://b.test`: who gets what, exactly.

use std::time::Duration;

use loadtool::http::Exchange;
use loadtool::http::simulated::SimulatedTransport;
use loadtool::metrics::{MetricId, Selector, metric};

use crate::{GET, Meanwhile, Simulated, ms, simulate_against};

/// Runs one scenario with this load against targets that answer after so long.
fn compare(load: &str, a: Duration, b: Duration) -> Simulated {
    let run = "function() assert((lt.vu.vars.mine or lt.vu.variant) == lt.vu.variant)
        lt.vu.vars.mine = lt.vu.variant get() end";
    let script =
        format!("{GET}return {{ scenarios = {{ s = {{ run = {run}, load = {{ {load} }} }} }} }}");
    let server = SimulatedTransport::new(move |hop| {
        let wait = if hop.url.host_str() == Some("a.test") { a } else { b };
        (wait, Exchange::answer(200, ""))
    });
    let ab = Some("A=http://a.test,B=http://b.test".to_owned());
    let run = simulate_against(&script, server, Meanwhile { ab, ..Meanwhile::default() });
    assert_eq!(run.life(0).failed, 0, "no user changes its variant");
    run
}

impl Simulated {
    /// A count of each variant.
    fn of_each(&self, metric: &MetricId) -> [u64; 2] {
        let of = |name| Selector::of(metric.clone()).with("variant", name);
        ["A", "B"].map(|name| self.aggregator.totals().count(&of(name)))
    }

    fn completed(&self) -> [u64; 2] {
        self.of_each(&metric::ITERATIONS)
    }
}

#[test]
fn half_of_the_users_iterate_against_each() {
    let run = compare("vus = 6, duration = '10s'", ms(100), ms(200));
    assert_eq!(run.completed(), [300, 150]);
    assert_eq!(run.of_each(&metric::HTTP_CALLS), [300, 150]);
    assert_eq!(run.vus()[..10], [6; 10]);
    let run = compare("vus = 4, iterations_per_vu = 7", ms(100), ms(200));
    assert_eq!(run.completed(), [14, 14]);
    let run = compare("vus = 2, iterations = 30", ms(10), ms(21));
    assert_eq!(run.completed(), [20, 10], "who is faster takes more of what is shared");
}

#[test]
fn arrivals_are_dealt_out_evenly_second_by_second() {
    let run = compare("rate = 100, duration = '10s'", ms(20), ms(30));
    assert_eq!(run.completed(), [500, 500]);
    let run = compare("rate = 7, duration = '3s', max_iterations = 15", ms(20), ms(30));
    let [a, b] = run.completed();
    assert!(a + b == 15 && a.abs_diff(b) == 1, "{a}, {b}");
}

#[test]
fn a_slow_target_keeps_none_of_the_users_of_the_other() {
    let load = "rate = 20, duration = '10s', late = 'drop', vus = 2, max_vus = 2";
    let run = compare(load, ms(10), ms(1_000));
    let [a, b] = run.completed();
    assert!(a >= 99 && b == 10, "{a}, {b}: at the very beginning users are on their way");
    assert_eq!(run.life(0).dropped.users, 200 - a - b);
    let load = "rate = 20, duration = '10s', vus = 1, max_vus = 3";
    let run = compare(load, ms(10), ms(100));
    assert_eq!((run.completed(), run.life(0).dropped.total()), ([100, 100], 0));
    let load = "rate = 20, duration = '10s', max_vus = 2, queue_limit = 10";
    let run = compare(load, ms(10), ms(1_000));
    assert_eq!(run.completed()[0], 100);
    assert!(run.life(0).dropped.queue_full > 70, "{:?}", run.life(0));
}

#[test]
fn a_ramp_is_balanced_all_the_way() {
    let run = compare("start_vus = 0, stages = { {'10s', 10}, {'10s', 0} }", ms(50), ms(50));
    let [a, b] = run.completed();
    // One has a user more for half of the time, in turns that the seed draws.
    assert!(a.abs_diff(b) <= 200 && a + b > 1_800, "{a}, {b}");
    assert_eq!(run.vus()[9], 9);
}

#[test]
fn poisson_arrivals_reach_both() {
    let run = compare("rate = 200, duration = '30s', arrivals = 'poisson'", ms(5), ms(5));
    for completed in run.completed() {
        assert!((2_800..3_200).contains(&completed), "{completed}");
    }
}
