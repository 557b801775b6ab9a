//! Clocks that stand still or jump: what was measured stays true, or the run says that it is not.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use crate::common::{Folder, Running};

fn summary(folder: &Folder) -> Json {
    let text = fs::read(folder.path("summary.json")).expect("a summary was written");
    serde_json::from_slice(&text).expect("it is JSON")
}

#[test]
fn a_tool_that_was_suspended_for_three_seconds_cannot_say_how_the_target_did() {
    let folder = Folder::new(
        "local lt = require 'loadtool'
         return { scenarios = { a = { load = { rate = 100, duration = '8s' },
           run = function() lt.log.info 'at work' end } } }",
    );
    let running = folder.start(&["--quiet", "--summary-json", "summary.json"]);
    running.wait_for_stderr("at work");
    running.signal("STOP");
    sleep(Duration::from_secs(3));
    running.signal("CONT");
    running.end().exits(4);
    let summary = summary(&folder);
    assert_eq!(summary["verdict"]["result"], "inconclusive");
    let scenario = &summary["scenarios"][0];
    let planned = &scenario["iterations"]["planned"];
    assert_eq!((planned, &scenario["iterations"]["started"]), (&800.into(), &800.into()));
    // All that was due meanwhile started late, by our doing and nobody else's.
    assert!(scenario["iterations"]["late"].as_u64() >= Some(290), "{scenario}");
    assert!(scenario["lag_generator_ms"]["max"].as_f64() >= Some(2_900.0), "{scenario}");
    assert!(scenario["lag_users_ms"]["max"].as_f64() < Some(2_900.0), "{scenario}");
    assert!(scenario["adherence_percent"].as_f64() < Some(65.0), "{scenario}");
    // To make up for it takes a moment, in which its thread works all the time: of no second can it
    // be said that it did.
    let most =
        ["worker_cpu_percent_max", "cpu_percent_max"].map(|of| summary["generator"][of].as_f64());
    assert!(most.iter().all(|most| most.is_some_and(|most| most < 60.0)), "{most:?}");
    let advice = summary["recommendations"].to_string();
    assert!(
        advice.contains("the process was stopped") && !advice.contains("--threads"),
        "{advice}"
    );
    for second in summary["timeline"].as_array().expect("a list") {
        let of = |part: &str| second["health"][part].as_array().map(Vec::len);
        assert_eq!(of("workers"), of("worker_cpu_percent"), "{second}");
    }
}

#[test]
fn a_load_of_one_second_has_its_health_and_so_have_the_last_seconds_of_each() {
    let folder = Folder::of("lt.sleep(0.01)");
    let thresholds = ["process_cpu_percent: max < 900%", "worker_cpu_percent: max < 101%"];
    let flags = ["--vus", "1", "--threshold", thresholds[0], "--threshold", thresholds[1]];
    for length in ["1s", "2s"] {
        let (ran, summary) = folder.summary(&[&flags[..], &["--duration", length]].concat());
        ran.exits(0);
        let timeline = summary["timeline"].as_array().expect("a list");
        for second in timeline {
            let read = ["memory_bytes", "threads"].map(|part| second["health"][part].as_u64());
            assert!(read.iter().all(|read| *read > Some(0)), "{second}");
        }
        assert_eq!(timeline[0]["health"]["workers"], serde_json::json!([1]), "{}", timeline[0]);
        assert!(timeline[0]["cpu_percent"].as_f64().is_some(), "{}", timeline[0]);
    }
}

/// The library that changes what a process takes for the time of day.
fn libfaketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let names = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = names.into_iter().find(|library| library.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no libfaketime: tests/run.sh installs it");
        println!("skipped: there is no libfaketime; tests/run.sh installs it");
    }
    found
}

#[test]
fn a_wall_clock_that_jumps_an_hour_changes_no_measurement() {
    let Some(library) = libfaketime() else { return };
    let folder = Folder::new(
        "local lt = require 'loadtool'
         local first = lt.time.now()
         return { scenarios = {
           a = { load = { rate = 50, duration = '4s' }, run = function()
             lt.log.info 'at work'
             lt.step('nap', function() lt.sleep(0.02) end)
             if lt.time.now() - first > 3000 then lt.log.info 'an hour later' end
             assert(lt.time.elapsed() < 1000)
           end },
           b = { pace = '100ms', load = { vus = 2, duration = '4s' }, run = function() lt.sleep(0.01) end },
         } }",
    )
    .file("clock", "+0");
    let clock = folder.path("clock");
    let running = Running::start(
        folder
            .tool()
            .args(["run", "script.lua", "--quiet", "--summary-json", "summary.json"])
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    );
    running.wait_for_stderr("at work");
    fs::write(&clock, "+1h").expect("it can be written");
    running.wait_for_stderr("an hour later");
    running.end();
    let summary = summary(&folder);
    let [a, b] = [0, 1].map(|index| &summary["scenarios"][index]);
    let counts = |scenario: &Json| scenario["iterations"]["planned"].as_u64();
    assert_eq!((counts(a), counts(b)), (Some(200), Some(80)));
    assert!(summary["run"]["duration_s"].as_f64() < Some(600.0), "{}", summary["run"]);
    let longest =
        [&a["response_time_ms"], &b["response_time_ms"], &summary["steps"][0]["duration_ms"]];
    for times in longest {
        let max = times["max"].as_f64().expect("a time");
        assert!((10.0..600_000.0).contains(&max), "{max} ms");
    }
    assert!(summary["timeline"].as_array().map_or(0, Vec::len) < 600);
}
