//! Pools in runs of several threads, against a server that sees who uses what.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::common::Folder;
use crate::common::server::{answer, answering, target};

/// A server on which `/begin/NAME` takes a name and `/end/NAME` frees it; a name that is taken
/// already, or freed by nobody's leave, is a conflict.
fn lending() -> String {
    let taken = Arc::new(Mutex::new(HashSet::new()));
    answering(move |request| {
        let path = target(request).trim_start_matches('/');
        let (deed, name) = path.split_once('/').expect("the script asks so");
        let mut taken = taken.lock().expect("nobody panics with it");
        let free = match deed {
            "begin" => taken.insert(name.to_owned()),
            _ => taken.remove(name),
        };
        answer(if free { "200 OK" } else { "409 Conflict" }, "")
    })
}

fn total(summary: &Json, outcome: &str) -> u64 {
    summary["scenarios"][0]["iterations"][outcome].as_u64().expect("a count")
}

#[test]
fn a_leased_row_is_in_one_users_hands_at_a_time_whatever_the_number_of_threads() {
    let folder = Folder::new(
        "local lt = require 'loadtool'
         local pool = lt.data.csv('names.csv', { pick = 'lease' })
         local function use(row, deed)
           lt.expect(lt.http.get('/' .. deed .. '/' .. row.name, { name = deed }), { status = 200 })
         end
         local function borrow()
           local row = pool:next()
           use(row, 'begin')
           if lt.random.int(1, 3) == 1 then lt.sleep(0.001) end
           use(row, 'end')
           if lt.random.int(1, 4) == 1 then lt.fail 'and still it is given back' end
         end
         return { scenarios = { a = { run = borrow, load = { vus = 9, iterations = 600 } } } }",
    )
    .file("names.csv", "name\na\nb\nc\n");
    let (ran, summary) = folder.summary(&["--threads", "3", "--base-url", &lending()]);
    assert_eq!(total(&summary, "started"), 600, "{ran:?}");
    assert!(total(&summary, "failed") > 0);
    let errors = summary["errors"].as_array().expect("a list");
    let all_meant = errors.iter().all(|error| {
        error["message"].as_str().is_some_and(|told| told.contains("still it is given back"))
    });
    assert!(all_meant && !errors.is_empty(), "{errors:?}");
}

#[test]
fn users_that_would_wait_for_each_other_forever_are_told() {
    let folder = Folder::new(
        "local lt = require 'loadtool'
         local pool = lt.data.csv('names.csv', { pick = 'lease' })
         local function greedy()
           local one = pool:next()
           lt.sleep(0.005)
           assert(pool:next().name ~= one.name)
         end
         return { scenarios = { a = { run = greedy, load = { vus = 4, iterations = 40 } } } }",
    )
    .file("names.csv", "name\na\nb\n");
    let (ran, summary) = folder.summary(&["--threads", "2"]);
    assert_eq!(total(&summary, "started"), 40, "{ran:?}");
    assert_eq!(total(&summary, "interrupted"), 0, "nobody waited in vain");
    assert!(total(&summary, "completed") > 0, "one of two can always go on");
    let told = summary["errors"].to_string();
    assert!(told.contains("leased by users that wait for another row themselves"), "{told}");
}

#[test]
fn who_waits_for_a_row_at_the_end_of_the_load_is_cut_off_like_anyone() {
    let folder = Folder::new(
        "local lt = require 'loadtool'
         local pool = lt.data.csv('names.csv', { pick = 'lease' })
         local load = { vus = 3, duration = '200ms', graceful_stop = 0 }
         return { scenarios = { a = { run = function() pool:next() lt.sleep(600) end, load = load } } }",
    )
    .file("names.csv", "name\na\n");
    let (_, summary) = folder.summary(&["--threads", "2"]);
    assert_eq!((total(&summary, "interrupted"), total(&summary, "failed")), (3, 0));
}

#[test]
fn a_load_ends_well_where_its_data_ends_and_what_found_no_row_is_in_no_latency() {
    for (at_end, stopped) in [("stop_vu", 4..=4), ("stop_scenario", 1..=4)] {
        let folder = Folder::new(&format!(
            "local lt = require 'loadtool'
             local pool = lt.data.csv('names.csv', {{ pick = 'unique', at_end = '{at_end}' }})
             return {{
               scenarios = {{ a = {{ run = function() pool:next() lt.sleep(0.1) end,
                                      load = {{ vus = 4, duration = '10m' }} }} }},
               thresholds = {{ iteration_duration = {{ {{ 'min >= 100ms', min_samples = 1 }} }} }},
             }}"
        ));
        let folder = folder.file("names.csv", format!("name\n{}", "x\n".repeat(12)));
        let (ran, summary) = folder.summary(&["--threads", "2"]);
        let ran = ran.exits(0).reports("PASS");
        assert_eq!((total(&summary, "completed"), total(&summary, "failed")), (12, 0));
        assert!(stopped.contains(&total(&summary, "interrupted")), "{at_end}: {}", ran.out);
        assert_eq!(summary["scenarios"][0]["duration_ms"]["count"], 12, "{at_end}");
        let remark = " of a ended for want of a row: the data was used up (in no latency)";
        assert!(ran.out.contains(remark) && !ran.out.contains("cut off:"), "{}", ran.out);
        let series = &summary["metrics"]["iterations_interrupted"]["series"][0];
        assert_eq!(series["tags"]["reason"], "data", "{at_end}");
    }
}

#[test]
fn a_pool_that_a_planned_load_would_use_up_is_told_before_it() {
    let script = "local lt = require 'loadtool'
        local names = lt.data.csv('names.csv', { pick = 'unique' })
        return { scenarios = { a = { run = function() names:next() end,
                 load = { rate = 50, duration = '200ms' } } } }";
    let rows = |count: usize| format!("name\n{}", "a\n".repeat(count));
    let told = "names.csv gives each row once and has 9 rows: with one for each iteration they last \
                for 9 of the 10 iterations that are planned";
    Folder::new(script).file("names.csv", rows(9)).run(&[]).says(told).says("hint: have more rows");
    let enough = Folder::new(script).file("names.csv", rows(10)).run(&[]);
    assert!(!enough.err.contains("gives each row once"), "{}", enough.err);
    let in_start =
        script.replace("run = function()", "on_start = function() end, run = function()");
    let unsure = Folder::new(&in_start).file("names.csv", rows(9)).run(&["--max-vus", "9"]);
    assert!(!unsure.err.contains("gives each row once"), "on_start may take them");
}
