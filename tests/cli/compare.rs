//! `loadtool compare` of real runs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::sleep;
use std::time::Duration;

use crate::common::server::{answer, answering};
use crate::common::{Folder, Ran, Running};

fn compare(folder: &Folder, arguments: &[&str]) -> Ran {
    Running::start(folder.tool().arg("compare").args(arguments)).end()
}

#[test]
fn a_slower_target_is_a_regression_and_the_same_run_is_the_same() {
    let slow = Arc::new(AtomicBool::new(false));
    let asked = slow.clone();
    let url = answering(move |_| {
        sleep(Duration::from_millis(if asked.load(SeqCst) { 60 } else { 5 }));
        answer("200 OK", "done")
    });
    let folder = Folder::of("lt.http.get '/'");
    let load = ["--base-url", &url, "--rate", "40", "--duration", "12s", "--threads", "1"];
    // A busy machine makes them inconclusive, which is no matter here.
    let run = |out: &str| drop(folder.run(&[&load[..], &["--out", out]].concat()));
    run("json=base.json");
    slow.store(true, SeqCst);
    run("json=slow.json");

    let ran = compare(&folder, &["base.json", "slow.json"]).exits(3);
    assert!(ran.out.contains("GET /"), "{}", ran.out);
    assert!(ran.out.contains("regression"), "{}", ran.out);
    assert!(ran.out.contains("\nRegression: "), "{}", ran.out);
    let ran = compare(&folder, &["slow.json", "base.json"]).exits(0);
    assert!(ran.out.contains("\nImproved: 0 worse"), "{}", ran.out);
    let ran = compare(&folder, &["base.json", "base.json", "--format", "markdown"]).exits(0);
    assert!(ran.out.starts_with("**No change that matters: 0 worse, 0 better"), "{}", ran.out);
    let ran = compare(&folder, &["base.json", "slow.json", "--format", "json"]).exits(3);
    let table: serde_json::Value = serde_json::from_str(&ran.out).expect("it is JSON");
    let row = |stat: &str| {
        let rows = table["rows"].as_array().expect("rows");
        rows.iter().find(|row| row["stat"] == stat).expect("it is there").clone()
    };
    assert_eq!(row("p50")["verdict"], "regression");
    // The last answers come after the twelfth second, which makes no thirteenth of it.
    let (rate, calls) = (row("rate")["candidate"].as_f64(), calls_in(&folder, "slow.json"));
    let rate = rate.expect("a number");
    assert!((rate * 12.0 / calls - 1.0).abs() < 1e-9, "{rate}/s of {calls} calls");
    assert_eq!(table.get("remarks"), None, "both are of one script and load");

    compare(&folder, &["base.json", "slow.json", "--html", "page.html"]).exits(3);
    let page = fs::read_to_string(folder.path("page.html")).expect("it was written");
    let [quick, slow] = ["c0", "c1"].map(|color| curve(&page, color));
    assert!(quick.matches('L').count() > 20 && slow.matches('L').count() > 20, "{quick}\n{slow}");
    assert_ne!(quick, slow);
    for name in ["base.json", "slow.json"] {
        assert!(page.contains(&format!(">{name}<")), "{name} has no column of percentiles");
    }
}

/// The path of the first curve of that colour.
fn curve<'p>(page: &'p str, color: &str) -> &'p str {
    let path = page.split_once(&format!("<path class=\"line {color}\" d=\""));
    let (_, path) = path.unwrap_or_else(|| panic!("no curve {color}"));
    path.split_once('"').expect("a path ends").0
}

/// Calls of all its seconds.
fn calls_in(folder: &Folder, file: &str) -> f64 {
    let text = fs::read_to_string(folder.path(file)).expect("it was written");
    let calls = |line: &str| -> Option<f64> {
        serde_json::from_str::<serde_json::Value>(line).ok()?["calls"].as_f64()
    };
    text.lines().filter_map(calls).sum()
}

#[test]
fn files_know_their_script_and_their_load() {
    let url = answering(|_| answer("200 OK", "done"));
    let folder = Folder::of("lt.http.get '/'");
    for (file, vus) in [("one.json", "1"), ("two.json", "2")] {
        let load = ["--base-url", &url, "--vus", vus, "--iterations", "20"];
        folder.run(&[&load[..], &["--out", &format!("json={file}")]].concat());
    }
    let remark = "remark: the loads differ: `default  1 user, 20 iterations";
    let ran = compare(&folder, &["one.json", "two.json"]).exits(0);
    assert!(ran.out.contains(remark), "{}", ran.out);
    let ran = compare(&folder, &["one.json", "one.json"]).exits(0);
    assert!(!ran.out.contains("remark: "), "{}", ran.out);
    let text = fs::read_to_string(folder.path("two.json")).expect("it was written");
    let other = text.replace("script.lua", "other.lua");
    let old = text.replace("\"script\":", "\"_\":").replace("\"loads_s\":", "\"__\":");
    let folder = folder.file("other.json", other).file("old.json", old);
    let ran = compare(&folder, &["two.json", "other.json"]).exits(0);
    assert!(ran.out.contains("of the scripts script.lua and other.lua"), "{}", ran.out);
    let ran = compare(&folder, &["one.json", "old.json"]).exits(0);
    assert!(!ran.out.contains("remark: "), "one of an earlier version: {}", ran.out);
}

#[test]
fn what_is_no_run_is_told_with_file_line_and_cure() {
    let folder = Folder::of("")
        .file("text.json", "not JSON\n")
        .file("other.json", "{\"schema\":\"x/1\",\"t_s\":0,\"rows\":[]}\n")
        .file("empty.json", "")
        .file("idle.json", "{\"schema\":\"loadtool.second/1\",\"t_s\":0,\"rows\":[]}\n");
    for (file, told) in [
        ("missing.json", "cannot read missing.json"),
        ("text.json", "text.json, line 1: this is no second of a run"),
        ("other.json", "the schema is `x/1`"),
        ("empty.json", "there is no load in it"),
        ("idle.json", "there is no load in it"),
    ] {
        let ran = compare(&folder, &[file, file]).exits(2);
        assert!(ran.err.contains(told), "want {told:?} in {}", ran.err);
    }
    assert!(compare(&folder, &["text.json", "text.json"]).err.contains("--out json=FILE"));
    compare(&folder, &["a", "b", "--min-change", "0"]).exits(2);
}
