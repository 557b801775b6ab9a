//! Signals: finish, interrupt, exit; with a report but for the third.

use std::fs;

use crate::common::{Folder, Running};

const HEAD: &str = "local lt = require 'loadtool'\n";

/// Runs a script, and waits until a user is at work: it leaves a mark by writing to the log.
fn at_work(body: &str) -> (Folder, Running) {
    let folder = Folder::new(&format!("{HEAD}return {body}"));
    let running = folder.start(&["--threads", "1", "--summary-json", "summary.json"]);
    running.wait_for_stderr("at work");
    (folder, running)
}

fn verdict(folder: &Folder) -> String {
    let text = fs::read(folder.path("summary.json")).expect("a summary was written");
    let summary: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    summary["verdict"]["result"].as_str().expect("a word").to_owned()
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
    for signal in ["INT", "TERM"] {
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
