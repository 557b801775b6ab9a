//! `loadtool run --ab`: one run against two targets.

use crate::common::Folder;
use crate::common::server::{answer, answering};
use crate::store::{json, kill, tool, under_way};

/// A server that says who it is.
fn target(name: &'static str) -> String {
    answering(move |_| answer("200 OK", name))
}

#[test]
fn each_target_has_its_own_setup_users_cookies_and_teardown() {
    let folder = Folder::new(
        r#"local lt = require "loadtool"
        return {
          setup = function() return { me = lt.http.get("/").body, told = lt.vu.variant } end,
          teardown = function(ctx)
            assert(lt.http.get("/").body == ctx.me and ctx.told == lt.vu.variant)
            print("teardown of " .. ctx.me)
          end,
          scenarios = {
            users = { load = { vus = 4, iterations_per_vu = 3 } },
            arrivals = { load = { rate = 50, duration = "200ms", vus = 2 } },
            shared = { load = { vus = 2, iterations_per_vu = 2 }, connections = "shared" },
          },
          thresholds = {
            ["checks{variant=old}"] = "rate == 100%",
            ["checks{variant=new}"] = "rate == 100%",
          },
        }"#,
    );
    let script = std::fs::read_to_string(folder.path("script.lua")).expect("it was written");
    let script = script.replace("load =", "on_start = same, on_stop = same, run = same, load =");
    let same = "local function same(ctx)
        assert(ctx.told == lt.vu.variant)
        lt.check(lt.http.get('/'), { own = function(r) return r.body == ctx.me end })
        assert(lt.http.get('/').body == ctx.me, 'a cached URL is not that of the other')
      end\nreturn {";
    let folder = folder.file("script.lua", script.replacen("return {", same, 1));
    let (old, new) = (target("the old one"), target("the new one"));
    let ab = format!("old={old},new={new}/prefix");
    for threads in ["1", "3"] {
        let (ran, summary) = folder.summary(&["--ab", &ab, "--threads", threads]);
        for threshold in summary["thresholds"].as_array().expect("thresholds") {
            assert_eq!(threshold["ok"], true, "{ran:?}");
        }
        assert!(ran.err.contains("teardown of the old one"), "{}", ran.err);
        assert!(ran.err.contains("teardown of the new one"), "{}", ran.err);
        let series = summary["metrics"]["iterations"]["series"].as_array().expect("series");
        let of = |scenario: &str, variant: &str| -> u64 {
            let tags = |tags: &serde_json::Value| {
                tags["scenario"] == scenario && tags["variant"] == variant
            };
            let of = series.iter().filter(|one| tags(&one["tags"]));
            of.filter_map(|one| one["value"].as_u64()).sum()
        };
        for variant in ["old", "new"] {
            let each = ["users", "arrivals", "shared"].map(|scenario| of(scenario, variant));
            assert_eq!(each, [6, 5, 2], "{variant}");
        }
        let calls = summary["requests"].as_array().expect("calls");
        assert_eq!(calls.len(), 3, "a call has one name, whichever target it goes to");
    }
}

#[test]
fn a_setup_that_fails_for_one_ends_the_run_and_the_other_is_torn_down() {
    let folder = Folder::new(
        r#"local lt = require "loadtool"
        return {
          setup = function() assert(lt.vu.variant ~= "B", "not ready") end,
          teardown = function() print("teardown of " .. lt.vu.variant) end,
          scenarios = { s = { load = { vus = 2, iterations = 2 }, run = function() end } },
        }"#,
    );
    let ran = folder.run(&["--ab", "A=http://127.0.0.1:1,B=http://127.0.0.1:2"]).exits(6);
    assert!(ran.out.contains("setup failed: script.lua:3: not ready"), "{}", ran.out);
    assert!(ran.err.contains("teardown of A"), "{}", ran.err);
    assert!(!ran.err.contains("teardown of B"), "{}", ran.err);
}

#[test]
fn what_cannot_be_compared_is_told_before_anything_is_sent() {
    let folder = Folder::of("lt.http.get '/'");
    for (arguments, told) in [
        (&["--ab", "A=http://h"][..], "`A=http://h` is one target, and two are compared"),
        (&["--ab", "http://h,http://i"], "`http://h` is not NAME=URL"),
        (&["--ab", "A=http://h,A=http://i"], "two targets are called `A`"),
        (&["--ab", "A=http://h,B=/b"], "B: `/b` has no scheme"),
        (&["--ab", "A=http://h,B=h:80"], "did you mean `http://h:80`?"),
        (&["--ab", "A=http://h,B=http://i", "--base-url", "http://h"], "do not go together"),
        (&["--ab", "A=http://h,B=http://i", "--demo"], "cannot be used with"),
        (
            &["--ab", "A=http://h,B=http://i", "--vus", "3", "--iterations", "9"],
            "the 3 users of `default`",
        ),
        (
            &["--ab", "A=http://h,B=http://i", "--stage", "1s:5", "--stage", "1s:5"],
            "5 users of stage 2",
        ),
        (&["--ab", "A=http://h,B=http://i", "--tag", "variant=C"], "loadtool sets itself"),
    ] {
        let ran = folder.run(arguments).exits(2);
        assert!(ran.err.contains(told), "want {told:?} in {}", ran.err);
    }
    let limit =
        folder.tool().args(["limit", "script.lua", "--ab", "A=http://h,B=http://i"]).output();
    let limit = limit.expect("it runs");
    assert_eq!(limit.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&limit.stderr).contains("a search has one target"));
}

