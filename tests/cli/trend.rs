//! `loadtool trend` over kept runs, with what names them.

use std::process::Command;

use rusqlite::Connection;

use crate::common::Folder;
use crate::store::{SCRIPT, json, kept, run, target, tool};

#[test]
fn a_trend_names_the_run_from_which_on_a_series_is_another() {
    let script = |count: u32| SCRIPT.replace("orders:add(2", &format!("orders:add({count}"));
    let mut folder = Folder::new("");
    for (build, count) in [2, 2, 2, 2, 5, 5, 5, 5].into_iter().enumerate() {
        folder = folder.file("script.lua", script(count));
        run(&folder, &["--label", &format!("build={build}"), "--quiet"]);
    }
    let asked = ["trend", "orders", "--stat", "count", "--by", "build"];
    let told = json(&tool(&folder, &[&asked[..], &["--json"]].concat()).exits(0));
    assert_eq!(told["points"].as_array().map(Vec::len), Some(8));
    let changes = told["changes"].as_array().expect("a list");
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((&changes[0]["by"], &changes[0]["change"]), (&"4".into(), &1.5.into()));
    let text = tool(&folder, &asked).exits(0);
    assert!(
        text.out.contains("+150.00 % with run ")
            && text.out.contains(" (4): 120 before, 300 since"),
        "{}",
        text.out
    );
    let few = tool(&folder, &[&asked[..], &["--limit", "3"]].concat()).exits(0);
    assert!(few.out.contains("No change of level in 3 runs"), "{}", few.out);
    for (arguments, told) in [
        (&["nonsense"][..], "there is no metric `nonsense`"),
        (&["poll_duration"], "no run has a sample of poll_duration"),
        (&["http_calls", "--stat", "p95"], "is a counter"),
        (&["http_calls", "--script", "else.lua"], "no run is like that"),
    ] {
        tool(&folder, &[&["trend"], arguments].concat()).exits(2).says(told);
    }
}

fn git(folder: &Folder, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    // Neither the user's own settings nor a hook of theirs.
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git.current_dir(folder.path(".")).args(["-c", "user.name=a", "-c", "user.email=a@b"]);
    let done = git.args(arguments).output().expect("there is git");
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).expect("git writes UTF-8").trim().to_owned()
}

/// The commit that is made of what is there.
fn commit(folder: &Folder) -> String {
    git(folder, &["add", "script.lua"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", "it"]);
    git(folder, &["rev-parse", "HEAD"])
}

#[test]
fn runs_and_trend_name_the_commit_of_the_scripts_folder() {
    let script = |count: u32| SCRIPT.replace("orders:add(2", &format!("orders:add({count}"));
    let mut folder = Folder::new("");
    git(&folder, &["init", "--quiet", "--initial-branch=trunk"]);
    let mut commits = Vec::new();
    for count in [2, 2, 2, 5, 5, 5] {
        folder = folder.file("script.lua", script(count));
        commits.push(commit(&folder));
        run(&folder, &["--quiet"]);
    }
    let listed = json(&tool(&folder, &["runs", "--json"]).exits(0));
    let named = (&listed[0]["commit"], &listed[0]["branch"]);
    assert_eq!(named, (&commits[5].as_str().into(), &"trunk".into()));
    let table = tool(&folder, &["runs"]).exits(0);
    assert!(commits.iter().all(|commit| table.out.contains(&commit[..9])), "{}", table.out);

    let asked = ["trend", "orders", "--stat", "count", "--by", "commit"];
    let told = json(&tool(&folder, &[&asked[..], &["--json"]].concat()).exits(0));
    let points = told["points"].as_array().expect("a list").iter();
    let named: Vec<&str> = points.filter_map(|point| point["by"].as_str()).collect();
    assert_eq!(named, commits.iter().map(|commit| &commit[..9]).collect::<Vec<_>>());
    assert_eq!(told["changes"][0]["by"], commits[3][..9]);
    let text = tool(&folder, &asked).exits(0);
    assert!(text.out.contains(&format!("({}): 120 before", &commits[3][..9])), "{}", text.out);
    assert!(!text.out.contains("remark: the"), "{}", text.out);
}

#[test]
fn a_trend_of_several_scripts_or_loads_says_so_and_takes_no_search() {
    let (folder, _) = kept();
    let folder = folder.file("other.lua", SCRIPT);
    let url = target();
    tool(&folder, &["run", "other.lua", "--base-url", &url, "--iterations", "30"]);
    run(&folder, &[]);
    let store = Connection::open(folder.path("runs.db")).expect("it is there");
    // A search takes a minute; in the store it differs from a run by this word.
    let last = "UPDATE runs SET kind = 'limit' WHERE n = (SELECT max(n) FROM runs)";
    assert_eq!(store.execute(last, []), Ok(1));
    let told = json(&tool(&folder, &["trend", "http_calls", "--json"]).exits(0));
    assert_eq!(told["points"].as_array().map(Vec::len), Some(2));
    let remarks = told["remarks"].to_string();
    for told in [
        "of the scripts script.lua and other.lua",
        "--script NAME takes one of them",
        "the loads differ: `shop  2 users, 60 ",
        "left out: 1 run of `loadtool limit`",
    ] {
        assert!(remarks.contains(told), "want {told:?} in {remarks}");
    }
    let one = json(&tool(&folder, &["trend", "http_calls", "--json", "--script", "other.lua"]));
    assert!(!one["remarks"].to_string().contains("differ"), "{one}");
}
