//! Every exit code that a run can come to, but those of signals.

use crate::common::Folder;
use crate::common::server::{answer, answering, secure};

/// A definition with one scenario, whose fields are `scenario`, and the fields `more` beside it.
fn defined(scenario: &str, more: &str) -> Folder {
    Folder::new(&format!(
        "local lt = require 'loadtool'\nreturn {{ scenarios = {{ a = {{ {scenario} }} }}, {more} }}\n"
    ))
}

const IDLE: &str = "run = function() lt.sleep(0.001) end, load = { vus = 2, iterations = 10 }";
const POOR: &str = "run = function() lt.check(1, { fine = false }) end, load = { iterations = 10 }";

#[test]
fn pass_is_0_and_so_is_a_run_that_nothing_judges() {
    defined(IDLE, "").run(&[]).exits(0).reports("PASS  script.lua: ").says_nothing();
    defined(POOR, "thresholds = {}").run(&[]).exits(0).reports("UNJUDGED  script.lua: ");
}

#[test]
fn a_threshold_that_is_crossed_is_3_the_default_ones_and_the_scripts_own() {
    let ran = defined(POOR, "").run(&[]).exits(3).reports("FAIL  script.lua: ");
    assert!(ran.out.contains("checks rate > 99% (default): observed 0 %"), "{}", ran.out);
    defined(IDLE, "thresholds = { iteration_duration = 'max < 1us' }").run(&[]).exits(3);
    defined(IDLE, "thresholds = { ['http_call_duration{name=/x}'] = 'p95 < 1s' }")
        .run(&[])
        .exits(3)
        .reports("FAIL");
}

#[test]
fn a_threshold_that_aborts_ends_the_run_and_is_named_and_the_teardown_runs() {
    let poor = "run = function() lt.check(1, { fine = false }) lt.sleep(0.01) end, \
                load = { vus = 2, duration = '10m' }";
    let abort = "thresholds = { checks = { { 'rate > 50%', abort = true, window = '1s' } } }, \
                 teardown = function() lt.log.info 'tidied up' end";
    let (ran, summary) = defined(poor, abort).summary(&[]);
    let ran = ran.exits(3).reports("FAIL  script.lua: ").says("tidied up");
    let reason = "checks rate > 50% over 1s: observed 0 %, first at 0:0";
    assert!(ran.out.contains(reason) && ran.out.contains("ended the run"), "{}", ran.out);
    let threshold = &summary["thresholds"][0];
    assert_eq!((&threshold["window_s"], &threshold["ended_run"]), (&1.into(), &true.into()));
    assert_eq!((&threshold["ok"], &threshold["observed"]), (&false.into(), &0.0.into()));
}

#[test]
fn a_window_that_the_load_never_filled_leaves_the_whole_to_be_judged() {
    let window = "thresholds = { iterations = { { 'count == 10', window = '1h' } } }";
    let ran = defined(IDLE, window).run(&[]).exits(0);
    assert!(
        ran.out.contains("iterations count == 10 over 1h: the load was shorter"),
        "{}",
        ran.out
    );
}

#[test]
fn too_few_samples_for_a_percentile_are_4() {
    let ran = defined(IDLE, "thresholds = { iteration_duration = 'p99 < 10s' }").run(&[]);
    let ran = ran.exits(4).reports("INCONCLUSIVE  script.lua: ");
    assert!(ran.out.contains("10 samples, at least 400 are needed"), "{}", ran.out);
}

#[test]
fn a_load_that_most_users_could_not_join_is_4_and_the_report_says_so() {
    let scenario = "on_start = function() if lt.vu.number > 1 then lt.fail 'no' end end, \
                    run = function() lt.sleep(0.01) end, load = { vus = 3, duration = '300ms' }";
    let ran = defined(scenario, "").run(&[]).exits(4).reports("INCONCLUSIVE  script.lua: ");
    assert!(ran.out.contains("2 of 3 users of a could not start"), "{}", ran.out);
}

#[test]
fn a_backlog_that_grows_to_the_end_is_4_however_short_the_load() {
    let scenario = "run = function() lt.sleep(0.1) end, \
                    load = { rate = 40, duration = '3s', max_vus = 2, graceful_stop = 0 }";
    let judged = "thresholds = { iteration_failed = 'rate < 1%' }";
    let ran = defined(scenario, judged).run(&[]).exits(4).reports("INCONCLUSIVE  script.lua: ");
    assert!(ran.out.contains("a is unstable: its backlog grows by "), "{}", ran.out);
    let report = ran.out.replace("\n    ", " ");
    assert!(report.contains(" end): the percentiles flatter"), "{}", ran.out);
}

