//! What becomes of arrivals that nobody takes, and whose doing that is.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use crate::common::Folder;

#[test]
fn an_arrival_is_not_dropped_while_a_user_of_another_thread_is_free() {
    let folder = Folder::new(
        "local lt = require 'loadtool'
         return { scenarios = { a = { run = function() lt.sleep(0.25) end,
           load = { rate = 10, duration = '4s', max_vus = 2, late = 'drop' } } } }",
    );
    // Two users of whom each takes a quarter of a second: two of three find one. If each thread had
    // but its own, every second one would be dropped.
    for threads in ["1", "2"] {
        let (_, summary) = folder.summary(&["--threads", threads]);
        let iterations = &summary["scenarios"][0]["iterations"];
        let started = iterations["started"].as_u64().expect("a count");
        assert!((24..=29).contains(&started), "with {threads} threads: {iterations}");
    }
}

#[test]
fn a_short_standstill_is_told_as_the_tools_and_does_not_pass() {
    let folder = Folder::new(
        "local lt = require 'loadtool'
         local function go() lt.log.info 'at work' end
         return { scenarios = {
           open = { run = go, load = { rate = 50, duration = '6s', max_vus = 3, late = 'drop' } },
           paced = { run = go, pace = '20ms', load = { vus = 3, duration = '6s' } },
         } }",
    );
    let running = folder.start(&["--quiet", "--summary-json", "summary.json"]);
    running.wait_for_stderr("at work");
    running.signal("STOP");
    sleep(Duration::from_millis(1_500));
    running.signal("CONT");
    running.end().exits(4);
    let summary = fs::read(folder.path("summary.json")).expect("a summary was written");
    let summary: Json = serde_json::from_slice(&summary).expect("it is JSON");
    for (index, least) in [(0, 60), (1, 150)] {
        let scenario = &summary["scenarios"][index];
        let ours = scenario["dropped_by_reason"]["generator"].as_u64();
        assert!(ours >= Some(least), "{scenario}");
    }
}

#[test]
fn a_load_of_which_most_was_dropped_does_not_pass_unless_that_is_borne() {
    let script = "local lt = require 'loadtool'
         return { %, scenarios = { a = { run = function() lt.sleep(0.2) end,
           load = { rate = 50, duration = '2s', max_vus = 1, late = 'drop' } } } }";
    let judged = |thresholds: &str| {
        let thresholds = format!("thresholds = {{ {thresholds} }}");
        Folder::new(&script.replace('%', &thresholds)).run(&[])
    };
    let ran = judged("iteration_failed = 'rate < 1%'").exits(4);
    let told = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("the load was not delivered"), "{}", ran.out);
    judged("iterations_dropped = 'count < 100'").exits(0);
}
