//! The `summary` hook: what it returns is written, whole or not at all.

use std::fs;

use crate::common::Folder;

fn with(hook: &str) -> Folder {
    Folder::new(&format!(
        "local lt = require 'loadtool'\nreturn {{\n\
         scenarios = {{ s = {{ run = function() end, load = {{ iterations = 3 }} }} }},\n\
         summary = function(s) {hook} end,\n}}"
    ))
}

#[test]
fn what_the_hook_returns_is_written() {
    let folder = with(
        "return { ['out.txt'] = s.verdict.result .. ' ' .. s.totals.iterations.count, \
         ['data.json'] = lt.json.encode(s), stdout = 'to stdout\\n', stderr = 'to stderr\\n' }",
    );
    let ran = folder.run(&[]).exits(0).reports("PASS").says("to stderr");
    assert!(ran.out.ends_with("to stdout\n"), "{}", ran.out);
    assert_eq!(fs::read_to_string(folder.path("out.txt")).expect("it is there"), "pass 3");
    let json = fs::read(folder.path("data.json")).expect("it is there");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["scenarios"][0]["iterations"]["completed"], 3);
}

#[test]
fn stdout_stays_json_where_it_was_asked_for() {
    let ran = with("return { stdout = 'hello' }").run(&["--summary-json", "-"]).exits(0);
    serde_json::from_str::<serde_json::Value>(&ran.out).expect("JSON alone");
    assert!(ran.err.ends_with("hello"), "{}", ran.err);
}

#[test]
fn a_hook_that_gives_nothing_writes_nothing() {
    with("").run(&[]).exits(0).says_nothing();
}

#[test]
fn what_goes_wrong_is_told_and_changes_the_exit_code_but_not_the_verdict() {
    for (hook, told) in [
        ("error 'oh no'", "the summary hook failed: script.lua:4: oh no"),
        ("return 7", "summary must return { [\"path\"] = text }, not 7"),
        ("return { 'text' }", "but it has the key 1"),
        ("return { x = {} }", "but the value at \"x\" is a table"),
        ("return { ['no/such/folder.txt'] = '' }", "no/such/folder.txt: No such file or directory"),
        ("return s.vredict.result", "attempt to index a nil value (field 'vredict')"),
    ] {
        let folder = with(hook);
        folder.run(&[]).exits(7).reports("PASS").says(told);
        assert_eq!(fs::read_dir(folder.path(".")).expect("the folder").count(), 1, "{hook}");
    }
}

#[test]
fn one_file_that_cannot_be_written_keeps_none_of_the_others() {
    let folder = with("return { ['a.txt'] = 'a', ['no/b.txt'] = 'b', ['z.txt'] = 'z' }");
    folder.run(&[]).exits(7).says("no/b.txt");
    assert_eq!(fs::read_to_string(folder.path("a.txt")).expect("it is there"), "a");
    assert_eq!(fs::read_to_string(folder.path("z.txt")).expect("it is there"), "z");
}

#[test]
fn a_hook_that_is_no_function_is_refused() {
    let script = "return { scenarios = { s = { run = function() end } }, summary = 'x' }";
    Folder::new(script).run(&[]).exits(2).says("summary must be a function");
}
