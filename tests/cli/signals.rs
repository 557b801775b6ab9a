//! Signals: finish, interrupt, exit; with a report but for the third.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value as Json;

use crate::common::{Folder, Running};

const HEAD: &str = "local lt = require 'loadtool'\n";

/// Runs a script, and waits until a user is at work: it leaves a mark by writing to the log.
fn at_work(body: &str) -> (Folder, Running) {
    let folder = Folder::new(&format!("{HEAD}return {body}"));
    let running = folder.start(&["--threads", "1", "--summary-json", "summary.json"]);
    running.wait_for_stderr("at work");
    (folder, running)
}

fn summary(folder: &Folder) -> Json {
    let text = fs::read(folder.path("summary.json")).expect("a summary was written");
    serde_json::from_slice(&text).expect("it is JSON")
}

fn verdict(folder: &Folder) -> String {
    summary(folder)["verdict"]["result"].as_str().expect("a word").to_owned()
}

const SHORT: &str = "{ scenarios = { a = { load = { vus = 2, duration = '1m' },
    run = function() lt.log.info 'at work' lt.sleep(0.2) end } } }";
const LONG: &str = "{ scenarios = { a = { load = { vus = 2, duration = '1m' },
    run = function() lt.log.info 'at work' lt.sleep(60) end } },
    teardown = function() lt.log.info 'tidying up' end }";
const STUBBORN: &str = "{ scenarios = { a = { load = { vus = 2, duration = '1m' },
    run = function() lt.log.info 'at work' lt.sleep(60) end } },
    teardown = function() lt.log.info 'tidying up' lt.sleep(60) end }";

#[test]
fn the_first_signal_lets_iterations_finish_and_is_5() {
    for signal in ["INT", "TERM", "HUP"] {
        let (folder, running) = at_work(SHORT);
        running.signal(signal);
        let ran = running.end().exits(5).reports("ABORTED  script.lua: ");
        let ran = ran.says("stopping: iterations under way may finish; again to stop now");
        assert!(ran.out.contains("stopped by a signal before its end"), "{}", ran.out);
        assert!(!ran.out.contains("cut off"), "{}", ran.out);
        assert_eq!(verdict(&folder), "aborted");
    }
}

#[test]
fn a_run_that_ignores_hanging_up_goes_on_without_its_terminal() {
    let script = "{ scenarios = { a = { load = { vus = 1, duration = '2s' },
        run = function() lt.log.info 'at work' lt.sleep(0.2) end } } }";
    let folder = Folder::new(&format!("{HEAD}return {script}"));
    let tool = env!("CARGO_BIN_EXE_loadtool");
    let line = format!("trap '' HUP; exec '{tool}' run script.lua --summary-json summary.json");
    let mut shell = Command::new("sh"); // as nohup does
    shell.env("LOADTOOL_STORE", "none");
    let running = Running::start(shell.args(["-c", &line]).current_dir(folder.path(".")));
    running.wait_for_stderr("at work");
    running.signal("HUP");
    let ran = running.end().exits(0);
    assert!(!ran.err.contains("stopping"), "{}", ran.err);
    assert_eq!(verdict(&folder), "pass");
}

#[test]
fn the_second_signal_cuts_off_what_is_under_way_and_is_5() {
    let (folder, running) = at_work(LONG);
    running.signal("INT");
    running.wait_for_stderr("again to stop now");
    running.signal("TERM");
    let ran = running.end().exits(5).says("interrupting what is under way").says("tidying up");
    assert!(ran.out.contains("2 iterations of a were cut off"), "{}", ran.out);
    assert_eq!(verdict(&folder), "aborted");
}

#[test]
fn a_teardown_that_does_not_end_is_cut_off_after_the_second_signal() {
    let (_folder, running) = at_work(STUBBORN);
    running.signal("INT");
    running.wait_for_stderr("again to stop now");
    running.signal("INT");
    running.end().exits(5).says("teardown was cut off");
}

#[test]
fn the_third_signal_ends_the_process_at_once_with_130() {
    let (folder, running) = at_work(STUBBORN);
    for told in ["again to stop now", "tidying up"] {
        running.signal("INT");
        running.wait_for_stderr(told);
    }
    running.signal("INT");
    let ran = running.end().exits(130);
    assert_eq!(ran.out, "");
    assert!(!folder.path("summary.json").exists());
}

#[test]
fn a_signal_while_the_script_is_read_is_5_at_once() {
    let folder = Folder::new(
        "local lt = require 'loadtool'\nprint 'at work'\nlt.data.csv 'pipe.csv'\n\
         return function() end",
    );
    let pipe = Command::new("mkfifo").arg(folder.path("pipe.csv")).status();
    assert!(pipe.expect("there is mkfifo").success());
    let running = folder.start(&["--summary-json", "summary.json"]);
    running.wait_for_stderr("at work"); // and then it waits for a writer that never comes
    running.signal("INT");
    let ran = running.end().exits(5).says("stopped by a signal before the run: nothing was sent");
    assert_eq!(ran.out, "");
    assert!(!folder.path("summary.json").exists());
}

#[test]
fn a_setup_that_is_cut_off_leaves_its_step_in_the_summary() {
    let (folder, running) = at_work(
        "{ setup = function() lt.step('prepare', function() lt.log.info 'at work' lt.sleep(60) end)
           end, scenarios = { a = { run = function() end } } }",
    );
    running.signal("INT");
    running.end().exits(5);
    let summary = summary(&folder);
    let series = &summary["metrics"]["step_duration"]["series"][0];
    assert_eq!(series["tags"]["outcome"], "interrupted", "{series}");
    assert_eq!((&series["tags"]["step"], &series["count"]), (&"prepare".into(), &1.into()));
}

#[test]
fn a_signal_during_setup_is_5_and_starts_no_load() {
    let (folder, running) = at_work(
        "{ setup = function() lt.log.info 'at work' lt.sleep(60) end,
           scenarios = { a = { run = function() lt.log.info 'never' end } } }",
    );
    running.signal("INT");
    let ran = running.end().exits(5).reports("ABORTED");
    assert!(!ran.err.contains("never"), "{}", ran.err);
    assert_eq!(verdict(&folder), "aborted");
}

#[test]
fn a_process_that_was_stopped_for_a_while_does_not_pass_for_a_slow_target() {
    let script = "{ scenarios = { a = { load = { vus = 2, duration = '6s' },
        run = function() lt.log.info 'at work' lt.sleep(0.2) end } } }";
    let (folder, running) = at_work(script);
    running.signal("STOP");
    std::thread::sleep(Duration::from_millis(3_500)); // the gap itself
    running.signal("CONT");
    let ran = running.end().exits(4).reports("INCONCLUSIVE  script.lua: ");
    assert!(ran.out.contains("this tool stood still for "), "{}", ran.out);
    let timeline = summary(&folder)["timeline"].clone();
    let lags = timeline
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["health"]["loop_lag_ms"].as_f64());
    assert!(lags.flatten().any(|lag| lag > 2_000.0), "{timeline}");
}
