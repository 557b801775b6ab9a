//! What the flags of `run` do to a run.

use std::fs;

use serde_json::{Value as Json, json};

use crate::common::server::{answer, answering, target};
use crate::common::{Folder, Ran};

const TWO: &str = "local lt = require 'loadtool'\n\
    local function wait() lt.sleep(0.01) end\n\
    return { scenarios = {\n\
    a = { run = wait, load = { vus = 1, iterations = 2 } },\n\
    b = { run = wait, load = { vus = 1, iterations = 3 } } } }";

fn scenario(summary: &Json, name: &str) -> Json {
    let scenarios = summary["scenarios"].as_array().expect("a list");
    let found = scenarios.iter().find(|scenario| scenario["name"] == name);
    found.expect("it is there").clone()
}

/// Kind, most users, iterations completed.
fn load(scenario: &Json) -> (String, u64, u64) {
    let kind = scenario["kind"].as_str().expect("a kind").to_owned();
    let number = |value: &Json| value.as_u64().expect("a number");
    (kind, number(&scenario["vus_max"]), number(&scenario["iterations"]["completed"]))
}

#[test]
fn vus_duration_iterations_and_stages_replace_the_load_of_the_only_scenario() {
    let folder = Folder::of("lt.sleep(0.01)");
    let run = |flags: &[&str]| {
        let (ran, summary) = folder.summary(flags);
        ran.exits(0);
        let (kind, vus, completed) = load(&scenario(&summary, "default"));
        let seconds = summary["run"]["duration_s"].as_f64().expect("a number");
        assert!(seconds < 5.0, "{flags:?} took {seconds} s");
        (kind, vus, completed)
    };
    assert_eq!(run(&["--iterations", "10"]), ("shared_iterations".into(), 1, 10));
    assert_eq!(run(&["--iterations", "10", "--vus", "3"]), ("shared_iterations".into(), 3, 10));
    let (kind, vus, completed) = run(&["--vus", "3", "--duration", "200ms"]);
    assert_eq!((kind.as_str(), vus), ("constant_vus", 3));
    assert!(completed >= 3, "{completed}");
    let (kind, vus, _) = run(&["--stage", "200ms:4", "--stage", "100ms:0"]);
    assert_eq!((kind.as_str(), vus), ("ramping_vus", 4));
    let (kind, _, completed) = run(&["--iterations", "1M", "--duration", "200ms"]);
    assert_eq!(kind, "shared_iterations");
    assert!((1..1000).contains(&completed), "{completed}");
}

#[test]
fn a_threshold_of_the_command_line_adds_to_the_scripts_or_takes_its_place() {
    let strict =
        "thresholds = { iterations = 'count > 99', checks = { { 'rate > 1%', optional = true } } }";
    let script = TWO.replace("return { ", &format!("return {{ {strict}, "));
    let folder = Folder::new(&script);
    let judged = |arguments: &[&str]| {
        let (ran, summary) = folder.summary(arguments);
        let thresholds = summary["thresholds"].as_array().expect("a list").clone();
        let told = thresholds.iter().map(|one| one["expression"].as_str().expect("one").to_owned());
        (ran.status.code(), told.collect::<Vec<_>>())
    };
    assert_eq!(judged(&[]), (Some(3), vec!["rate > 1%".into(), "count > 99".into()]));
    let lax = ["--threshold", "iterations: count >= 5"];
    assert_eq!(judged(&lax), (Some(0), vec!["rate > 1%".into(), "count >= 5".into()]));
    let of_one = [lax[0], lax[1], "--threshold", "iterations{scenario:a}: count == 3"];
    assert_eq!(judged(&of_one).0, Some(3));

    let wrong =
        ["--threshold", "iterations{scenario=aa}: count > 1", "--threshold", "vus: p95 < 1"];
    let ran = folder.run(&wrong).exits(2);
    for told in [
        "--threshold: threshold `iterations{scenario=aa}`: there is no scenario `aa`",
        "there are: a, b",
        "`vus` is a gauge, which has no such statistic",
    ] {
        assert!(ran.err.contains(told), "{told} is not in {}", ran.err);
    }
}