/// How the rows of one statistic of calls were judged.
fn verdicts(summary: &serde_json::Value, stat: &str) -> Vec<String> {
    let rows = summary["variants"]["candidates"][0]["rows"].as_array().expect("rows");
    let of = rows.iter().filter(|row| row["stat"] == stat && row["series"]["call"] == "GET /");
    of.map(|row| row["verdict"].as_str().expect("a word").to_owned()).collect()
}

/// Calls a second of base and candidate.
fn rates(summary: &serde_json::Value) -> [f64; 2] {
    let rows = summary["variants"]["candidates"][0]["rows"].as_array().expect("rows");
    let is_rate = |row: &&serde_json::Value| row["stat"] == "rate" && row["series"]["call"] != "";
    let row = rows.iter().find(is_rate).expect("calls have a rate");
    ["base", "candidate"].map(|side| row[side].as_f64().expect("a number"))
}

#[test]
fn calls_by_absolute_urls_that_all_go_to_one_target_are_told() {
    let (old, new) = (target("old"), target("new"));
    let folder = Folder::of(&format!("lt.http.get '{old}/x'"));
    let ab = format!("old={old},new={new}");
    let load = ["--ab", &ab, "--vus", "2", "--iterations", "20"];
    let (ran, summary) = folder.summary(&load);
    let told = format!(
        "not all calls of new went to it, for absolute URLs go where they say: GET {old}/x"
    );
    let remarks = &summary["variants"]["candidates"][0]["remarks"];
    assert_eq!(remarks, &serde_json::json!([told]), "{ran:?}");
    assert!(ran.out.contains("remark: not all calls of new"), "{}", ran.out);
}

#[test]
fn a_slower_target_fails_the_run_and_the_same_one_twice_does_not() {
    let after = |ms| {
        answering(move |_| {
            std::thread::sleep(std::time::Duration::from_millis(ms));
            answer("200 OK", "done")
        })
    };
    let (quick, slow) = (after(5), after(60));
    let folder = Folder::of("lt.step('buy', function() lt.http.get '/' end)");
    let load = ["--rate", "60", "--duration", "10s", "--threads", "2", "--html", "page.html"];
    let ab = format!("quick={quick},slow={slow}");
    let (ran, summary) = folder.summary(&[&load[..], &["--ab", &ab]].concat());
    assert_eq!(verdicts(&summary, "p50"), ["regression"], "{ran:?}");
    assert_eq!(verdicts(&summary, "rate"), ["same"], "{ran:?}");
    assert!(ran.out.contains("slow against quick"), "{}", ran.out);
    // Both together are what the report says, though the last answers come after the tenth second.
    let (both, calls) = (rates(&summary), &summary["requests"][0]["rate_per_s"]);
    let part = (both[0] + both[1]) / calls.as_f64().expect("a number");
    assert!((part - 1.0).abs() < 1e-9, "{both:?} of {calls}");
    let reasons = summary["verdict"]["reasons"].to_string();
    assert!(reasons.contains("slow is worse than quick: default: "), "{reasons}");
    // A machine that is too busy cannot say.
    let code = summary["verdict"]["exit_code"].as_u64();
    assert!([Some(3), Some(4)].contains(&code), "{ran:?}");
    let page = std::fs::read_to_string(folder.path("page.html")).expect("the page");
    assert!(page.contains("<h2>slow against quick</h2>"), "it is on the page");

    let ab = format!("one={quick},other={quick}");
    let flags = ["--ab", &ab, "--min-change", "50%"];
    let (ran, summary) = folder.summary(&[&load[..], &flags].concat());
    assert_eq!(verdicts(&summary, "p50"), ["same"], "{ran:?}");
    assert!(summary["verdict"]["exit_code"] != 3, "{ran:?}");
    folder.run(&["--min-change", "10%"]).exits(2);
}

#[test]
fn a_comparison_that_was_killed_is_made_of_the_seconds_that_are_kept() {
    let folder = Folder::of("lt.http.get '/' lt.sleep(0.01)");
    let ab = format!("old={},new={}", target("old"), target("new").replacen("//", "//user:pw@", 1));
    let load = ["--vus", "2", "--duration", "60s", "--min-change", "50%", "--ab", &ab];
    kill(under_way(&folder, &load, 4));
    let variants = json(&tool(&folder, &["show", "--json"]).exits(0))["variants"].clone();
    assert_eq!((&variants["base"]["name"], &variants["min_change"]), (&"old".into(), &0.5.into()));
    let candidate = &variants["candidates"][0];
    assert_eq!(candidate["name"], "new");
    assert!(candidate["base_url"].as_str().expect("a text").starts_with("http://***@127.0.0.1"));
    let rows = candidate["rows"].as_array().expect("rows");
    let calls = rows.iter().filter(|row| row["series"]["call"] == "GET /");
    assert!(calls.count() > 0, "{variants}");
    let shown = tool(&folder, &["show"]).exits(0);
    assert!(shown.out.contains("new against old"), "{}", shown.out);
}
