//! The ceiling of a machine: measured, kept, and told by a run that comes near it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value as Json;

use crate::common::server::{answer, answering};
use crate::common::{Folder, Running};

#[test]
fn a_run_near_the_ceiling_that_was_measured_says_so() {
    let url = answering(|_| answer("200 OK", ""));
    let folder = Folder::of("lt.http.get '/'");
    let mut calibrate = folder.tool();
    calibrate.args(["calibrate", "--duration", "2s"]).env("XDG_STATE_HOME", folder.path("state"));
    let ran = Running::start(&mut calibrate).end().exits(0);
    assert!(ran.out.contains(" requests/s per core, "), "{}", ran.out);
    let kept = folder.path("state/loadtool/calibration.json");
    assert!(ran.out.contains(&format!("kept in {}", kept.display())), "{}", ran.out);
    let mut ceiling: Json =
        serde_json::from_slice(&fs::read(&kept).expect("it was kept")).expect("it is JSON");
    assert!(ceiling["requests_per_s_per_core"].as_f64() > Some(100.0), "{ceiling}");
    assert_eq!(ceiling["tool_version"], env!("CARGO_PKG_VERSION"));
    let left: Vec<_> = fs::read_dir(folder.path("state/loadtool")).expect("a folder").collect();
    assert_eq!(left.len(), 1, "nothing else is left there");

    // On a machine as slow as this, anything is near the ceiling: that of one worker, for there are no
    // more than users.
    ceiling["requests_per_s_per_core"] = 1.0.into();
    fs::write(&kept, ceiling.to_string()).expect("the folder can be written");
    let mut run = folder.tool();
    run.args(["run", "script.lua", "--vus", "1", "--threads", "2"]).args([
        "--duration",
        "7s",
        "--base-url",
        &url,
    ]);
    let ran = Running::start(run.env("XDG_STATE_HOME", folder.path("state"))).end();
    let told = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("of the 1 that `loadtool calibrate` found this machine to be capable of"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_measured_or_kept_is_told() {
    let folder = Folder::of("");
    let calibrate = |arguments: &[&str], state: &str| {
        let mut tool = folder.tool();
        tool.arg("calibrate").args(arguments).env("XDG_STATE_HOME", folder.path(state));
        Running::start(&mut tool).end()
    };
    calibrate(&["--duration", "10ms"], "state").exits(2).says("--duration must be 1s to 10m");
    calibrate(&["--duration", "1s"], "script.lua").exits(6).says("Not a directory");
    let mut homeless = folder.tool();
    homeless.arg("calibrate").env_remove("XDG_STATE_HOME").env_remove("HOME");
    Running::start(&mut homeless).end().exits(2).says("set XDG_STATE_HOME or HOME");
}

#[test]
fn the_null_target_answers_whatever_has_no_body() {
    let folder = Folder::of("lt.check(lt.http.get '/x', { status = 200 }) lt.http.delete '/y'");
    let mut target = folder.tool();
    target.args(["demo", "--null", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut target = target.spawn().expect("loadtool starts");
    let mut told = String::new();
    let out = target.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut told).expect("it says where it is");
    let url = told.split_whitespace().find(|word| word.starts_with("http")).expect("an address");
    let (ran, summary) = folder.summary(&["--base-url", url, "--iterations", "3"]);
    target.kill().expect("it runs until it is interrupted");
    target.wait().expect("it has ended");
    ran.exits(0);
    assert_eq!(summary["totals"]["calls"]["count"], 6);

    let mut both = folder.tool();
    both.args(["demo", "--null", "--capacity", "5"]);
    let refused = Running::start(&mut both).end().exits(2);
    assert!(refused.err.contains("--capacity"), "{}", refused.err);
}
