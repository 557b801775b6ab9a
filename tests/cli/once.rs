//! `loadtool once`: one iteration, told step by step, judged by its exit code.

use crate::common::server::{answer, answering, target};
use crate::common::{Folder, Ran, Running};

fn once(folder: &Folder, arguments: &[&str]) -> Ran {
    Running::start(folder.tool().args(["once", "script.lua"]).args(arguments)).end()
}

/// The story without times, bars and ports; blanks run together.
fn told(ran: &Ran) -> String {
    let pattern = regex::Regex::new(r"\d+(\.\d+)? (ms|µs|s)\b|▆+|127\.0\.0\.1:\d+|date: .*")
        .expect("a pattern");
    let lines = ran.out.lines().map(|line| {
        let line = pattern.replace_all(line, "");
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn tells(ran: &Ran, parts: &[&str]) {
    let story = told(ran);
    let mut rest = story.as_str();
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("want {part:?} next in\n{rest}\nof\n{}\n{}", ran.out, ran.err);
        };
        rest = after;
    }
}

const JOURNEY: &str = "local lt = require 'loadtool'
local http = lt.http
local function go(ctx)
  lt.step('login', function()
    local r = http.post('/login', { json = { email = 'user1@shop.test', password = 'secret-1' } })
    lt.expect(r, { status = 200, json = { ['$.user.email'] = ctx.email } })
    lt.step('inner', function() return r:json '$.token' end)
    local absent = r:json '$.nothing'
  end)
  lt.think(0.001, 0.002)
  lt.check(http.get '/products/17', { status = 200, ['is cheap'] = function(r) return r:json '$.price' < 0, 'too dear' end })
end
return {
  setup = function() http.get '/health' return { email = 'user1@shop.test' } end,
  teardown = function(ctx) http.get '/health' end,
  scenarios = {
    buyers = { run = go, on_start = function() http.get '/form' end, on_stop = function() lt.log.info 'done' end },
    idle = { run = function() end },
  },
}";

#[test]
fn an_iteration_is_told_from_setup_to_teardown_without_secrets() {
    let ran =
        once(&Folder::new(JOURNEY), &["--demo", "--scenario", "buyers", "--seed", "7"]).exits(3);
    tells(
        &ran,
        &[
            "script.lua: scenario buyers, seed 7",
            "\nsetup\n",
            "GET http:///health: 200 over HTTP/1.1",
            "new connection",
            "\non_start\n",
            "GET http:///form: 200",
            "sets cookie session (Path=/; HttpOnly; SameSite=Lax)",
            "\niteration\n",
            "step login\n",
            "POST http:///login: 200",
            "> content-type: application/json",
            "> cookie: ***",
            "< content-type: application/json",
            "wait",
            "ok status is 200\n",
            "ok json $.user.email\n",
            "step inner\n",
            "got json $.token = ***\n",
            "none json $.nothing: nothing at $.nothing in the answer to POST /login",
            "think 0.001, 0.002\n",
            "GET http:///products/17: 200",
            "ok status is 200\n",
            "got json $.price = ",
            "FAIL is cheap: too dear\n",
            "\non_stop\n",
            "\nteardown\n",
            "GET http:///health: 200",
            "FAILED: 5 requests, 1 of 4 checks failed",
        ],
    );
    assert!(!ran.out.contains("secret-1") && !ran.out.contains("eyJ"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'), "no colours where there is no terminal");
    let ran =
        once(&Folder::new(JOURNEY), &["--demo", "--scenario", "buyers", "-v", "--color", "always"]);
    tells(&ran, &[r#"> {"email":"user1@shop.test","password":"***"}"#, r#""token":"***""#]);
    assert!(!ran.out.contains("secret-1") && !ran.out.contains("eyJ"), "{}", ran.out);
    assert!(ran.out.contains("\u{1b}["), "colours that were asked for");
}

#[test]
fn the_exit_code_is_the_iterations_outcome() {
    let of = |body: &str, code: i32, end: &str| {
        let ran = once(&Folder::of(body), &["--demo"]).exits(code);
        assert!(ran.out.lines().last().is_some_and(|line| line.starts_with(end)), "{}", ran.out);
        ran
    };
    of("lt.check(1, { fine = true })", 0, "PASSED: 0 requests, 1 check,");
    of("lt.http.get '/health'", 0, "PASSED: 1 request, 0 checks,");
    of("lt.check(1, { fine = false })", 3, "FAILED: 0 requests, 1 of 1 check failed,");
    let ran = of("lt.step('pay', error, 'no money')", 3, "FAILED: ");
    tells(&ran, &["step pay", "FAIL step pay", "script: script.lua:3: no money", "3 | lt.step("]);
    let ran = of("lt.expect(lt.http.get '/status/500', { status = 200 })", 3, "FAILED: ");
    tells(
        &ran,
        &["FAIL status is 200: expected 200, got 500", "assertion: script.lua:3: GET /status/"],
    );
    of("assert(select(2, lt.shared.queue 'jobs':pop()) == 'stopping')", 0, "PASSED: ");
    let ran = of("lt.abort 'enough'", 6, "ABORTED: ");
    tells(&ran, &["aborted: enough"]);
    let ran = of("lt.http.get 'http://127.0.0.1:1/'", 0, "PASSED: 1 request (1 broken), 0 checks");
    tells(&ran, &["GET http:///: ", "connect: cannot connect to"]);
}

#[test]
fn data_and_setup_that_fail_are_outcomes_too() {
    let folder = Folder::new(
        "local lt = require 'loadtool'\nlocal pool = lt.data.csv('d.csv', { pick = 'unique' })\n\
         return function() lt.log.info(pool:next().a) lt.log.info(pool:next().a) end",
    )
    .file("d.csv", "a\nrow\n");
    let ran = once(&folder, &[]).exits(4).says("row");
    tells(&ran, &["no row is left in a data pool", "NO DATA: "]);
    let folder = Folder::new(
        "return { setup = function() error 'not today' end, scenarios = { a = { run = print } } }",
    );
    tells(&once(&folder, &[]).exits(6), &["setup", "script: script.lua:1: not today", "ABORTED"]);
    let folder = Folder::new(
        "return { scenarios = { a = { on_start = function() error 'not ready' end, run = print } } }",
    );
    tells(&once(&folder, &[]).exits(3), &["on_start", "script: script.lua:1: not ready", "FAILED"]);
}

#[test]
fn mistakes_before_the_iteration_exit_with_2() {
    let folder = Folder::new(JOURNEY);
    once(&folder, &["--demo"])
        .exits(2)
        .says("there are several scenarios: buyers, idle")
        .says("--scenario NAME");
    once(&folder, &["--demo", "--scenario", "buyer"])
        .exits(2)
        .says("no scenario `buyer`")
        .says("did you mean `buyers`?");
    once(&Folder::new("return 1"), &[]).exits(2);
    once(&Folder::new("local = 1"), &[]).exits(2);
    once(&folder, &["--demo", "--base-url", "http://127.0.0.1:1"]).exits(2);
}

#[test]
fn what_a_server_sends_cannot_act_on_the_terminal() {
    let url = answering(|request| match target(request) {
        "/bytes" => answer("200 OK", [0, 159, 146, 150].repeat(100)),
        "/long" => answer("200 OK", "line\n".repeat(5_000)),
        _ => answer("200 OK\nx-evil: a\u{9b}31mb", "\u{1b}[2J\u{202e}evil"),
    });
    let folder =
        Folder::of("for _, path in ipairs { '/', '/bytes', '/long' } do lt.http.get(path) end");
    let ran = once(&folder, &["--base-url", &url, "-v"]).exits(0);
    assert!(!ran.out.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{:?}", ran.out);
    tells(&ran, &["< \\x1b[2J", "evil", "< (400 B that are no text)", "< … (", " more lines)"]);
    assert!(ran.out.len() < 20_000, "{} bytes", ran.out.len());
}

#[test]
fn the_branch_of_a_mix_follows_from_the_seed() {
    let folder = Folder::new(
        "local lt = require 'loadtool'\n\
         return { scenarios = { a = { mix = {\n\
           { weight = 1, name = 'left', run = function() print 'went left' end },\n\
           { weight = 1, name = 'right', run = function() print 'went right' end } } } } }",
    );
    let mut seen = std::collections::BTreeSet::new();
    for seed in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        let ran = once(&folder, &["--seed", seed]).exits(0);
        let run = folder.run(&["--seed", seed, "--quiet"]).exits(0);
        assert_eq!(ran.err, run.err, "the same as a run's first iteration");
        let word = ran.err.trim().trim_start_matches("went ").to_owned();
        tells(&ran, &[&format!("iteration: `{word}`, drawn out of 2")]);
        seen.insert(word);
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
}
