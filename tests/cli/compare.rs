//! `loadtool compare` of real runs.

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
    let p50 = table["rows"].as_array().expect("rows").iter().find(|row| row["stat"] == "p50");
    assert_eq!(p50.expect("it is there")["verdict"], "regression");
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