#[test]
fn a_threshold_on_requests_alone_that_hides_waiting_is_4() {
    let url = answering(|_| answer("200 OK", ""));
    // One user makes ten a second of thirty: what comes last waits for nearly two seconds.
    let scenario = "run = function() lt.http.get '/' lt.sleep(0.1) end, \
                    load = { rate = 30, duration = '1s', max_vus = 1 }";
    let judged = "thresholds = { http_req_duration = { { 'p95 < 5s', min_samples = 1 } } }";
    let ran = defined(scenario, judged).run(&["--base-url", &url]);
    let ran = ran.exits(4).reports("INCONCLUSIVE  script.lua: ");
    let report = ran.out.replace("\n    ", " ");
    let told = "http_req_duration p95 < 5s hides waiting: arrivals of a waited ";
    assert!(report.contains(told), "{}", ran.out);
}

#[test]
fn an_open_load_shows_both_its_latencies() {
    let scenario = "run = function() lt.sleep(0.01) end, load = { rate = 20, duration = '500ms' }";
    let ran = defined(scenario, "thresholds = {}").run(&[]);
    assert!(ran.out.contains("\n    served "), "{}", ran.out);
    assert!(!defined(IDLE, "").run(&[]).out.contains("\n    served "), "closed, they are one");
}

#[test]
fn a_start_is_late_by_what_its_scenario_bears() {
    let late = |after: &str| {
        let scenario = format!(
            "run = function() end, load = {{ rate = 200, duration = '500ms', late_after = '{after}' }}"
        );
        let (_, summary) = defined(&scenario, "thresholds = {}").summary(&[]);
        let series = &summary["metrics"]["iterations_late"]["series"][0]["value"];
        let scenario = &summary["scenarios"][0]["iterations"]["late"];
        assert_eq!(series.as_u64().unwrap_or(0), scenario.as_u64().expect("a count"), "{after}");
        scenario.as_u64()
    };
    assert!(late("1us") > Some(0));
    assert_eq!(late("1h"), Some(0));
}

#[test]
fn a_fresh_session_has_neither_cookies_nor_vars_and_a_kept_one_both() {
    let url = answering(|_| answer("200 OK\nset-cookie: a=1; path=/", ""));
    for (session, left) in [("fresh", "false"), ("keep", "lt.vu.iteration > 0")] {
        let script = format!(
            "local lt = require 'loadtool'
             local function go()
               local left = {left}
               assert((next(lt.http.cookies:all '/') ~= nil) == left, 'cookies')
               assert((lt.vu.vars.x ~= nil) == left, 'vars')
               lt.http.get '/'
               lt.vu.vars.x = 1
             end
             return {{ scenarios = {{ a = {{
               run = go, session = '{session}', load = {{ vus = 2, iterations_per_vu = 3 }} }} }} }}"
        );
        Folder::new(&script).run(&["--base-url", &url]).exits(0).reports("PASS");
    }
}

#[test]
fn rates_over_scenarios_that_follow_each_other_divide_by_the_time_of_all() {
    let paced = "run = function() end, pace = '100ms', load = { vus = 1, duration = '500ms' }";
    let second = format!("b = {{ {paced}, after = 'a' }}");
    let script = format!(
        "return {{ scenarios = {{ a = {{ {paced} }}, {second} }}, \
         thresholds = {{ iterations = 'rate < 15/s' }} }}"
    );
    let ran = Folder::new(&script).run(&[]);
    // A machine so busy that users start late is told of too, and is no part of this.
    assert!(matches!(ran.status.code(), Some(0 | 4)), "{ran:?}");
    assert!(ran.out.contains("rate < 15/s") && !ran.out.contains("crossed"), "{}", ran.out);
}

#[test]
fn an_abort_is_6_and_the_teardown_runs() {
    let scenario = "run = function() lt.sleep(0.05) lt.abort 'the shop is closed' end, \
                    load = { vus = 2, duration = '30s' }";
    // An abort hurries nobody: the teardown may take its time.
    let teardown = "teardown = function() lt.sleep(1.2) lt.log.info 'tidied up' end";
    let ran = defined(scenario, teardown).run(&[]);
    let ran = ran.exits(6).reports("ABORTED  script.lua: ").says("tidied up");
    assert!(ran.out.contains("  - the shop is closed\n"), "{}", ran.out);
}

#[test]
fn what_setup_made_is_torn_down_even_if_the_users_cannot_be_made() {
    let script = "local lt = require 'loadtool'\n\
                  if lt.vu.id == 2 then error 'no second user' end\n\
                  return { scenarios = { a = { run = function() end, load = { vus = 2, iterations = 2 } } },\n\
                  setup = function() return 1 end, teardown = function() lt.log.info 'tidied up' end }";
    Folder::new(script).run(&[]).exits(2).says("no second user").says("tidied up");
}

