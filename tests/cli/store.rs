//! The store of runs: what is kept, how it is found and told again.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::common::server::{answer, answering};
use crate::common::{Folder, Ran, Running};

pub const SCRIPT: &str = r#"
local lt = require "loadtool"
local orders = lt.metrics.counter "orders"
local size = lt.metrics.histogram("size", { unit = "bytes" })
return {
  scenarios = { shop = { load = { vus = 2, iterations = 60 }, run = function()
    lt.step("login", function() lt.http.get("/login") end)
    local r = lt.http.get "/missing"
    lt.check(r, { fine = true })
    orders:add(2, { kind = "book" })
    size:add(4096)
  end } },
  thresholds = { http_call_duration = "p95 < 60s" },
}
"#;

/// A server that has all but `/missing`.
pub fn target() -> String {
    answering(|request| match request.contains("GET /missing") {
        true => answer("404 Not Found", "none"),
        false => answer("200 OK", "here"),
    })
}

pub fn tool(folder: &Folder, arguments: &[&str]) -> Ran {
    Running::start(folder.tool().env("LOADTOOL_STORE", "runs.db").args(arguments)).end()
}

/// A folder with `runs.db`, in which the script's run is kept, and its summary.
pub fn kept() -> (Folder, Json) {
    let folder = Folder::new(SCRIPT);
    run(&folder, &["--summary-json", "summary.json", "--label", "branch=main"]);
    let summary = fs::read(folder.path("summary.json")).expect("it was written");
    (folder, serde_json::from_slice(&summary).expect("it is JSON"))
}

pub fn run(folder: &Folder, arguments: &[&str]) -> Ran {
    let target = target();
    let load = ["run", "script.lua", "--base-url", &target];
    tool(folder, &[&load[..], arguments].concat())
}

pub fn json(ran: &Ran) -> Json {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("no JSON ({error}): {ran:?}"))
}

/// One number of the first row of a query.
fn stat(folder: &Folder, arguments: &[&str], name: &str) -> f64 {
    let asked = [&["query", "last"], arguments, &["--stat", name, "--format", "json"]].concat();
    let answer = json(&tool(folder, &asked).exits(0));
    answer["rows"][0]["stats"][name].as_f64().expect("a number")
}

#[test]
fn a_run_is_kept_listed_and_told_again() {
    let (folder, summary) = kept();
    let listed = json(&tool(&folder, &["runs", "--json"]).exits(0).says_nothing());
    let run = &listed[0];
    assert_eq!(run["id"], summary["run"]["id"]);
    assert_eq!(run["state"], "done");
    assert_eq!(run["verdict"], summary["verdict"]["result"]);
    assert_eq!(run["calls"], 120);
    assert_eq!(run["labels"]["branch"], "main");
    let id = run["id"].as_str().expect("a text");

    let shown = tool(&folder, &["show", &id[..13]]).exits(0).says_nothing();
    assert!(shown.out.contains("script.lua: "), "{}", shown.out);
    let told = json(&tool(&folder, &["show", "last", "--json"]).exits(0));
    assert_eq!(told["totals"], summary["totals"]);
    assert_eq!(told["metrics"], summary["metrics"]);
    let plan = tool(&folder, &["show", "--plan"]).exits(0);
    assert!(plan.out.contains("1 scenario"), "{}", plan.out);
    tool(&folder, &["report", "last", "-o", "page.html"]).exits(0).says_nothing();
    let page = fs::read_to_string(folder.path("page.html")).expect("it was written");
    assert!(page.contains("<!DOCTYPE html>") && page.contains("/missing"));
    tool(&folder, &["compare", "summary.json", "last"])
        .exits(2)
        .says("summary.json is a summary, which has no seconds to compare")
        .says("loadtool runs export RUN FILE");
}

