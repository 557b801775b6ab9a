//! Ends that must not be taken for what they are not.

use super::*;

#[test]
fn users_who_work_are_waited_for_before_a_scenario_is_given_up() {
    let script = "local lt = require 'loadtool'
        return { scenarios = { a = { run = function()
            if lt.vu.number > 5 then lt.sleep(0.001) error 'broken' end
            lt.sleep(0.3)
        end, load = { vus = 6, duration = '2s' } } } }";
    let run = simulate(script, ms(0));
    assert_eq!((run.life(0).completed, run.lasted.as_millis() / 100), (5 * 7, 21));
    let script = script.replace("lt.sleep(0.3)", "lt.sleep(0.3) error 'broken too'");
    let run = simulate(&script, ms(0));
    assert_eq!((run.life(0).completed, run.lasted.as_millis() / 100), (0, 3));
}

#[test]
fn iterations_and_steps_that_find_no_row_are_in_no_latency() {
    // Of users who ask at the same moment, some may do so before all are told.
    for (at_end, stopped) in [("stop_vu", 5..=5), ("stop_scenario", 1..=5)] {
        let script = format!(
            "local lt = require 'loadtool'
             local rows = {{}} for i = 1, 10 do rows[i] = {{ i = i }} end
             local pool = lt.data.rows(rows, {{ pick = 'unique', at_end = '{at_end}' }})
             return {{ scenarios = {{ a = {{ run = function()
                 lt.step('use', function() pool:next() lt.sleep(0.2) end)
             end, load = {{ vus = 5, duration = '1h' }} }} }} }}"
        );
        let run = simulate(&script, ms(0));
        let life = run.life(0);
        assert_eq!((life.completed, life.failed), (10, 0), "{at_end}");
        assert!(stopped.contains(&life.interrupted), "{at_end}: {life:?}");
        for latency in ["iteration_duration", "iteration_response_time", "step_duration"] {
            let times = Selector::parse(&format!("{latency}{{outcome=*}}")).unwrap();
            let times = run.aggregator.totals().fold(&times).unwrap();
            let times = times.histogram().unwrap();
            assert_eq!((times.count(), times.min()), (10, Some(ms(200))), "{at_end}: {latency}");
        }
        let reason = Selector::parse("iterations_interrupted{reason=data}").unwrap();
        assert_eq!(run.aggregator.totals().count(&reason), life.interrupted);
        assert_eq!(run.aggregator.totals().slowest[0].iter().count(), 10);
    }
}

#[test]
fn what_comes_due_while_this_tool_stands_still_is_not_dropped_for_want_of_users() {
    let stalled_at = |scenario: &str, at| {
        let script = format!("{GET}return {{ scenarios = {{ a = {{ run = get, {scenario} }} }} }}");
        let stall = Some((at, ms(1_800)));
        let meanwhile = Meanwhile { stall, ..Meanwhile::default() };
        simulate_against(&script, SimulatedTransport::ok(ms(5)), meanwhile).life(0)
    };
    let stalled = |scenario: &str| stalled_at(scenario, ms(4_000));
    // Of 180 that come due meanwhile, three find a user afterwards.
    let open = stalled("load = { rate = 100, duration = '10s', max_vus = 3, late = 'drop' }");
    assert!((170..=180).contains(&open.dropped.generator), "{open:?}");
    // What was due in the last 10 ms of it is not late.
    let others = open.dropped.total() - open.dropped.generator;
    assert_eq!((open.planned, open.dropped.users), (1_000, others));
    assert!(others <= 2, "{open:?}");
    let queued =
        stalled("load = { rate = 100, duration = '10s', max_vus = 3, queue_limit = 5 }").dropped;
    assert!(queued.generator >= 160 && queued.queue_full <= 5, "{queued:?}");
    // Of the slots that each of three users sleeps over, it starts in the latest.
    let paced = stalled("pace = '20ms', load = { vus = 3, duration = '10s' }");
    assert_eq!((paced.planned, paced.dropped.total()), (1_500, paced.dropped.generator));
    assert!((3 * 86..=3 * 90).contains(&paced.dropped.generator), "{paced:?}");
    // Likewise of two who have not begun; in the middle of an iteration it may be the target's doing.
    let early = stalled_at("pace = '20ms', load = { vus = 3, duration = '10s' }", ms(1)).dropped;
    assert!((2 * 86..=2 * 90).contains(&early.generator), "{early:?}");
    assert!((86..=90).contains(&early.overrun), "{early:?}");
    // What passes during its `on_start` is not this tool's doing.
    let slow = stalled_at(
        "on_start = function() lt.sleep(0.5) end, pace = '20ms', load = { vus = 1, duration = '2s' }",
        ms(60_000),
    );
    assert_eq!((slow.dropped.overrun, slow.dropped.generator), (25, 0), "{slow:?}");
}

#[test]
fn drops_are_counted_in_the_phase_and_stage_that_they_were_due_in() {
    let script = format!(
        "{GET}return {{ scenarios = {{ a = {{ run = get, warmup = '2s', tags = {{ team = 'shop' }}, \
         load = {{ start_rate = 20, max_vus = 1, late = 'drop', stages = {{ \
           {{ '4s', 20, name = 'calm' }}, {{ '0s', 40 }}, {{ '2s', 40, name = 'hold' }} }} }} }} }} }}"
    );
    let run = simulate(&script, ms(100)); // one user makes ten a second
    let dropped = |tags: &str| {
        let selector = format!("iterations_dropped{{{tags}}}");
        run.aggregator.totals().count(&Selector::parse(&selector).expect("it is one"))
    };
    let calm = dropped("stage=calm");
    assert!((18..=22).contains(&calm), "{calm}");
    assert!((58..=62).contains(&dropped("stage=hold")));
    assert!((18..=22).contains(&dropped("phase=warmup,stage=calm,team=shop")));
    assert_eq!(dropped("phase=*,reason=users"), run.life(0).dropped.total());
    assert_eq!(dropped("phase=*,team=shop"), run.life(0).dropped.total());
}

#[test]
fn a_quota_is_done_without_those_who_were_taken_away() {
    let fewer = |load: &str, users| {
        let script =
            format!("{GET}return {{ scenarios = {{ a = {{ run = get, load = {{ {load} }} }} }} }}");
        let steer = vec![(ms(1_000), Setting::users(ms(1_000), users))];
        let meanwhile = Meanwhile { steer, ..Meanwhile::default() };
        simulate_against(&script, SimulatedTransport::ok(ms(100)), meanwhile)
    };
    let shared = fewer("vus = 3, iterations = 60, max_duration = '10m'", 2);
    assert_eq!((shared.life(0).completed, shared.life(0).dropped.total()), (60, 0));
    assert_eq!(shared.lasted, ms(1_000 + 1_500));
    let each = fewer("vus = 3, iterations_per_vu = 20, max_duration = '10m'", 2);
    assert_eq!((each.life(0).completed, each.life(0).dropped.end), (50, 10));
    assert_eq!(each.lasted, ms(2_000));
    // Whom a pause sends to rest waits for its end.
    let paused = fewer("vus = 3, iterations = 60, max_duration = '5s'", 0);
    assert_eq!((paused.life(0).completed, paused.lasted), (30, ms(5_000)));
}
