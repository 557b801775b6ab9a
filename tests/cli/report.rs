//! The HTML report: by `run --html` and by `report`, and what cannot be read or written.

use std::fs;
use std::process::Stdio;

use crate::common::{Folder, Ran, Running};

const BODY: &str = "lt.check(1, { ['fine <b>'] = true })";

fn report(folder: &Folder, arguments: &[&str]) -> Ran {
    Running::start(folder.tool().arg("report").args(arguments)).end()
}

/// A folder with `summary.json` and the page that the same run wrote, `run.html`.
fn reported() -> Folder {
    let folder = Folder::of(BODY);
    let to = ["--summary-json", "summary.json", "--html", "run.html"];
    folder.run(&to).exits(0).reports("PASS  script.lua: ");
    folder
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path(name)).expect("it was written")
}

#[test]
fn the_page_of_a_summary_is_the_page_of_its_run() {
    let folder = reported();
    report(&folder, &["summary.json", "-o", "again.html"]).exits(0).says_nothing();
    let page = read(&folder, "run.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("fine &lt;b&gt;"), "{page}");
    assert_eq!(page, read(&folder, "again.html"));
    let printed = report(&folder, &["summary.json", "--output", "-"]).exits(0).says_nothing();
    assert_eq!(page, printed.out);
    let piped = fs::File::open(folder.path("summary.json")).expect("it was written");
    let mut tool = folder.tool();
    let output = tool.args(["report", "-", "-o", "-"]).stdin(piped).output().expect("it runs");
    assert_eq!(page.as_bytes(), output.stdout);
}

#[test]
fn what_is_no_summary_is_told_and_nothing_is_written() {
    let folder = Folder::of(BODY)
        .file("text.json", "hello")
        .file("cut.json", r#"{"schema": "loadtool.summary/1", "tool_"#)
        .file("list.json", "[1, 2]")
        .file("other.json", r#"{"schema": "loadtool.summary/2"}"#)
        .file("none.json", r#"{"metrics": {}}"#)
        .file("partly.json", r#"{"schema": "loadtool.summary/1", "run": 3}"#)
        .file("bytes.json", b"\xff\xfe\0");
    for (file, said) in [
        ("text.json", "text.json is no JSON summary: expected value at line 1 column 1"),
        ("cut.json", "cut.json is no JSON summary: EOF while parsing"),
        ("list.json", "list.json is no JSON summary: "),
        ("other.json", "has the schema \"loadtool.summary/2\", and this loadtool ("),
        ("none.json", "none.json is no JSON summary: it has no \"schema\""),
        ("partly.json", "partly.json is not what loadtool.summary/1 says: "),
        ("bytes.json", "bytes.json is no JSON summary: "),
        ("missing.json", "cannot read missing.json: No such file or directory"),
        (".", "cannot read .: Is a directory"),
    ] {
        report(&folder, &[file, "-o", "page.html"]).exits(2).says(said);
        assert!(!folder.path("page.html").exists(), "{file}");
    }
    report(&folder, &["text.json"]).exits(2).says("--output <FILE>");
    report(&folder, &["-o", "page.html"]).exits(2).says("<RUN|SUMMARY.json>");
}

#[test]
fn a_page_that_cannot_be_written_is_7_and_the_report_is_still_told() {
    let folder = reported();
    fs::create_dir(folder.path("folder")).expect("it can be made");
    for (place, cause) in [
        ("folder", "Is a directory"),
        ("missing/page.html", "No such file or directory"),
        ("/dev/full", "No space left on device"),
    ] {
        let said = format!("cannot write the HTML report to {place}: {cause}");
        let ran = folder.run(&["--html", place]).exits(7).reports("PASS  script.lua: ");
        ran.says(&said);
        report(&folder, &["summary.json", "-o", place]).exits(7).says(&said);
    }
    let full = fs::File::create("/dev/full").expect("it is there");
    let mut tool = folder.tool();
    let output = tool.args(["report", "summary.json", "-o", "-"]).stdout(full).output();
    let output = output.expect("it can be run");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let left = fs::read_dir(folder.path(".")).expect("it is there").count();
    assert_eq!(left, 4, "the script, two reports and the folder");
}

#[test]
fn html_to_stdout_is_refused_with_a_way_out() {
    let said = "`loadtool report -o -` writes to stdout";
    Folder::of(BODY).run(&["--html", "-"]).exits(2).says(said);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = reported();
    let mut child = folder
        .tool()
        .args(["report", "summary.json", "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