#[test]
fn a_run_says_how_it_is_found_again_unless_it_is_to_be_quiet() {
    let folder = Folder::new(SCRIPT);
    let ran = run(&folder, &[]);
    let id = json(&tool(&folder, &["runs", "--json"]))[0]["id"].as_str().expect("a text")[..13]
        .to_owned();
    ran.says(&format!("kept as {id}: `loadtool show {id}` tells it again"));
    let quiet = run(&folder, &["--quiet"]);
    assert!(!quiet.err.contains("kept as"), "{}", quiet.err);
    let none = run(&folder, &["--store", "none"]);
    assert!(!none.err.contains("kept as"), "{}", none.err);
    assert_eq!(json(&tool(&folder, &["runs", "--json"])).as_array().map(Vec::len), Some(2));
}

#[test]
fn a_query_slices_any_series_by_tag_and_time() {
    let (folder, summary) = kept();
    for call in summary["requests"].as_array().expect("a list") {
        let name = call["name"].as_str().expect("a text");
        let selector = format!("http_call_duration{{name=\"{name}\",expected=*}}");
        assert_eq!(stat(&folder, &[&selector], "count"), 60.0, "{selector}");
    }
    let whole = &summary["totals"]["calls"]["latency_ms"];
    for (stat_name, field) in [("p50", "p50"), ("p99", "p99"), ("max", "max"), ("mean", "mean")] {
        let found = stat(&folder, &["http_call_duration"], stat_name);
        let told = whole[field].as_f64().expect("a number");
        assert!((found / told - 1.0).abs() < 1e-9, "{field}: {found} is not {told}");
    }
    assert_eq!(stat(&folder, &["orders{kind=book}"], "count"), 120.0);
    assert_eq!(stat(&folder, &["size"], "p99"), 4096.0);
    assert_eq!(stat(&folder, &["http_call_failed"], "rate"), 0.5);

    let by = ["query", "last", "http_calls", "--by", "status,step", "--stat", "count"];
    let sheet = tool(&folder, &[&by[..], &["--format", "csv"]].concat()).exits(0);
    let mut lines = sheet.out.lines();
    assert_eq!(lines.next(), Some("from_s,to_s,status,step,count"));
    let rows: Vec<&str> = lines.filter_map(|line| line.splitn(3, ',').nth(2)).collect();
    assert_eq!(rows, ["200,login,60", "404,,60"]);
    let table = tool(&folder, &by).exits(0);
    assert!(table.out.starts_with("status"), "{}", table.out);
    let seconds = json(&tool(
        &folder,
        &["query", "last", "http_calls", "--every", "1s", "--stat", "count", "--format", "json"],
    ));
    let counts = seconds["rows"].as_array().expect("rows").iter();
    let sum: f64 = counts.filter_map(|row| row["stats"]["count"].as_f64()).sum();
    assert_eq!(sum, 120.0);
}

#[test]
fn rates_are_those_of_the_report_though_a_load_does_not_end_with_a_second() {
    let (folder, summary) = kept();
    let calls = &summary["totals"]["calls"]["rate_per_s"];
    let own = summary["own_metrics"].as_array().expect("a list").iter();
    let orders = own.clone().find(|one| one["name"] == "orders").expect("it is there");
    for (selector, told) in [
        ("http_calls", calls),
        ("http_calls{scenario=shop}", calls),
        ("http_calls{step=login}", &summary["steps"][0]["rate_per_s"]),
        ("orders", &orders["rate_per_s"]),
    ] {
        let told = told.as_f64().expect("a number");
        let found = stat(&folder, &[selector], "rate");
        assert!((found / told - 1.0).abs() < 1e-6, "{selector}: {found} is not {told}");
        let trend = ["trend", selector, "--stat", "rate", "--json"];
        let trend = json(&tool(&folder, &trend).exits(0));
        assert_eq!(trend["points"][0]["value"].as_f64(), Some(found), "{selector}");
    }
    let asked = ["query", "last", "http_calls", "--every", "1s", "--stat", "count,rate"];
    let seconds = json(&tool(&folder, &[&asked[..], &["--format", "json"]].concat()));
    let rows = seconds["rows"].as_array().expect("rows");
    let load: f64 = rows
        .iter()
        .filter_map(|row| Some(row["stats"]["count"].as_f64()? / row["stats"]["rate"].as_f64()?))
        .sum();
    let told = summary["scenarios"][0]["load_s"].as_f64().expect("a number");
    assert!(load <= told + 1e-6, "{load} s of {told} s");
}