#[test]
fn a_setup_that_fails_or_takes_too_long_is_6_and_no_load_follows() {
    for (setup, told) in [
        ("error 'no account'", "setup failed: script.lua:2: no account"),
        ("lt.sleep(60)", "setup took longer than setup_timeout"),
        (
            "lt.expect(lt.http.get 'http://127.0.0.1:1/', { status = 200 })",
            "connect: cannot connect to 127.0.0.1:1: connection refused",
        ),
    ] {
        let more = format!("setup = function() {setup} end, setup_timeout = '200ms'");
        let ran = defined(IDLE, &more).run(&[]).exits(6).reports("ABORTED");
        let report = ran.out.replace("\n    ", " ");
        assert!(report.contains(told), "{}", ran.out);
        assert!(report.contains("a             0"), "{}", ran.out);
    }
}

#[test]
fn a_setup_and_a_teardown_that_work_hand_over_what_they_should() {
    let folder = Folder::new(
        "local lt = require 'loadtool'\nreturn {\n\
         setup = function() return { list = { 1, 2 }, text = 'given' } end,\n\
         teardown = function(ctx) lt.log.info('teardown got ' .. ctx.text) end,\n\
         scenarios = { a = { run = function(ctx) lt.check(#ctx.list, { two = #ctx.list == 2 }) end } } }",
    );
    folder.run(&[]).exits(0).says("teardown got given");
}

#[test]
fn without_a_setup_or_a_value_from_it_there_is_no_ctx() {
    for setup in ["", "setup = function() end,"] {
        let folder = Folder::new(&format!(
            "return {{ {setup} teardown = function(ctx) print('teardown got', ctx) end,\n\
             scenarios = {{ a = {{ run = function(ctx) assert(ctx == nil) end }} }} }}",
        ));
        folder.run(&[]).exits(0).says("teardown got    nil");
    }
}

#[test]
fn a_scripts_own_trust_holds_in_setup_too() {
    let (url, ca) = secure(|_| answer("200 OK", "well"));
    for tls in ["ca = 'ca.pem'", "insecure = true"] {
        let get = "function() lt.expect(lt.http.get '/', { status = 200 }) end";
        let script = format!(
            "local lt = require 'loadtool'\nlocal get = {get}\n\
             return {{ base_url = '{url}', http = {{ tls = {{ {tls} }} }},\n\
             setup = get, scenarios = {{ a = {{ run = get }} }} }}"
        );
        Folder::new(&script).file("ca.pem", &ca).run(&["--quiet"]).exits(0).says_nothing();
    }
}

#[test]
fn a_certificate_that_is_refused_is_in_the_report_and_not_in_the_log() {
    let (url, _) = secure(|_| answer("200 OK", "well"));
    let folder = Folder::of("lt.http.get '/'");
    let ran = folder.run(&["--quiet", "--base-url", &url]).exits(3).says_nothing();
    assert!(ran.out.contains("1 × tls"), "{}", ran.out);
}

#[test]
fn a_script_that_is_broken_in_each_of_its_first_20_iterations_is_6() {
    let scenario = "run = function() nothing() end, load = { vus = 2, duration = '30s' }";
    let ran = defined(scenario, "").run(&[]).exits(6);
    let told = "its first 20 iterations all failed in the script";
    assert!(ran.out.contains(told), "{}", ran.out);
    assert!(ran.out.contains("attempt to call a nil value (global 'nothing')"), "{}", ran.out);
}

#[test]
fn a_script_that_is_broken_now_and_then_runs_to_its_end_and_shows_each_mistake_once() {
    let scenario = "run = function() n = (n or 0) + 1 if n % 2 == 0 then local x x.y = n end end, \
                    load = { vus = 1, iterations = 100 }";
    let ran = defined(scenario, "").run(&[]).exits(3);
    assert!(ran.out.contains("  50 × script"), "{}", ran.out);
    assert_eq!(ran.out.matches("attempt to index a nil value (local 'x')").count(), 1);
}

#[test]
fn users_that_cannot_start_are_6_soon_after_the_load_should_have_ended() {
    for start in ["lt.fail 'no login'", "lt.sleep(60)"] {
        let scenario = format!(
            "on_start = function() {start} end, run = function() end, \
             load = {{ vus = 2, duration = '700ms', graceful_stop = '300ms' }}"
        );
        let (ran, summary) = defined(&scenario, "").summary(&[]);
        let ran = ran.exits(6);
        assert!(ran.out.contains("no user could start: "), "{}", ran.out);
        let seconds = summary["run"]["duration_s"].as_f64().expect("a number");
        assert!(seconds < 5.0, "it took {seconds} s");
    }
}

#[test]
fn a_summary_that_could_not_be_written_is_2_before_the_load_and_7_after_it() {
    let folder = defined("run = function() print 'at work' end", "");
    for file in ["missing/summary.json", "."] {
        let ran = folder.run(&["--summary-json", file]).exits(2);
        assert!(!ran.err.contains("at work") && ran.out.is_empty(), "{ran:?}");
        ran.says(&format!("cannot write the JSON summary to {file}: "));
    }
    let ran = folder.run(&["--summary-json", "/dev/full"]).exits(7).reports("PASS");
    ran.says("at work").says("error  cannot write the JSON summary to /dev/full: ");
}
