//! The ceiling of a machine: measured, kept, and told by a run that comes near it.

use std::fs;

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

    // On a machine as slow as this, anything is near the ceiling.
    ceiling["requests_per_s_per_core"] = 1.0.into();
    fs::write(&kept, ceiling.to_string()).expect("the folder can be written");
    let mut run = folder.tool();
    run.args(["run", "script.lua", "--vus", "2", "--duration", "7s", "--base-url", &url]);
    let ran = Running::start(run.env("XDG_STATE_HOME", folder.path("state"))).end();
    let told = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("that `loadtool calibrate` found this machine to be capable of"),
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