#[test]
fn a_query_that_finds_nothing_says_what_there_is() {
    let (folder, _) = kept();
    for (arguments, told) in [
        (&["http_call_duration{step=logn}"][..], "`step` is one of login"),
        (&["http_call_duraton"], "did you mean `http_call_duration`?"),
        (&["http_calls", "--by", "stats"], "did you mean `status`?"),
        (&["http_calls", "--stat", "p99"], "a counter has `count` and `rate`"),
        (&["http_calls", "--stat", "p"], "there is no statistic `p`"),
        (&["http_calls", "--from", "5h"], "there is nothing from 18000s"),
        (&["http_calls", "--every", "0s"], "--every is of whole seconds"),
        (&["http_calls", "--every", "1.5s"], "--every is of whole seconds"),
        (&["http_calls", "--from", "0.5s", "--to", "0.9s"], "--from is of whole seconds"),
        (&["http_calls", "--to", "0.9s"], "--to is of whole seconds"),
        (&["http_call_duration{phase=setup}"], "`phase` is one of load"),
    ] {
        let asked = [&["query", "last"], arguments].concat();
        tool(&folder, &asked).exits(2).says(told);
    }
    tool(&folder, &["query", "zzz", "http_calls"]).exits(2).says("there is no run `zzz`");
    tool(&folder, &["show", "last~7"]).exits(2).says("there is no run `last~7`: 1 are in runs.db");
}

#[test]
fn runs_are_filtered_pruned_and_carried_between_stores() {
    let folder = Folder::new(SCRIPT);
    for branch in ["main", "mine", "mine"] {
        run(&folder, &["--label", &format!("branch={branch}"), "--label", "ci=1"]);
    }
    let many = |arguments: &[&str]| {
        let listed = json(&tool(&folder, &[&["runs", "--json"], arguments].concat()).exits(0));
        listed.as_array().expect("a list").len()
    };
    assert_eq!(many(&[]), 3);
    assert_eq!(many(&["--label", "branch=mine"]), 2);
    assert_eq!(many(&["--label", "branch=mine", "--label", "ci=2"]), 0);
    assert_eq!(many(&["--script", "script.lua", "--limit", "2"]), 2);
    assert_eq!(many(&["--script", "other.lua"]), 0);
    assert_eq!(many(&["--since", "1h"]), 3);
    let table = tool(&folder, &["runs", "--limit", "1"]).exits(0);
    assert!(
        table.out.contains("branch=mine ci=1") && table.out.contains("2 more"),
        "{}",
        table.out
    );

    tool(&folder, &["runs", "export", "last~2", "main.db"]).exits(0);
    assert!(!folder.path("main.db-wal").exists(), "it is one file");
    tool(&folder, &["runs", "export", "last~2", "main.db"]).exits(2).says("already");
    tool(&folder, &["runs", "prune"]).exits(2).says("--keep");
    tool(&folder, &["runs", "prune", "--older-than", "1d"]).exits(0).reports("0 runs removed");
    tool(&folder, &["runs", "prune", "--keep", "1"]).exits(0).reports("2 runs removed");
    assert_eq!(many(&["--label", "branch=main"]), 0);
    tool(&folder, &["runs", "import", "main.db"])
        .exits(0)
        .reports("1 run taken over, 0 there before");
    tool(&folder, &["runs", "import", "main.db"])
        .exits(0)
        .reports("0 runs taken over, 1 there before");
    assert_eq!(many(&["--label", "branch=main"]), 1);
    assert_eq!(stat(&folder, &["orders"], "count"), 120.0);
    let asked = ["query", "last~1", "orders", "--stat", "count", "--format", "json"];
    assert_eq!(json(&tool(&folder, &asked))["rows"][0]["stats"]["count"], 120);
}

