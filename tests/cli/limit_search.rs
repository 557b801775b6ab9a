//! `loadtool limit` against targets whose limit is known, and such as misbehave.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use crate::common::server::{answer, answering, target};
use crate::common::{Folder, Ran, Running};

pub const BRISK: [&str; 8] =
    ["--warmup", "1s", "--hold", "3s", "--cooldown", "1s", "--threads", "1"];

/// A search of `script.lua` under way, by holds of a few seconds.
pub fn start(folder: &Folder, url: &str, arguments: &[&str]) -> Running {
    let mut command = folder.tool();
    command.args(["limit", "script.lua", "--base-url", url]).args(BRISK).args(arguments);
    Running::start(command.args(["--summary-json", "limit.json"]))
}

pub fn search(folder: &Folder, url: &str, arguments: &[&str]) -> (Ran, Json) {
    let ran = start(folder, url, arguments).end();
    let text = std::fs::read(folder.path("limit.json"))
        .unwrap_or_else(|error| panic!("no summary ({error}):\n{ran:?}"));
    let summary: Json = serde_json::from_slice(&text).expect("it is JSON");
    let schema = include_str!("../../docs/summary.schema.json");
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("it is a schema");
    let faults: Vec<_> = validator.iter_errors(&summary).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    (ran, summary["limit"].clone())
}

/// The holds, but for those that a busy machine left undecided: they were tried again.
pub fn holds(limit: &Json) -> Vec<&Json> {
    let steps = limit["steps"].as_array().expect("a list");
    let ours = |step: &Json| step["reasons"].to_string().starts_with("[\"this tool was ");
    steps.iter().filter(|step| !ours(step)).collect()
}

pub fn verdicts(limit: &Json) -> Vec<&str> {
    holds(limit).iter().map(|step| step["verdict"].as_str().expect("a word")).collect()
}

pub const GET: &str = "lt.http.get '/'";
pub const SLO: [&str; 4] =
    ["--slo", "http_call_duration: p95 < 900ms", "--slo", "http_call_failed: rate < 1%"];

/// Takes its time, of which a tenth is how late this tool may be on a busy machine.
pub fn slowly(body: &str) -> Vec<u8> {
    sleep(Duration::from_millis(400));
    answer("200 OK", body)
}

#[test]
fn a_queue_of_known_capacity_holds_below_it_and_trips_above() {
    let counter = Arc::new(Mutex::new(()));
    // One after the other, 20 ms each: 50 a second.
    let url = answering(move |_| {
        let turn = counter.lock().expect("nobody panics with it");
        sleep(Duration::from_millis(20));
        drop(turn);
        slowly("done")
    });
    let steps = ["--steps", "30,90", "--max-vus", "100", "--csv", "steps.csv"];
    let folder = Folder::of(GET);
    let (ran, limit) = search(&folder, &url, &[&steps[..], &SLO].concat());
    let ran = ran.exits(0);
    assert!(ran.out.contains("ANSWER: 30 iterations/s hold (30 … 90)"), "{}", ran.out);
    assert!(ran.out.contains("Next limit: "), "{}", ran.out);
    assert_eq!(verdicts(&limit), ["pass", "trip"]);
    assert_eq!((limit["lower"].as_f64(), limit["upper"].as_f64()), (Some(30.0), Some(90.0)));
    let csv = std::fs::read_to_string(folder.path("steps.csv")).expect("it was asked for");
    assert_eq!(csv.lines().count(), 1 + limit["steps"].as_array().map_or(0, Vec::len), "{csv}");
}

#[test]
fn a_target_that_dies_in_a_hold_trips_it() {
    let asked = Arc::new(AtomicU64::new(0));
    let url = answering(move |_| match asked.fetch_add(1, SeqCst) {
        0..90 => answer("200 OK", "well"),
        _ => answer("503 Service Unavailable", "gone"),
    });
    let (ran, limit) = search(&Folder::of(GET), &url, &[&["--steps", "30"], &SLO[..]].concat());
    ran.exits(3);
    assert_eq!(verdicts(&limit), ["trip"]);
    assert!(
        limit["next_limit"].as_str().expect("it broke").contains("http_call_failed"),
        "{limit}"
    );
}

/// A target that serves, beside `/`, what `page` makes of the number of looks at `/metrics`.
fn observed(page: impl Fn(u64) -> String + Clone + Send + 'static) -> String {
    let looks = Arc::new(AtomicU64::new(0));
    answering(move |request| match target(request) {
        "/metrics" => answer("200 OK", page(looks.fetch_add(1, SeqCst))),
        _ => slowly("well"),
    })
}

/// Its page at each look, the exit code, the verdict, and what is said.
type Case = (fn(u64) -> String, i32, &'static str, &'static str);

