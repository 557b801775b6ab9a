//! What keeps `loadtool limit` from an answer, and what it refuses before it begins.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use crate::common::server::{answer, answering};
use crate::common::{Folder, Running};
use crate::limit_search::{BRISK, GET, SLO, holds, search, slowly, start};

#[test]
fn a_tool_that_ran_out_of_descriptors_says_so_and_not_that_the_target_failed() {
    let url = answering(|_| {
        sleep(Duration::from_millis(1_500));
        answer("200 OK", "well")
    });
    let folder = Folder::of(GET);
    let tool = env!("CARGO_BIN_EXE_loadtool");
    let flags = [&BRISK[..], &["--steps", "40", "--max-vus", "200", "--max-time", "14s"]].concat();
    let line = format!(
        "ulimit -n 45 && exec '{tool}' limit script.lua --base-url {url} {} \
         --slo 'http_call_failed: rate < 1%' --summary-json limit.json",
        flags.join(" ")
    );
    let mut shell = Command::new("sh");
    shell.env("LOADTOOL_STORE", "none");
    let ran = Running::start(shell.args(["-c", &line]).current_dir(folder.path("."))).end();
    let ran = ran.exits(4);
    let summary = std::fs::read(folder.path("limit.json")).expect("a summary");
    let summary: Json = serde_json::from_slice(&summary).expect("it is JSON");
    let step = &summary["limit"]["steps"][0];
    assert_eq!(step["verdict"], "inconclusive", "{ran:?}");
    let reasons = step["reasons"].to_string();
    assert!(reasons.contains("this tool ran out of descriptors, ports or memory"), "{reasons}");
}

#[test]
fn a_target_that_is_not_there_is_told_before_any_load() {
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    let lost = answering(move |_| {
        counted.fetch_add(1, SeqCst);
        answer("404 Not Found", "")
    });
    let folder = Folder::of(GET);
    for (url, why) in [("http://127.0.0.1:1", "GET / (connect)"), (&lost, "GET / (status 404)")] {
        let ran = start(&folder, url, &["--steps", "30"]).end().exits(2);
        let ran = ran.says("no request of the rehearsal was answered as expected: ").says(why);
        ran.says(&format!("hint: `curl -i {url}/`")).says("nothing was started");
        assert!(!folder.path("limit.json").exists());
    }
    assert_eq!(asked.load(SeqCst), 1, "one user asked once");
}

#[test]
fn levels_that_are_none_are_told_with_what_they_may_be() {
    let folder = Folder::of(GET);
    for (arguments, told) in [
        (&["--steps", "1k,5G"][..], "the suffixes are k and M"),
        (&["--steps", "1k,many"], "`many` is no number"),
        (&["--steps", "20,10"], "--steps must ascend"),
        (
            &["--axis", "users", "--steps", "2.5,3"],
            "levels are numbers of users, which are whole: 2.5",
        ),
        (&["--axis", "users", "--from", "1.5"], "which are whole: 1.5 is none"),
        (&["--from", "10", "--run-all"], "--run-all is of levels that are given"),
        (&["--assert", "limit >= 10", "--run-all"], "--run-all is of levels that are given"),
    ] {
        let ran = start(&folder, "http://127.0.0.1:1", arguments).end().exits(2);
        assert!(ran.err.contains(told), "want {told:?} in {}", ran.err);
    }
}

#[test]
fn a_script_may_want_all_of_its_levels_tried() {
    let script = "local lt = require 'loadtool'
        return { scenarios = { a = { run = function() lt.http.get '/' end } },
                 search = { steps = { 10, '0.1k' }, run_all = true } }";
    let folder = Folder::new(script);
    let plan = |arguments: &[&str]| {
        let arguments = [&["--plan"], arguments].concat();
        start(&folder, "http://127.0.0.1:1", &arguments).end().exits(0).out
    };
    assert!(plan(&[]).starts_with("10, 100 iterations/s\n"), "{}", plan(&[]));
    let some = Folder::new(&script.replace(", run_all = true", ""));
    let all = start(&some, "http://127.0.0.1:1", &["--plan", "--run-all"]).end().exits(0).out;
    assert!(all.starts_with("10, 100 iterations/s\n"), "{all}");
    let first = start(&some, "http://127.0.0.1:1", &["--plan"]).end().exits(0).out;
    assert!(first.starts_with("10, 100 iterations/s, until the first trip\n"), "{first}");
}

#[test]
fn a_search_that_is_stopped_in_a_hold_has_no_row_for_it() {
    let folder = Folder::of(GET);
    let url = answering(|_| slowly("well"));
    let running = start(&folder, &url, &[&["--steps", "20"], &SLO[..]].concat());
    running.wait_for_stderr("step 1");
    sleep(Duration::from_secs(2));
    running.signal("INT");
    let ran = running.end().exits(5).reports("ABORTED");
    assert!(ran.out.contains("nothing is known"), "{}", ran.out);
    let summary = std::fs::read(folder.path("limit.json")).expect("a summary");
    let summary: Json = serde_json::from_slice(&summary).expect("it is JSON");
    let limit = &summary["limit"];
    assert_eq!((&limit["complete"], &limit["steps"]), (&false.into(), &serde_json::json!([])));
}

#[test]
fn a_search_that_must_end_in_time_is_inconclusive() {
    let url = answering(|_| slowly("well"));
    let flags = ["--steps", "10,20,30", "--max-time", "11s"];
    let (ran, limit) = search(&Folder::of(GET), &url, &[&flags[..], &SLO].concat());
    let ran = ran.exits(4);
    assert!(ran.out.contains("the search was ended before its end"), "{}", ran.out);
    assert!(holds(&limit).len() < 3, "{limit}");
    assert_eq!(limit["complete"], false);
}