/// A run without an end, kept in `runs.db`, of which so many seconds are there.
pub fn under_way(folder: &Folder, arguments: &[&str], seconds: i64) -> Child {
    let child = folder
        .tool()
        .env("LOADTOOL_STORE", "runs.db")
        .args([&["run", "script.lua", "--quiet"], arguments].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started");
    wait_for_seconds(&folder.path("runs.db"), seconds);
    child
}

pub fn kill(mut run: Child) {
    run.kill().expect("it is ours");
    run.wait().expect("it is ours");
}

#[test]
fn a_run_that_is_killed_is_interrupted_and_all_but_its_last_second_is_there() {
    let folder = Folder::new(
        "local lt = require 'loadtool'\nreturn { scenarios = { shop = { run = function()\n\
         lt.http.get '/' lt.http.get '/missing' lt.sleep(0.01) end,\n\
         load = { vus = 2, duration = '60s' } } },\n\
         thresholds = { http_calls = 'count > 1',\n\
         http_call_duration = { 'p50 < 1us', window = '2s', min_samples = 1 } } }",
    );
    let child = under_way(&folder, &["--base-url", &target(), "--label", "build=cut"], 4);
    let listed = json(&tool(&folder, &["runs", "--json"]).exits(0));
    assert_eq!(listed[0]["state"], "running");
    kill(child);

    let listed = json(&tool(&folder, &["runs", "--json"]).exits(0));
    assert_eq!(listed[0]["state"], "interrupted");
    let seconds = listed[0]["duration_s"].as_f64().expect("a number");
    assert!(seconds >= 4.0, "{seconds}");
    let shown = tool(&folder, &["show"]).exits(0);
    assert!(shown.out.starts_with("ABORTED"), "{}", shown.out);
    assert!(shown.out.contains("its process ended without a word"), "{}", shown.out);
    assert!(shown.out.contains("the slowest iterations, what sets"), "{}", shown.out);
    let told = json(&tool(&folder, &["show", "--json"]).exits(0));
    let calls = told["totals"]["calls"]["count"].as_f64().expect("a number");
    assert!(calls > 0.0);
    assert_eq!(calls, stat(&folder, &["http_calls"], "count"));
    let rate = told["totals"]["calls"]["rate_per_s"].as_f64().expect("a number");
    assert_eq!(rate, stat(&folder, &["http_calls"], "rate"));
    assert_eq!(told["scenarios"][0]["kind"], "constant_vus");
    assert!(told["run"]["source"].as_str().expect("a text").contains("require 'loadtool'"));
    tool(&folder, &["report", "last", "-o", "page.html"]).exits(0);
    let compared = tool(&folder, &["compare", "last", "last"]).exits(0);
    for side in ["base", "candidate"] {
        let told = format!("remark: the {side} was aborted: its process ended without a word");
        assert!(compared.out.contains(&told), "{}", compared.out);
    }

    let judged = |metric: &str| {
        let all = told["thresholds"].as_array().expect("a list");
        all.iter().find(|one| one["metric"] == metric).expect("it is judged").clone()
    };
    let whole = judged("http_calls");
    assert_eq!((&whole["ok"], &whole["window_s"]), (&true.into(), &Json::Null));
    let sliding = judged("http_call_duration");
    assert_eq!((&sliding["ok"], &sliding["window_s"]), (&false.into(), &2.into()));
    assert_eq!(sliding["crossed_at_s"], 2, "the first two seconds");

    let error = &told["errors"][0];
    assert_eq!((&error["status"], &error["category"]), (&404.into(), &"client_error".into()));
    assert_eq!(error["count"].as_f64(), Some(stat(&folder, &["errors"], "count")));
    assert!(error["exemplar"].as_str().expect("there is one").contains("/missing"), "{error}");
    let memory = &told["timeline"][1]["health"]["memory_bytes"];
    assert!(memory.as_u64() > Some(1 << 20), "{memory}");
    assert!(told["generator"]["rss_bytes_max"].as_u64() >= memory.as_u64());
    let groups = ["compare", "--label", "build=cut", "--label", "build=cut"];
    tool(&folder, &groups).exits(2).says("left out: 1 run that did not come to an end");

    // The next run says so in the file itself, and puts its seconds into blocks.
    let folder = folder.file("script.lua", SCRIPT);
    run(&folder, &["--label", "build=cut"]);
    let compared = tool(&folder, &groups).exits(0);
    let left_out = "remark: of build=cut, left out: 1 run that did not come to an end";
    assert!(compared.out.contains(left_out), "{}", compared.out);
    let trend = tool(&folder, &["trend", "http_calls"]).exits(0);
    let left_out = "remark: left out: 1 run that did not come to an end\n";
    assert!(trend.out.contains(left_out), "{}", trend.out);
    let store = Connection::open(folder.path("runs.db")).expect("it is there");
    let mut states = store.prepare("SELECT state FROM runs ORDER BY id").expect("a table");
    let states: Vec<String> =
        states.query_map([], |row| row.get(0)).expect("rows").filter_map(Result::ok).collect();
    assert_eq!(states, ["interrupted", "done"]);
    let loose: i64 =
        store.query_row("SELECT count(*) FROM frames", [], |row| row.get(0)).expect("a number");
    assert_eq!(loose, 0);
    let again = json(&tool(&folder, &["show", "last~1", "--json"]).exits(0));
    for all in ["calls", "iterations"] {
        let (now, before) = (&again["totals"][all], &told["totals"][all]);
        assert_eq!((&now["count"], &now["rate_per_s"]), (&before["count"], &before["rate_per_s"]));
        assert_eq!(now["latency_ms"]["hdr"], before["latency_ms"]["hdr"], "{all}");
    }
}

fn wait_for_seconds(store: &Path, seconds: i64) {
    let began = Instant::now();
    let there = || -> Option<i64> {
        let store = Connection::open(store).ok()?;
        store.query_row("SELECT count(*) FROM timeline", [], |row| row.get(0)).ok()
    };
    while there().unwrap_or(0) < seconds {
        assert!(began.elapsed() < Duration::from_secs(60), "no second comes");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_kept_holds_no_secret() {
    let folder = Folder::new(
        "local lt = require 'loadtool'\nlocal key = assert(lt.secret 'KEY')\n\
         return { tags = { who = 'hunter22' }, scenarios = { shop = { run = function()\n\
         lt.http.get('/hunter22') lt.fail('no hunter22') end,\n\
         load = { vus = 1, iterations = 2 } } } }",
    );
    run(&folder, &["--env", "KEY=hunter22", "--label", "key=hunter22"]);
    let store = fs::read(folder.path("runs.db")).expect("it is there");
    let shown = String::from_utf8_lossy(&store);
    assert!(shown.contains("no ***") && !shown.contains("hunter22"), "a secret is in the file");
    let told = tool(&folder, &["show", "--json"]).exits(0);
    assert!(!told.out.contains("hunter22"));
}

/// A folder with `runs.db`, in which the same load is kept once under each of these labels.
fn paced(labels: &[&str]) -> Folder {
    let folder = Folder::of("lt.http.get '/'");
    let url = answering(|_| {
        sleep(Duration::from_millis(40)); // so that the last answers come after the load
        answer("200 OK", "here")
    });
    let load =
        ["--base-url", &url, "--rate", "60", "--duration", "9s", "--threads", "1", "--quiet"];
    let runs: Vec<Running> = labels
        .iter()
        .map(|label| {
            let run = ["run", "script.lua", "--label", label];
            let mut tool = folder.tool();
            tool.env("LOADTOOL_STORE", "runs.db").args([&run[..], &load].concat());
            Running::start(&mut tool)
        })
        .collect();
    runs.into_iter().for_each(|run| drop(run.end()));
    folder
}

#[test]
fn kept_runs_are_compared_one_by_one_and_as_groups() {
    let folder = paced(&["group=a", "group=a", "group=b", "group=b"]);
    let ran = tool(&folder, &["compare", "last", "last", "--format", "json"]).exits(0);
    let rows = json(&ran)["rows"].as_array().expect("rows").clone();
    assert!(rows.iter().all(|row| row["change"] == 0.0), "{rows:?}");
    assert!(rows.iter().any(|row| row["series"]["call"] == "GET /" && row["stat"] == "p95"));
    let rate = rows.iter().find(|row| row["series"]["call"] == "GET /" && row["stat"] == "rate");
    let rate = rate.expect("it is there")["base"].as_f64().expect("a number");
    let told = json(&tool(&folder, &["show", "last", "--json"]));
    let reported = told["requests"][0]["rate_per_s"].as_f64().expect("a number");
    assert!((rate / reported - 1.0).abs() < 1e-9, "{rate} is not the report's {reported}");
    for selector in ["http_calls", "http_calls{scenario=default}"] {
        let trend = json(&tool(&folder, &["trend", selector, "--json"]));
        let rate = trend["points"][3]["value"].as_f64().expect("a number");
        assert!((rate / reported - 1.0).abs() < 1e-9, "{selector}: {rate}, and not {reported}");
    }
    tool(&folder, &["runs", "export", "last", "one.db"]).exits(0);
    let same = tool(&folder, &["compare", "one.db", "last", "last~1", "--format", "json"]);
    let id = "last~1";
    assert!(json(&same)[id]["rows"].is_array(), "{same:?}");
    let groups = ["compare", "--label", "group=a", "--label", "group=b", "--format", "json"];
    let told = json(&tool(&folder, &groups));
    let rate = told["rows"].as_array().expect("rows").iter().find(|row| row["stat"] == "rate");
    let rate = rate.expect("it is there")["base"].as_f64().expect("a number");
    assert!((rate / 60.0 - 1.0).abs() < 0.3, "{rate}");
    for (arguments, told) in [
        (&["--label", "group=a"][..], "--label is given twice"),
        (&["--label", "group=a", "--label", "group=z"], "no run has the label group=z"),
        (&["last", "zz"], "there is no run `zz`"),
        (&["last"], "<CANDIDATE>"),
    ] {
        tool(&folder, &[&["compare"], arguments].concat()).exits(2).says(told);
    }
}

#[test]
fn thresholds_may_be_relative_to_a_kept_run_or_a_file() {
    let (folder, summary) = kept();
    tool(&folder, &["runs", "export", "last", "main.db"]).exits(0);
    let count = "http_calls: count <= 1.5 * baseline";
    for baseline in ["last", "main.db", "summary.json"] {
        let threshold = ["--baseline", baseline, "--threshold", count];
        run(
            &folder,
            &[&threshold[..], &["--summary-json", "again.json", "--store", "none"]].concat(),
        );
        let again = fs::read(folder.path("again.json")).expect("it was written");
        let again: Json = serde_json::from_slice(&again).expect("it is JSON");
        let judged = again["thresholds"].as_array().expect("a list");
        let judged = judged.iter().find(|one| one["metric"] == "http_calls").expect("it is there");
        assert_eq!(
            judged["limit"], 180.0,
            "{baseline}: of {}",
            summary["totals"]["calls"]["count"]
        );
        assert_eq!(judged["expression"], "count <= 1.5 * baseline (= 180)");
        assert_eq!(judged["ok"], true);
    }
    let half = ["--baseline", "last", "--threshold", "http_calls: count < 50% * baseline"];
    run(&folder, &half).exits(3);
    run(&folder, &["--threshold", count])
        .exits(2)
        .says("is relative to a baseline, and there is none");
    let other = ["--baseline", "main.db", "--threshold", "poll_duration: p95 < baseline"];
    run(&folder, &other).exits(2).says("the baseline main.db has no sample of `poll_duration`");
    run(&folder, &["--baseline", "nothing.db"]).exits(2).says("nothing.db");
    for baseline in ["last", "main.db", "summary.json"] {
        let ran = run(&folder, &["--baseline", baseline, "--store", "none"]);
        assert!(!ran.err.contains("does not match"), "{baseline}: {}", ran.err);
        let other = ["--baseline", baseline, "--store", "none", "--vus", "3", "--iterations", "9"];
        let told = format!(
            "the baseline {baseline} does not match: the loads differ: `shop  2 users, 60 "
        );
        run(&folder, &other).says(&told);
    }
    let folder = folder.file("other.lua", SCRIPT);
    let url = target();
    let arguments = ["run", "other.lua", "--base-url", &url, "--baseline", "main.db"];
    tool(&folder, &arguments).says("are of the scripts script.lua and other.lua");
}