#[test]
fn what_the_target_says_of_itself_is_judged() {
    // The first look is whether there is something to see; then before and after the hold.
    let cases: [Case; 4] = [
        (|look| format!("jobs{{q=\"a\"}} {}\n", look * 9), 0, "pass", "jobs growth <= 10"),
        (|look| format!("jobs {}\n", look * 11), 3, "trip", "jobs growth <= 10: 11"),
        (|look| format!("jobs {}\n", 50 - look), 4, "inconclusive", "jobs began anew"),
        (|_| "other 1\n".to_owned(), 0, "pass", "the signal `jobs` was not there"),
    ];
    let searched = |(page, code, verdict, reason): Case| {
        let url = observed(page);
        let change = if code == 4 { "jobs increase <= 10" } else { "jobs growth <= 10" };
        let metrics = format!("{url}/metrics");
        let arguments = ["--steps", "30", "--prometheus", &metrics, "--signal", change];
        let (ran, limit) = search(&Folder::of(GET), &url, &[&arguments[..], &SLO].concat());
        let ran = ran.exits(code);
        assert_eq!(verdicts(&limit)[0], verdict, "{limit}");
        let step = holds(&limit)[0];
        let told = format!("{} {} {}", step["reasons"], step["signals"], ran.out);
        assert!(told.contains(reason), "want {reason:?} in {told}");
    };
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || searched(case));
        }
    });
}

#[test]
fn a_number_in_a_document_is_a_signal_too() {
    let looks = Arc::new(AtomicU64::new(0));
    let url = answering(move |request| match target(request) {
        "/stats" => {
            let pending = looks.fetch_add(1, SeqCst) * 1000;
            answer("200 OK", format!("{{\"queues\":[{{\"pending\":{pending}}}]}}"))
        }
        _ => slowly("well"),
    });
    let probe = format!("{url}/stats=$.queues[0].pending");
    let signal = "$.queues[0].pending growth < 1k";
    let arguments = ["--steps", "30", "--json-probe", &probe, "--signal", signal];
    let (ran, limit) = search(&Folder::of(GET), &url, &[&arguments[..], &SLO].concat());
    ran.exits(3);
    assert_eq!(limit["next_limit"], "$.queues[0].pending growth < 1k: 1,000");
}

#[test]
fn nothing_starts_where_the_target_cannot_be_watched_or_one_user_fails() {
    let folder = Folder::of(GET);
    let url = answering(|_| answer("200 OK", "<html>"));
    let watched = |arguments: &[&str], told: &str| {
        let ran = start(&folder, &url, arguments).end().exits(2);
        assert!(ran.err.contains(told), "want {told:?} in {}", ran.err);
        assert!(!folder.path("limit.json").exists());
    };
    let page = format!("{url}/metrics");
    let (exporter, signal) = (["--prometheus", &page], ["--signal", "jobs growth <= 1"]);
    watched(&[exporter, signal].concat(), "line 1 is no sample: <html>");
    watched(&exporter, "both are needed");
    watched(&signal, "both are needed");
    watched(&["--prometheus", "metrics"], "is no URL");
    watched(&["--json-probe", "http://127.0.0.1/x"], "expected URL=$.path");
    watched(&["--signal", "jobs <= 1"], "expected SELECTOR growth");

    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    let url = answering(move |_| {
        counted.fetch_add(1, SeqCst);
        answer("200 OK", "{}")
    });
    let folder = Folder::of("local r = lt.http.get '/'\nlt.expect(r, { json = { ['$.id'] = 1 } })");
    let ran = start(&folder, &url, &["--steps", "30"]).end().exits(6);
    assert!(ran.out.contains("the rehearsal with one user failed"), "{}", ran.out);
    assert!(ran.out.contains("loadtool once script.lua"), "{}", ran.out);
    assert_eq!(asked.load(SeqCst), 1, "one user walked once, and nothing was started");
}

#[test]
fn a_starved_generator_never_says_trip() {
    let folder = Folder::of(GET);
    let url = answering(|_| answer("200 OK", "well"));
    let running =
        start(&folder, &url, &[&["--steps", "40", "--max-time", "9s"], &SLO[..]].concat());
    running.wait_for_stderr("step 1");
    // A tenth of a core at most, until the search has ended by itself.
    for _ in 0..80 {
        running.signal("STOP");
        sleep(Duration::from_millis(90));
        running.signal("CONT");
        sleep(Duration::from_millis(10));
    }
    let ran = running.end();
    assert!(!ran.out.contains("TRIP"), "{}", ran.out);
    assert!([Some(0), Some(4)].contains(&ran.status.code()), "{ran:?}");
}