#[test]
fn what_happened_in_the_last_second_of_a_load_is_of_that_second() {
    let (_, summary) =
        Folder::of("").summary(&["--rate", "10", "--duration", "2s", "--threads", "1"]);
    let timeline = summary["timeline"].as_array().expect("a list").iter();
    let ended = timeline.map(|second| second["iterations"].as_u64().expect("a number"));
    let ended: Vec<u64> = ended.collect();
    // What is due on the stroke of a second may be of either.
    assert_eq!((ended[0].abs_diff(10) <= 1, ended[..2].iter().sum()), (true, 20), "{ended:?}");
}

#[test]
fn users_that_all_leave_at_the_end_of_a_second_were_there() {
    let arguments = ["--vus", "60", "--duration", "1s"];
    let (ran, summary) = Folder::of("lt.sleep(0.05)").summary(&arguments);
    assert_eq!(load(&scenario(&summary, "default")).1, 60);
    assert!(ran.out.contains(", 60 users, seed"), "{}", ran.out);
}

#[test]
fn with_several_scenarios_a_load_needs_the_name_of_one_and_leaves_the_others() {
    let folder = Folder::new(TWO);
    let ran = folder.run(&["--vus", "3"]).exits(2).says("--scenario");
    assert_eq!(ran.out, "");
    let (_, summary) = folder.summary(&["--scenario", "b", "--vus", "3", "--iterations", "6"]);
    assert_eq!(load(&scenario(&summary, "a")), ("shared_iterations".into(), 1, 2));
    assert_eq!(load(&scenario(&summary, "b")), ("shared_iterations".into(), 3, 6));
    folder.run(&["--scenario", "c", "--vus", "3"]).exits(2).says("there is no scenario `c`");
}

#[test]
fn env_is_what_is_given_or_what_the_process_has_and_getenv_reads_it_too() {
    let folder =
        Folder::of("lt.log.info(lt.env.A .. '|' .. os.getenv 'B' .. '|' .. tostring(lt.env.C))");
    let arguments = ["run", "script.lua", "--env", "A=1=2", "--env", "B"];
    let mut tool = folder.tool();
    tool.args(arguments).env("B", "from outside").env("C", "not asked for");
    let output = tool.output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1=2|from outside|nil"), "{said}");
}

#[test]
fn lib_is_where_modules_are_sought_after_the_scripts_folder() {
    let folder = Folder::of("lt.log.info(require 'near' .. require 'far.away')")
        .file("near.lua", "return 'near '")
        .file("libs/near.lua", "return 'wrong '")
        .file("libs/far/away.lua", "return 'far away'");
    folder.run(&["--lib", "libs"]).exits(0).says("near far away");
    let ran = folder.run(&[]).exits(3);
    assert!(ran.out.contains("module 'far.away' not found"), "{}", ran.out);
}

#[test]
fn the_same_seed_gives_each_user_the_same_choices() {
    let folder = Folder::new(
        "local lt = require 'loadtool'\nlocal pool = lt.data.csv('d.csv', { pick = 'random' })\n\
         local function draw()\n\
           lt.log.info(lt.vu.id .. ':' .. lt.random.uuid() .. math.random(1000) .. pool:next().a)\n\
         end\n\
         return { scenarios = { a = { load = { vus = 4, iterations_per_vu = 3 },\n\
           mix = { { weight = 1, name = 'x', run = draw }, { weight = 1, name = 'y', run = draw } } } } }",
    )
    .file("d.csv", "a\n1\n2\n3\n4\n5\n6\n7\n");
    let drawn = |seed: &str, threads: &str| {
        let ran = folder.run(&["--seed", seed, "--threads", threads]).exits(0);
        assert!(ran.out.contains(&format!("seed {seed}")), "{}", ran.out);
        let mut lines: Vec<_> = ran.err.lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines.len(), 12);
        lines
    };
    assert_eq!(drawn("7", "1"), drawn("7", "1"));
    assert_eq!(drawn("7", "1"), drawn("7", "2"), "however many threads there are");
    assert_ne!(drawn("7", "1"), drawn("8", "1"));
}

#[test]
fn a_tag_is_on_every_sample() {
    let (_, summary) = Folder::of("lt.sleep(0.001)").summary(&["--tag", "team=ops"]);
    for series in summary["metrics"]["iteration_duration"]["series"].as_array().expect("a list") {
        assert_eq!(series["tags"]["team"], json!("ops"));
    }
}

