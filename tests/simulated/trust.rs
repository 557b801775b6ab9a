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
