//! nginx: what it counts and what we count are the same.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use loadtool::metrics::Histogram;
use serde_json::Value as Json;

use crate::common::Folder;
use crate::install::{Server, nginx};

const DIRECTIVES: &str = "
    log_format counts '$request_length $bytes_sent $status $request_method $request_uri';
    access_log FOLDER/access.log counts;
    limit_req_zone $server_port zone=slow:1m rate=20r/s;
    server {
        listen 127.0.0.1:PORT;
        root FOLDER;
        keepalive_requests 10;
        client_max_body_size 1k;
        location = /counts { stub_status; access_log off; }
        location = /hello { return 200 'hello'; }
        location = /gone { return 444; }
        location = /dead { proxy_pass http://127.0.0.1:1; }
        location = /limited { limit_req zone=slow; try_files /file =404; }
        location = /packed { gzip on; gzip_types *; gzip_min_length 1; try_files /file =404; }
        location = /short { keepalive_timeout 30ms; try_files /file =404; }
        location = /echo { proxy_pass http://127.0.0.1:PORT/hello; }
        location /here { return 302 /hello; }
    }";

fn server() -> Option<Server> {
    nginx(DIRECTIVES, &[("file", &b"0123456789".repeat(10_000))])
}

/// Connections accepted and requests, as nginx counted them before this one.
fn counts(server: &Server) -> (u64, u64) {
    let status = server.get("/counts");
    let numbers: Vec<u64> = status
        .lines()
        .nth(2)
        .expect("it has them")
        .split_whitespace()
        .flat_map(str::parse)
        .collect();
    (numbers[0] - 1, numbers[2] - 1)
}

/// The summary of a run of `body` by so many users, and what nginx counted meanwhile.
fn compare(body: &str, more: &str, arguments: &[&str]) -> Option<(Json, u64, u64)> {
    let server = server()?;
    let folder = Folder::new(&format!(
        "local lt = require 'loadtool'\nlocal function go() {body} end\n\
         return {{ base_url = '{}', thresholds = {{ http_call_failed = 'rate < 1%', checks = 'rate == 100%' }}, \
         scenarios = {{ a = {{ run = go, {more} load = {{ vus = 4, iterations_per_vu = 25 }} }} }} }}",
        server.url()
    ));
    let before = counts(&server);
    let (ran, summary) = folder.summary(arguments);
    ran.exits(0);
    let after = counts(&server);
    // The count before is itself a connection with a request.
    Some((summary, after.0 - before.0 - 1, after.1 - before.1 - 1))
}

fn connections(summary: &Json) -> (u64, u64) {
    let number = |name: &str| summary["connections"][name].as_u64().expect("a number");
    (number("opened"), number("reused"))
}

const GET: &str = "lt.expect(lt.http.get '/hello', { status = 200, body_contains = 'hello' })";

#[test]
fn connections_and_requests_are_as_many_as_nginx_says() {
    for (more, most) in [("", 12), ("connections = 'fresh',", 100), ("session = 'fresh',", 12)] {
        let Some((summary, accepted, requests)) = compare(GET, more, &[]) else { return };
        let (opened, reused) = connections(&summary);
        assert_eq!((opened, reused), (accepted, requests - accepted), "{more}");
        assert_eq!((requests, summary["requests"][0]["count"].as_u64()), (100, Some(100)));
        assert_eq!(accepted, most, "four users, ten requests on a connection: {more}");
    }
}

#[test]
fn a_redirect_is_a_request_of_its_own_and_one_call() {
    let body =
        "local r = lt.http.get '/here' lt.check(r, { status = 200, ['one hop'] = r.hops == 1 })";
    let Some((summary, accepted, requests)) = compare(body, "", &[]) else { return };
    let (opened, reused) = connections(&summary);
    assert_eq!((opened, reused), (accepted, requests - accepted));
    assert_eq!((requests, summary["requests"][0]["count"].as_u64()), (200, Some(100)));
}

#[test]
fn a_connection_that_the_server_closed_while_it_was_idle_is_replaced_without_an_error() {
    let body =
        "lt.check(lt.http.get '/short', { status = 200, size = { min = 100000, max = 100000 } })
                lt.sleep(0.08)";
    let Some((summary, accepted, requests)) =
        compare(body, "", &["--iterations", "20", "--vus", "4"])
    else {
        return;
    };
    assert_eq!((connections(&summary), accepted, requests), ((20, 0), 20, 20));
}

#[test]
fn bytes_are_those_that_nginx_logs() {
    let Some(server) = server() else { return };
    let folder = Folder::of(
        "lt.http.get('/file', { headers = { ['x-a'] = 'b' }, query = { q = 'ä b' } })
         lt.http.get('/packed')
         lt.http.get('/missing/at/all')
         lt.http.head '/file'
         lt.http.put('/echo', { json = { some = 'thing' } })
         lt.http.post('/echo', { body = ('x'):rep(900) })",
    );
    let (_, summary) = folder.summary(&["--base-url", &server.url(), "--iterations", "5"]);
    let log = fs::read_to_string(server.folder.path().join("access.log")).expect("it logs");
    for call in summary["requests"].as_array().expect("a list") {
        let (method, name) =
            (call["method"].as_str().unwrap_or(""), call["name"].as_str().unwrap_or(""));
        let lines = log.lines().filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let path = words[4].split('?').next()?;
            (words[3] == method && path == name).then(|| (words[0].parse(), words[1].parse()))
        });
        let (sent, received) = lines.fold((0, 0), |(sent, received), (request, answer)| {
            (sent + request.unwrap_or(0), received + answer.unwrap_or(0u64))
        });
        assert_eq!(call["bytes_sent"].as_u64(), Some(sent), "{method} {name}");
        // Chunk framing, of what nginx packs as it goes, is not counted.
        let ours = call["bytes_received"].as_u64().expect("a number");
        let framing = if name == "/packed" { received - ours } else { 0 };
        assert_eq!(ours, received - framing, "{method} {name}");
        assert!(framing < 5 * 40, "{framing}");
    }
}