/// Two kinds of visitors, four of one for each of the other.
const VISITORS: &str = "local lt = require 'loadtool'
local late = lt.metrics.rate 'late'
return { scenarios = {
  browse = { load = { rate = 40, duration = '1m' }, run = function()
    late:add(lt.http.get('/browse').ms > 900)
  end },
  buy = { load = { rate = 10, duration = '1m' }, run = function() lt.http.get '/buy' end },
} }";

#[test]
fn several_scenarios_are_scaled_in_proportion() {
    let bought = Arc::new(AtomicU64::new(0));
    let counted = bought.clone();
    let url = answering(move |request| {
        if target(request) == "/buy" {
            counted.fetch_add(1, SeqCst);
        }
        slowly("well")
    });
    let folder = Folder::new(VISITORS);
    let plan = start(&folder, &url, &["--steps", "50", "--plan"]).end().exits(0);
    assert!(plan.out.contains("in proportion: browse 80 %, buy 20 %"), "{}", plan.out);
    let (ran, limit) = search(&folder, &url, &[&["--steps", "50"], &SLO[..]].concat());
    let ran = ran.exits(0);
    assert!(ran.err.contains("in proportion, at 50 iterations/s: browse 40 (80 %), buy 10 (20 %)"));
    assert!(ran.out.contains("in proportion: browse 40/s (80 %), buy 10/s (20 %)"), "{}", ran.out);
    assert_eq!(
        (&limit["scenario"], &limit["parts"][1]["lower"]),
        (&"browse, buy".into(), &10.0.into())
    );
    let parts = holds(&limit)[0]["parts"].as_array().expect("a list");
    let rates: Vec<f64> =
        parts.iter().map(|part| part["achieved_per_s"].as_f64().expect("a number")).collect();
    assert!((rates[0] - 40.0).abs() < 2.0 && (rates[1] - 10.0).abs() < 1.0, "{rates:?}");
    // Warm-up and hold at 10/s, then the cool-down; and one user who rehearsed.
    let bought = bought.load(SeqCst);
    assert!((40..400).contains(&bought), "{bought}");
}

#[test]
fn users_of_several_scenarios_are_whole_and_one_that_is_picked_leaves_the_other_as_planned() {
    let url = answering(|_| slowly("well"));
    let script = "local lt = require 'loadtool'
        local function go() lt.http.get '/' end
        return { scenarios = { a = { load = { vus = 2, duration = '1m' }, run = go },
                               b = { load = { vus = 1, duration = '1m' }, run = go } },
                 search = { axis = 'users', steps = { 10 } } }";
    let folder = Folder::new(script);
    let slo = ["--slo", "http_call_duration: p50 < 900ms"];
    let (ran, limit) = search(&folder, &url, &slo);
    ran.exits(0);
    let held = holds(&limit)[0];
    let targets: Vec<_> = (0..2).map(|part| &held["parts"][part]["target"]).collect();
    assert_eq!(targets, [&7.0, &3.0]);
    assert_eq!(held["vus"], 10);
    let (ran, limit) = search(&folder, &url, &[&["--scenario", "b"], &slo[..]].concat());
    ran.exits(0);
    assert_eq!((&limit["scenario"], &holds(&limit)[0]["vus"]), (&"b".into(), &10.into()));
    assert_eq!(limit["parts"], serde_json::json!([]));
}

#[test]
fn objectives_may_be_of_the_scripts_own_metrics() {
    let url = answering(|_| slowly("well"));
    let folder = Folder::new(VISITORS);
    // What must hold, the exit code, the verdict, and what is said.
    let cases = [
        ("late: rate < 1%", 0, "pass", "late rate < 1%: 0 %"),
        ("late: rate > 99%", 3, "trip", "late rate > 99%: 0 %"),
        (
            "late{scenario=buy}: rate < 1%",
            4,
            "inconclusive",
            "late{scenario=buy} rate < 1%: no data",
        ),
    ];
    std::thread::scope(|scope| {
        for (slo, code, verdict, told) in cases {
            let url = &url;
            scope.spawn(move || {
                let folder = Folder::new(VISITORS);
                let (ran, limit) = search(&folder, url, &["--steps", "50", "--slo", slo]);
                ran.exits(code);
                assert_eq!(verdicts(&limit)[0], verdict, "{slo}: {limit}");
                let reasons = holds(&limit)[0]["reasons"].to_string();
                assert!(reasons.contains(told), "want {told:?} in {reasons}");
            });
        }
    });
    for (slo, told) in [
        ("lat: rate < 1%", "--slo: threshold `lat`: there is no metric `lat`"),
        ("lat: rate < 1%", "did you mean `late`?"),
        ("late: p95 < 1%", "`late` is a rate"),
        ("process_cpu_percent: max < 90%", "process_cpu_percent is not told of each hold"),
        ("late", "has no condition"),
    ] {
        let ran = start(&folder, &url, &["--steps", "50", "--slo", slo]).end().exits(2);
        assert!(ran.err.contains(told), "want {told:?} in {}", ran.err);
    }
}

