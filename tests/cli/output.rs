//! What goes where: the report, the talk, the summary, colours, closed pipes, help.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value as Json;

use crate::common::{Folder, Ran, Running, tool_in};

fn quick() -> Folder {
    Folder::of("lt.log.info 'hello' lt.check(1, { fine = true })")
}

fn tool(arguments: &[&str]) -> Ran {
    Running::start(tool_in(".".as_ref()).args(arguments)).end()
}

#[test]
fn the_report_is_on_stdout_and_talk_on_stderr_and_no_file_is_written_unasked() {
    let folder = quick();
    let ran = folder.run(&[]).exits(0).reports("PASS  script.lua: ");
    assert_eq!(ran.err, " info  script.lua:3: hello\n");
    let files = std::fs::read_dir(folder.path(".")).expect("it is there").count();
    assert_eq!(files, 1, "the script alone");
}

#[test]
fn the_json_summary_is_alone_on_stdout_and_the_report_moves_to_stderr() {
    let ran = quick().run(&["--summary-json", "-"]).exits(0).says("PASS  script.lua: ");
    let summary: Json = serde_json::from_str(&ran.out).expect("nothing but JSON");
    assert_eq!(summary["schema"], "loadtool.summary/1");
}

#[test]
fn log_levels_let_less_or_more_through() {
    let folder =
        Folder::of("lt.log.debug 'one' lt.log.info 'two' lt.log.warn 'three' lt.log.error 'four'");
    let said = |arguments: &[&str]| {
        let ran = folder.run(arguments).exits(0);
        ["one", "two", "three", "four"].map(|word| ran.err.contains(word))
    };
    assert_eq!(said(&[]), [false, true, true, true]);
    assert_eq!(said(&["-v"]), [true, true, true, true]);
    assert_eq!(said(&["--log-level", "error"]), [false, false, false, true]);
}

#[test]
fn without_a_terminal_progress_is_a_plain_line_every_five_seconds_unless_quiet() {
    let folder = Folder::of("lt.sleep(0.05)");
    let start = |more: &[&str]| folder.start(&[&["--duration", "5200ms"], more].concat());
    let (talking, quiet) = (start(&[]), start(&["--quiet"]));
    let said = talking.end().exits(0).err;
    assert!(said.starts_with("0:05/0:06  1 user  "), "{said:?}");
    assert!(said.ends_with("  0 errors\n") && !said.contains(['\r', '\x1b']), "{said:?}");
    quiet.end().exits(0).says_nothing();
}

#[test]
fn colours_are_for_terminals_or_for_those_who_ask() {
    let folder = quick();
    let colours = |arguments: &[&str]| folder.run(arguments).exits(0).out.contains("\x1b[");
    assert!(!colours(&[]));
    assert!(!colours(&["--color", "never"]));
    assert!(colours(&["--color", "always"]));
    let mut tool = folder.tool();
    tool.args(["run", "script.lua", "--color", "always"]).env("NO_COLOR", "1");
    assert!(Running::start(&mut tool).end().out.contains("\x1b["), "the flag wins");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = quick();
    for arguments in [
        &["run", "script.lua"][..],
        &["run", "script.lua", "--summary-json", "-"],
        &["check", "script.lua"],
        &["--help"],
        &["run", "--help"],
    ] {
        let mut child = folder
            .tool()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        drop(child.stdout.take());
        let mut said = String::new();
        let stderr = child.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut said).expect("it can be read");
        let code = child.wait().expect("it is our child").code();
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_full_disk_behind_stdout_is_7() {
    let folder = quick();
    for arguments in [&["run", "script.lua"][..], &["check", "script.lua"]] {
        let full = std::fs::File::create("/dev/full").expect("it is there");
        let mut tool = folder.tool();
        let output = tool.args(arguments).stdout(full).output().expect("it can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{arguments:?}: {said}");
        assert!(said.contains("No space left on device"), "{said}");
    }
}

#[test]
fn check_prints_the_plan_and_what_a_user_costs_and_sends_nothing() {
    let folder = Folder::new(
        "local lt = require 'loadtool'\nreturn { base_url = 'http://127.0.0.1:1',\n\
         setup = function() error 'never' end,\n\
         scenarios = { buyers = { run = function() end, load = { vus = 20, duration = '1m' } } } }",
    );
    let ran = Running::start(folder.tool().args(["check", "script.lua"])).end().exits(0);
    let cost = ran.out.lines().last().expect("a line");
    assert!(cost.starts_with("one user: ") && cost.contains(" B, made in "), "{cost}");
    assert!(!cost.contains(" 0 B"), "{cost}");
    assert!(ran.out.contains("buyers  20 users"), "{}", ran.out);
    ran.says_nothing();
}

#[test]
fn help_and_version_are_what_they_were() {
    let version = tool(&["--version"]).exits(0).says_nothing().out;
    assert_eq!(version, format!("loadtool {}\n", env!("CARGO_PKG_VERSION")));
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help_run", &["run", "--help"]),
        ("help_once", &["once", "--help"]),
        ("help_check", &["check", "--help"]),
        ("help_calibrate", &["calibrate", "--help"]),
        ("help_report", &["report", "--help"]),
        ("help_demo", &["demo", "--help"]),
    ] {
        let help = tool(arguments).exits(0).says_nothing().out;
        insta::assert_snapshot!(name, help);
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{widest:?} columns");
    }
}
