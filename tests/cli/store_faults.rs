//! What becomes of a run whose store is damaged, locked, full, not ours to write or somebody else's,
//! and of runs that do not go together. The load never feels it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use crate::common::{Folder, Ran, Running};
use crate::store::{SCRIPT, json, kept, run, target, tool};

#[test]
fn a_store_that_cannot_be_used_ends_no_run_that_did_not_insist_on_it() {
    let newer = |path: &Path| {
        let store = Connection::open(path).expect("it can be made");
        store
            .execute_batch("PRAGMA application_id = 0x4c545253; PRAGMA user_version = 99;")
            .expect("a store");
    };
    let other = |path: &Path| {
        let store = Connection::open(path).expect("it can be made");
        store.execute_batch("CREATE TABLE mine (a)").expect("a table");
    };
    let text =
        |path: &Path| fs::write(path, "no database ".repeat(400)).expect("it can be written");
    let folder_there = |path: &Path| fs::create_dir(path).expect("it can be made");
    let below_a_file = |path: &Path| drop(fs::write(path, ""));
    type Make<'m> = &'m dyn Fn(&Path);
    let cases: [(&str, Make, &str); 5] = [
        ("runs.db", &newer, "was written by a newer loadtool: it has schema 99"),
        ("runs.db", &other, "another program's database"),
        ("runs.db", &text, "is no store of runs"),
        ("runs.db", &folder_there, "cannot open the store"),
        ("runs.db", &below_a_file, ""),
    ];
    for (name, make, told) in cases {
        let folder = Folder::new(SCRIPT);
        make(&folder.path(name));
        if told.is_empty() {
            // An empty file is a store to be: nothing is wrong with it.
            run(&folder, &[]).says("kept as");
            continue;
        }
        let ran = run(&folder, &[]).says("this run is not kept: ").says(told);
        assert!(ran.out.contains("script.lua: "), "it ran all the same: {}", ran.out);
        let refused = run(&folder, &["--store", name]).exits(2).says(told);
        assert_eq!(refused.out, "", "nothing was started");
        for command in [
            &["runs"][..],
            &["show"],
            &["query", "last", "http_calls"],
            &["runs", "import", name, "--store", "new.db"],
        ] {
            tool(&folder, command).exits(2).says(told).says(name);
        }
        assert!(!folder.path("new.db").exists(), "nothing was taken over");
    }
}

#[test]
fn a_store_that_is_not_there_and_an_empty_one_are_told() {
    let folder = Folder::new(SCRIPT);
    tool(&folder, &["runs"])
        .exits(2)
        .says("there is no store runs.db")
        .says("`loadtool run` makes it");
    let mut none = folder.tool();
    none.env("LOADTOOL_STORE", "none").arg("runs");
    Running::start(&mut none).end().exits(2).says("runs are kept nowhere");
    tool(&folder, &["runs", "import", "script.lua"])
        .exits(2)
        .says("script.lua is no store of runs");
    tool(&folder, &["runs"]).exits(2).says("there is no store runs.db");
    run(&folder, &[]);
    tool(&folder, &["runs", "prune", "--keep", "0"]).exits(0);
    tool(&folder, &["runs"]).exits(0).reports("no run is like that");
    tool(&folder, &["show"]).exits(2).says("there is no run in the store runs.db");
    run(&folder, &["--store", "a/b/c.db"]).says("kept as");
    assert!(folder.path("a/b/c.db").exists());
}

#[test]
fn what_is_damaged_is_told_and_the_rest_is_still_read() {
    let (folder, _) = kept();
    let store = Connection::open(folder.path("runs.db")).expect("it is there");
    store
        .execute_batch("UPDATE blocks SET data = x'00ff'; UPDATE runs SET summary = x'00'")
        .expect("it can be");
    drop(store);
    tool(&folder, &["runs"]).exits(0);
    tool(&folder, &["show"]).exits(2).says("runs.db is damaged: the summary of ");
    let query = ["query", "last", "http_calls"];
    tool(&folder, &query).exits(2).says("is damaged: numbers that are none").says(".recover");
    let whole = fs::read(folder.path("runs.db")).expect("it is there");
    fs::write(folder.path("runs.db"), &whole[..whole.len() / 3]).expect("it can be cut");
    tool(&folder, &query).exits(2).says("is damaged");
    tool(&folder, &["runs", "export", "last", "new.db"]).exits(2).says("runs.db is damaged");
    let import = ["runs", "import", "runs.db", "--store", "new.db"];
    tool(&folder, &import).exits(2).says("runs.db is damaged");
    assert!(!folder.path("new.db").exists(), "it would have nothing in it");
}