#[test]
fn what_goes_wrong_behind_nginx_has_its_category() {
    let Some(server) = server() else { return };
    for (call, category, status) in [
        ("get '/gone'", "reset", Json::Null),
        ("get '/dead'", "server_error", 502.into()),
        ("get '/missing'", "client_error", 404.into()),
        ("post('/file', { body = ('x'):rep(2000) })", "client_error", 413.into()),
        ("post '/file'", "client_error", 405.into()),
    ] {
        let folder = Folder::of(&format!("lt.http.{call}"));
        let arguments = ["--base-url", &server.url(), "--vus", "2", "--iterations", "30"];
        let (ran, summary) = folder.summary(&arguments);
        ran.exits(3);
        let errors = summary["errors"].as_array().expect("a list");
        assert_eq!(errors.len(), 1, "{call}: {errors:#?}");
        let told = (&errors[0]["category"], &errors[0]["status"], &errors[0]["count"]);
        assert_eq!(told, (&category.into(), &status, &30.into()), "{call}");
    }
}

#[test]
fn a_server_that_lets_20_a_second_through_is_seen_to_do_so() {
    let Some(server) = server() else { return };
    let folder = Folder::of("lt.http.get '/limited' lt.sleep(0.005)");
    let arguments = ["--base-url", &server.url(), "--vus", "4", "--duration", "2s"];
    let (ran, summary) = folder.summary(&arguments);
    let ran = ran.exits(3);
    let statuses = &summary["requests"][0]["statuses"];
    let count = |status: &str| statuses[status].as_u64().unwrap_or(0);
    let seconds = summary["run"]["duration_s"].as_f64().expect("a number");
    assert!((2..=(20.0 * seconds) as u64 + 1).contains(&count("200")), "{statuses}");
    assert_eq!(summary["errors"][0]["category"], "server_error");
    assert_eq!(summary["requests"][0]["failed"].as_u64(), Some(count("503")));
    assert!(ran.out.contains("× server_error 503"), "{}", ran.out);
}