#[test]
fn pools_that_would_run_out_are_told_before_the_load() {
    let url = answering(|_| slowly("well"));
    let rows = (0..100).map(|row| format!("{row}\n")).collect::<String>();
    let script = "local lt = require 'loadtool'
        local ids = lt.data.csv('ids.csv', { pick = 'unique' })
        return { teardown = function() lt.log.info 'tidied up' end,
                 scenarios = { a = { mix = {
                   { weight = 3, run = function() lt.http.get('/', { query = ids:next() }) end },
                   { weight = 1, run = function() lt.http.get '/' end } } } } }";
    let folder = Folder::new(script).file("ids.csv", format!("id\n{rows}"));
    // Three of four iterations take a row: of 30/s for 4 s, and 30/s for 3 s afterwards.
    let started = |steps: &[&str]| {
        let slo = ["--slo", "http_call_duration: p50 < 900ms"];
        start(&folder, &url, &[steps, &slo].concat()).end()
    };
    let ran = started(&["--steps", "30"]).exits(2);
    let ran = ran.says("ids.csv: the search needs up to 158 rows that are given once, and has 99");
    ran.says("hint: try lower levels").says("at_end = \"recycle\"").says("tidied up");
    started(&["--from", "5", "--to", "100"]).exits(2).says("hint: hold levels for less time");
    started(&["--steps", "10"]).exits(0);
}

#[test]
fn a_search_marks_its_requests_and_samples_as_a_run_does() {
    let seen = Arc::new(AtomicU64::new(0));
    let counted = seen.clone();
    let url = answering(move |request| {
        counted.fetch_add(u64::from(request.contains("\r\ntraceparent: 00-")), SeqCst);
        answer("503 Service Unavailable", r#"{"pin":"1234-swordfish"}"#)
    });
    let folder = Folder::of(GET);
    let flags = ["--steps", "5", "--trace", "--tag", "team=till", "--redact", "pin"];
    let (ran, _) = search(&folder, &url, &flags);
    assert!(seen.load(SeqCst) > 0, "{ran:?}");
    let summary = std::fs::read_to_string(folder.path("limit.json")).expect("it was written");
    assert!(summary.contains("\"team\": \"till\""), "{summary}");
    assert!(!summary.contains("swordfish") && !ran.out.contains("swordfish"), "{summary}");
}

#[test]
fn pools_with_too_few_rows_for_all_users_are_told_before_the_load() {
    let url = answering(|_| slowly("well"));
    let rows = (0..20).map(|row| format!("{row}\n")).collect::<String>();
    let started = |options: &str, arguments: &[&str]| {
        let script = format!(
            "local lt = require 'loadtool'
             local ids = lt.data.csv('ids.csv', {{ {options} }})
             return {{ scenarios = {{ a = {{ run = function()
               lt.http.get('/', {{ query = ids:next() }}) end }} }} }}"
        );
        let folder = Folder::new(&script).file("ids.csv", format!("id\n{rows}"));
        let slo = ["--slo", "http_call_duration: p50 < 900ms"];
        start(&folder, &url, &[arguments, &slo].concat()).end()
    };
    let users = ["--axis", "users", "--steps", "10,40"];
    started("pick = 'per_vu'", &users)
        .exits(2)
        .says(
            "ids.csv: each user has a row of its own, and the search may make 40 users for 20 rows",
        )
        .says("hint: levels up to 20 are what they suffice for; else have more rows");
    started("pick = 'lease'", &users)
        .exits(2)
        .says("ids.csv: at the highest level 40 users lease a row at a time, and it has 20 rows: ");
    let rate = ["--steps", "5,100", "--max-vus", "200"];
    started("pick = 'per_vu'", &rate)
        .exits(2)
        .says("the search may make 200 users for 20 rows")
        .says("hint: --max-vus 20 makes no more users");
    // 100/s that take 400 ms or more are 40 at a time.
    started("pick = 'lease'", &rate)
        .exits(2)
        .says("users lease a row at a time, and it has 20 rows");
    let few = ["--steps", "5", "--max-vus", "20"];
    started("pick = 'per_vu'", &few).exits(0);
}

#[test]
fn littles_law_is_checked_where_users_think_too() {
    let url = answering(|_| slowly("well"));
    let folder = Folder::of("lt.think(0.5) lt.http.get '/'");
    let (_, limit) = search(&folder, &url, &[&["--steps", "50"][..], &SLO].concat());
    // 50/s that take 400 ms each: 20 requests at a time, of 45 users.
    for step in holds(&limit) {
        let law = step["littles_law"].as_f64().expect("all of them ended");
        assert!((0.9..1.1).contains(&law), "{limit}");
    }
    assert!(!holds(&limit).is_empty(), "{limit}");
}