#[test]
fn a_lock_is_waited_for_and_the_load_does_not_feel_it() {
    let (folder, _) = kept();
    let other = Connection::open(folder.path("runs.db")).expect("it is there");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let url = target();
    let arguments = ["run", "script.lua", "--base-url", &url, "--summary-json", "locked.json"];
    let running = Running::start(folder.tool().env("LOADTOOL_STORE", "runs.db").args(arguments));
    let began = Instant::now();
    while !folder.path("locked.json").exists() && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
    }
    other.execute_batch("COMMIT").expect("it is ours");
    let ran = running.end().says("kept as");
    assert!(ran.out.contains("script.lua: "), "{}", ran.out);
    let listed = json(&tool(&folder, &["runs", "--json"]));
    assert_eq!(listed[0]["state"], "done");
    assert_eq!(listed[0]["calls"], 120);
}

#[test]
fn a_full_disk_loses_seconds_and_says_so_and_the_run_goes_on() {
    let folder = Folder::new(SCRIPT);
    let tool = env!("CARGO_BIN_EXE_loadtool");
    let url = target();
    // The tables are made before the limit; then no byte more fits.
    run(&folder, &[]);
    let line = format!(
        "trap '' XFSZ; ulimit -f 40; exec '{tool}' run script.lua --base-url {url} --store runs.db"
    );
    let mut shell = Command::new("bash"); // whose units are KiB: enough for SQLite's index of its log
    shell.args(["-c", &line]).current_dir(folder.path("."));
    let ran = Running::start(&mut shell).end();
    assert!(ran.out.contains("script.lua: "), "it ran: {ran:?}");
    ran.says("--store runs.db: the store runs.db");
    let listed = json(&self::tool(&folder, &["runs", "--json"]).exits(0));
    let runs = listed.as_array().expect("a list");
    let first = runs.last().expect("it was kept before");
    assert_eq!((&first["state"], &first["calls"]), (&"done".into(), &120.into()));
}

/// The tool as one who may write only what its modes allow, which root is not.
fn humbly(folder: &Folder, arguments: &[&str]) -> Ran {
    let locked = folder.path("locked");
    fs::create_dir_all(&locked).expect("it can be made");
    fs::set_permissions(&locked, Permissions::from_mode(0o555)).expect("it is ours");
    let mighty = fs::write(locked.join("file"), "").is_ok();
    let tool = env!("CARGO_BIN_EXE_loadtool");
    let mut command = Command::new(if mighty { "setpriv" } else { tool });
    if mighty {
        command.args(["--bounding-set", "-dac_override,-dac_read_search", "--", tool]);
    }
    command.current_dir(folder.path(".")).env("LOADTOOL_STORE", "kept/runs.db").args(arguments);
    Running::start(&mut command).end()
}