#[test]
fn the_base_url_of_the_command_line_wins_over_the_scripts() {
    let url = answering(|request| match target(request) {
        "/shop/a?b=c+d" => answer("200 OK", ""),
        _ => answer("404 Not Found", ""),
    });
    let folder = Folder::new(
        "local lt = require 'loadtool'\nlocal function go()\n\
         lt.expect(lt.http.get('/a', { query = { b = 'c d' } }), { status = 200 })\nend\n\
         return { base_url = 'http://127.0.0.1:1', scenarios = { a = { run = go } } }",
    );
    let (ran, summary) = folder.summary(&["--base-url", &format!("{url}/shop")]);
    ran.exits(0);
    assert_eq!(summary["requests"][0]["name"], "/a");
}

/// Every secret that is sent or received has this in it.
const CANARY: &str = "CANARY";

#[test]
fn no_secret_is_in_anything_that_is_written() {
    let url = answering(|request| {
        assert!(request.matches(CANARY).count() >= 5, "the script sends them: {request}");
        let head = "500 Internal Server Error\ncontent-type: application/json\n\
                    set-cookie: session=CANARY; Path=/\nx-pin: CANARY";
        answer(head, r#"{"access_token":"CANARY","pin":"CANARY","a":{"password":"CANARY"}}"#)
    });
    let folder = Folder::of(
        "local function options(body)
           return { auth = { bearer = 'CANARY' }, query = { api_token = 'CANARY', pin = 'CANARY' },
             headers = { ['x-api-key'] = 'CANARY', cookie = 'a=CANARY', ['x-pin'] = 'CANARY' },
             json = body == 1 and { password = 'CANARY', pin = 'CANARY', more = { { id_token = 'CANARY' } } } or nil,
             form = body == 2 and { client_secret = 'CANARY', pin = 'CANARY' } or nil }
         end
         for body = 1, 3 do lt.http.post('/login', options(body)) end
         pcall(lt.expect, lt.http.post('/again', options(1)), { status = 200 })
         lt.check(lt.http.get('/more', options(3)), { json = { ['$.access_token'] = 1 }, body_contains = 'x' })
         lt.expect(lt.http.post('/last', options(2)), { status = 200, header = { ['x-pin'] = '1' },
           cookie = { session = 'x' }, json = { ['$.pin'] = 5 } })",
    );
    let arguments = ["--redact", "x-pin", "--redact", "PIN", "-vv", "--base-url", &url];
    let (ran, summary): (Ran, Json) = folder.summary(&arguments);
    let ran = ran.exits(3);
    let written = fs::read_to_string(folder.path("summary.json")).expect("it was written");
    for text in [&ran.out, &ran.err, &written] {
        let lines: Vec<_> = text.lines().filter(|line| line.contains(CANARY)).collect();
        assert!(lines.is_empty(), "{lines:#?}");
    }
    let exemplar = summary["errors"][0]["exemplar"].as_str().expect("a text");
    assert!(exemplar.contains("authorization: ***"), "{exemplar}");
}

#[test]
fn a_profile_is_explained_before_it_runs_and_by_check() {
    let folder = Folder::of("lt.sleep(0.01)");
    let profile = ["--profile", "sustained", "--vus", "4", "--duration", "300ms"];
    let (ran, summary) = folder.summary(&[&profile[..], &["--explain", "--quiet"]].concat());
    let ran = ran.exits(0);
    assert_eq!(load(&scenario(&summary, "default")).0, "ramping_vus");
    let stages = scenario(&summary, "default")["stages"].clone();
    let names: Vec<_> =
        stages.as_array().expect("a list").iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["up", "hold", "down"]);
    assert!(ran.err.contains("to 4 in 30ms (up)") && ran.err.contains("4 users │"), "{}", ran.err);
    let check = |flags: &[&str]| {
        let command = folder.tool().arg("check").arg("script.lua").args(flags).output();
        command.expect("it runs")
    };
    let told = String::from_utf8(check(&profile).stdout).expect("text");
    assert!(told.contains("4 users │"), "{told}");
    let peakless = check(&["--profile", "spike"]);
    assert_eq!(peakless.status.code(), Some(2));
    let told = String::from_utf8(check(&["--profile", "spkie"]).stderr).expect("text");
    assert!(told.contains("did you mean `spike`?"), "{told}");
}