#[test]
fn who_is_turned_away_by_a_limit_comes_back_until_it_is_let_in() {
    let Some(server) = server() else { return };
    let folder = Folder::new(&format!(
        "local lt = require 'loadtool'
         local function go()
           local r = lt.http.get('/limited', {{ retry = {{ times = 50, on = 503, backoff = '2ms' }}, discard_body = true }})
           lt.check(r, {{ status = 200 }})
         end
         return {{ base_url = '{}', scenarios = {{ a = {{ run = go, load = {{ vus = 4, iterations = 12 }} }} }} }}",
        server.url()
    ));
    let (_, summary) = folder.summary(&[]);
    let check = &summary["checks"][0];
    assert_eq!((&check["passed"], &check["failed"]), (&12.into(), &0.into()), "{check}");
    let log = fs::read_to_string(server.folder.path().join("access.log")).expect("it logs");
    let refused = log.lines().filter(|line| line.contains(" 503 ")).count();
    let requests = summary["metrics"]["http_reqs"]["series"].as_array().expect("a list");
    let tried: u64 = requests
        .iter()
        .filter(|series| series["tags"]["status"] == "503")
        .map(|series| series["value"].as_u64().expect("a count"))
        .sum();
    assert!(refused > 0);
    assert_eq!(tried, refused as u64);
}

/// A load of 500/s for 10 s, during which nginx is frozen for a second: the summary's scenario.
fn frozen(max_vus: u64) -> Option<Json> {
    let server = server()?;
    let folder = Folder::new(&format!(
        "local lt = require 'loadtool'
         local function go() lt.http.get '/hello' end
         return {{ base_url = '{}', scenarios = {{ a = {{ run = go,
           load = {{ rate = 500, duration = '10s', max_vus = {max_vus} }} }} }} }}",
        server.url()
    ));
    let running = folder.start(&["--summary-json", "summary.json"]);
    running.wait_for_stderr("0:05/0:10");
    server.signal("STOP");
    sleep(Duration::from_secs(1));
    server.signal("CONT");
    running.end();
    let summary = fs::read(folder.path("summary.json")).expect("there is a summary");
    let summary: Json = serde_json::from_slice(&summary).expect("it is JSON");
    Some(summary["scenarios"][0].clone())
}

/// At least 425 of 5,000 waited above 100 ms, and 250 of them above 400: the half second in which
/// they came to a server that stood still. A busy machine only adds to them.
fn tells_of_the_freeze(scenario: &Json) {
    let count = |name: &str| scenario["iterations"][name].as_u64().expect("a number");
    assert_eq!(["planned", "started", "completed", "dropped"].map(count), [5_000, 5_000, 5_000, 0]);
    let times = scenario["response_time_ms"]["hdr"].as_str().expect("a histogram");
    let times = Histogram::from_base64(times).expect("it reads back");
    let quantile = |ppm| times.quantile(ppm).expect("samples");
    assert!(quantile(915_000) >= Duration::from_millis(100), "{:?}", quantile(915_000));
    assert!(quantile(950_000) >= Duration::from_millis(400), "{:?}", quantile(950_000));
}

#[test]
fn a_frozen_nginx_is_seen_by_as_many_users_as_come() {
    let Some(scenario) = frozen(1_000) else { return };
    tells_of_the_freeze(&scenario);
}

#[test]
fn a_frozen_nginx_is_seen_by_those_who_wait_for_one_of_fifty_users() {
    let Some(scenario) = frozen(50) else { return };
    tells_of_the_freeze(&scenario);
}

#[test]
fn with_five_users_the_response_time_tells_what_the_service_time_hides() {
    let Some(scenario) = frozen(5) else { return };
    tells_of_the_freeze(&scenario);
    // Only the five who were being served saw the server stand still; the others waited for them.
    let waited = scenario["lag_users_ms"]["p95"].as_f64().expect("a time");
    let served = scenario["duration_ms"]["p95"].as_f64().expect("a time");
    assert!(waited >= 400.0 && served < waited / 2.0, "waited {waited} ms, served in {served} ms");
}