#[test]
fn a_store_that_may_not_be_written_is_read_and_no_run_is_kept_in_it() {
    let folder = Folder::new(SCRIPT);
    run(&folder, &["--store", "kept/runs.db"]).says("kept as");
    let url = target();
    let load = ["run", "script.lua", "--base-url", &url];
    let modes = |folder_mode: u32, file_mode: u32| {
        let set = |path: &str, mode| {
            fs::set_permissions(folder.path(path), Permissions::from_mode(mode))
                .expect("it is ours");
        };
        set("kept/runs.db", file_mode);
        set("kept", folder_mode);
    };
    for (folder_mode, file_mode) in [(0o555, 0o644), (0o555, 0o444), (0o755, 0o444)] {
        modes(folder_mode, file_mode);
        let told = "the store kept/runs.db cannot be written: ";
        let ran = humbly(&folder, &load).says("this run is not kept: ").says(told);
        assert!(ran.out.contains("script.lua: "), "it ran all the same: {}", ran.out);
        let refused = humbly(&folder, &[&load[..], &["--store", "kept/runs.db"]].concat());
        assert_eq!(refused.exits(2).says(told).out, "", "nothing was started");
        humbly(&folder, &["runs", "prune", "--keep", "0"]).exits(2).says(told);
        for command in [
            &["runs"][..],
            &["show"],
            &["query", "last", "http_calls"],
            &["compare", "last", "last"],
        ] {
            humbly(&folder, command).exits(0).says_nothing();
        }
        for carry in [
            &["runs", "export", "last", "carried.db"][..],
            &["runs", "import", "kept/runs.db", "--store", "carried.db"],
        ] {
            humbly(&folder, carry).exits(0).says_nothing();
            let carried = json(&tool(&folder, &["runs", "--json", "--store", "carried.db"]));
            assert_eq!(carried[0]["calls"], 120, "{carry:?}");
            let query = ["query", "last", "orders", "--store", "carried.db", "--format", "json"];
            assert_eq!(json(&tool(&folder, &query))["rows"][0]["stats"]["count"], 120);
            let taken = ["runs", "import", "carried.db"];
            humbly(&folder, &taken).exits(2).says(told);
            fs::remove_file(folder.path("carried.db")).expect("it was written");
        }
    }
    modes(0o755, 0o000);
    humbly(&folder, &["runs"]).exits(2).says("kept/runs.db");
    modes(0o755, 0o644);
    run(&folder, &["--store", "kept/runs.db"]).says("kept as");
}

#[test]
fn runs_that_do_not_match_are_compared_with_a_remark() {
    let more = SCRIPT.replace("vus = 2", "vus = 3");
    let folder = Folder::new(SCRIPT).file("more.lua", &more).file("other.lua", SCRIPT);
    let url = target();
    let keep = |script: &str| {
        tool(&folder, &["run", script, "--base-url", &url, "--quiet"]);
    };
    keep("script.lua");
    keep("script.lua");
    let alike = tool(&folder, &["compare", "last~1", "last"]);
    assert!(!alike.out.contains("remark"), "{}", alike.out);
    keep("other.lua");
    let text = tool(&folder, &["compare", "last~1", "last"]);
    let told = "the runs are of the scripts script.lua and other.lua: ";
    assert!(text.out.contains(&format!("remark: {told}")), "{}", text.out);
    fs::write(folder.path("other.lua"), more).expect("it can be written");
    keep("other.lua");
    let told = json(&tool(&folder, &["compare", "last~1", "last", "--format", "json"]));
    let remarks = told["remarks"].as_array().expect("a list");
    assert_eq!(remarks[0], "other.lua was changed between the runs");
    let loads = remarks[1].as_str().expect("a text");
    assert!(loads.starts_with("the loads differ: `shop  2 users") && loads.contains("3 users"));
}

#[test]
fn a_run_in_which_nothing_happened_is_told_for_what_it_is() {
    let folder = Folder::new(
        "return { scenarios = { shop = { run = function() end,\n\
                              load = { vus = 1, iterations = 1 } } } }",
    );
    run(&folder, &[]);
    let url = target();
    let folder = folder.file("shop.lua", SCRIPT);
    tool(&folder, &["run", "shop.lua", "--base-url", &url]);
    tool(&folder, &["show", "last~1"]).exits(0);
    tool(&folder, &["report", "last~1", "-o", "page.html"]).exits(0);
    tool(&folder, &["query", "last~1", "http_calls"]).exits(2).says("http_calls");
    let compared = tool(&folder, &["compare", "last~1", "last"]).exits(0);
    assert!(compared.out.contains("Nothing can be told: "), "{}", compared.out);
    let asked = ["--baseline", "last~1", "--threshold", "http_call_duration: p95 < 2 * baseline"];
    tool(&folder, &[&["run", "shop.lua", "--base-url", &url][..], &asked].concat())
        .exits(2)
        .says("the baseline last~1 has no sample of `http_call_duration`");
    let trend = tool(&folder, &["trend", "http_calls", "--stat", "count"]).exits(0);
    assert!(trend.out.contains("No change of level in 1 run"), "{}", trend.out);
}
