//! The summary of a run as a user gets it, held against its JSON Schema.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value as Json;

const SCRIPT: &str = r#"
local lt = require "loadtool"
return {
  scenarios = {
    fine = { run = function()
      lt.step("wait", function() lt.sleep(0.001) end)
      lt.check({}, { ["all is well"] = function() return true end })
    end, load = { vus = 2, iterations = 100 } },
    poor = { run = function() lt.fail "no luck" end, load = { vus = 1, iterations = 3 } },
    timely = { run = function() end, load = { rate = "20/s", duration = "500ms" } },
  },
  thresholds = { iteration_failed = "rate < 1%", step_duration = { "p95 < 60s", optional = true } },
}
"#;

fn run(arguments: &[&str]) -> (tempfile::TempDir, Output) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("test.lua"), SCRIPT).expect("it takes a file");
    let output = Command::new(env!("CARGO_BIN_EXE_loadtool"))
        .args(["run", "test.lua", "--quiet", "--threads", "1"])
        .args(arguments)
        .current_dir(dir.path())
        .env("LOADTOOL_STORE", "none")
        .output()
        .expect("the tool was built");
    (dir, output)
}

fn assert_valid(summary: &Json) {
    let schema = include_str!("../docs/summary.schema.json");
    let schema: Json = serde_json::from_str(schema).expect("the schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("it is a schema");
    let faults: Vec<_> = validator.iter_errors(summary).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn json_on_stdout_is_alone_there_and_as_its_schema_says() {
    let (_dir, output) = run(&["--summary-json", "-"]);
    let summary: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_valid(&summary);
    assert_eq!(output.status.code(), Some(3), "{}", summary["verdict"]);
    assert_eq!(summary["verdict"]["result"], "fail");
    assert_eq!(summary["steps"][0]["count"], 100);
    assert_eq!(summary["checks"][0]["passed"], 100);
    assert_eq!(summary["errors"][0]["count"], 3);
    let timeline = summary["timeline"].as_array().expect("a second at least");
    let sum = |pointer: &str| -> u64 {
        timeline.iter().filter_map(|second| second.pointer(pointer)?.as_u64()).sum()
    };
    assert_eq!((sum("/scenarios/0/started"), sum("/scenarios/0/completed")), (100, 100));
    assert_eq!((sum("/scenarios/1/failed"), sum("/steps/0/count")), (3, 100));
    assert_eq!(timeline[timeline.len() - 1]["scenarios"][0]["in_flight"], 0);
    let slowest = &summary["scenarios"][0]["slowest"];
    assert_eq!(slowest.as_array().map(Vec::len), Some(10));
    let kinds = |event: usize| slowest[0]["events"][event]["kind"].as_str();
    assert_eq!((kinds(0), kinds(1), kinds(2)), (Some("step"), Some("sleep"), None));
    let ranks = |place: usize| slowest[place]["response_time_ms"].as_f64();
    assert!(ranks(0) >= ranks(9) && ranks(9) > Some(0.0), "{slowest}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("FAIL  test.lua"), "the report");
}

#[test]
fn how_planned_starts_were_kept_is_in_the_report_and_on_the_page() {
    let (dir, output) = run(&["--html", "report.html"]);
    let told = String::from_utf8_lossy(&output.stdout);
    let starts = told.split("\nStarts\n").nth(1).expect("of one scenario they are planned");
    let mut lines = starts.lines();
    let heads = lines.next().expect("a table").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(heads, "scenario adherence users p50 p95 p99 tool p50 p95 p99");
    let row = lines.next().expect("a row");
    assert!(row.starts_with("  timely ") && row.contains(" % "), "{row}");
    assert_eq!(lines.next().map(|line| line.starts_with("  users: the wait")), Some(true));
    let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(page.contains("id=\"starts\""), "on the page too");
}

#[test]
fn a_file_is_written_beside_the_report() {
    let (dir, output) = run(&["--summary-json", "report.json"]);
    let summary = fs::read(dir.path().join("report.json")).unwrap();
    assert_valid(&serde_json::from_slice(&summary).unwrap());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("FAIL  test.lua"));
}

#[test]
fn a_file_that_cannot_be_written_is_exit_7_and_the_report_is_there_all_the_same() {
    let (_dir, output) = run(&["--summary-json", "/dev/full"]);
    assert_eq!(output.status.code(), Some(7));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("cannot write the JSON summary to /dev/full: No space left"), "{told}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("FAIL  test.lua"));
}
