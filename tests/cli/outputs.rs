//! `--out KIND=DEST`: what gets there, what is told when it does not, and that the load goes on.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::mpsc;

use loadtool::metrics::Histogram;
use serde_json::{Value as Json, json};

use crate::common::{Folder, Ran, Running, server};

/// Fifty iterations over two users against a server that answers all; with a metric of its own.
const SCRIPT: &str = r#"
local lt = require "loadtool"
local orders = lt.metrics.counter "orders"
local size = lt.metrics.histogram("size", { unit = "bytes" })
return {
  scenarios = { shop = { load = { vus = 2, iterations = 50 }, run = function()
    lt.step("login", function() lt.http.get("/login") end)
    local r = lt.http.get("/a", { name = "=cmd|' /C calc'!A0" })
    lt.check(r, { ["is \"fine\" <&>"] = r.status == 200, never = false })
    orders:add(3, { kind = "=x" })
    size:add(4096)
    lt.sleep(0.002)
  end } },
  thresholds = { http_call_duration = "p95 < 60s", checks = "rate > 10%" },
}
"#;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn target() -> String {
    server::answering(|_| ANSWER.to_vec())
}

/// Runs the script with these outputs.
fn run(outs: &[&str]) -> (Folder, Ran, Json) {
    let (folder, target) = (Folder::new(SCRIPT), target());
    let mut arguments = vec!["--base-url", &target];
    arguments.extend(outs.iter().flat_map(|out| ["--out", out]));
    let (ran, summary) = folder.summary(&arguments);
    (folder, ran, summary)
}

fn text(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What an output says that it has got.
fn delivery(summary: &Json, index: usize) -> [&Json; 3] {
    ["written", "lost", "error"].map(|field| &summary["outputs"][index][field])
}

#[test]
fn lines_of_json_are_as_their_schema_says_and_add_up_to_the_summary() {
    let (folder, ran, summary) = run(&["json=seconds.json"]);
    ran.exits(0);
    let schema = include_str!("../../docs/second.schema.json");
    let schema: Json = serde_json::from_str(schema).expect("the schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("it is a schema");
    let (mut calls, mut orders, mut seconds) = (0, 0, 0);
    let mut durations = Histogram::default();
    for line in text(&folder, "seconds.json").lines() {
        let line: Json = serde_json::from_str(line).expect("a line is JSON");
        let faults: Vec<_> = validator.iter_errors(&line).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{faults:#?}\n{line}");
        seconds += u64::from(line["late"] == json!(false));
        for row in line["rows"].as_array().expect("a list") {
            let metrics = &row["metrics"];
            calls += metrics["http_calls"]["value"].as_u64().unwrap_or(0);
            orders += metrics["orders"]["value"].as_u64().unwrap_or(0);
            if let Some(hdr) = metrics["http_call_duration"]["hdr"].as_str() {
                durations.merge(&Histogram::from_base64(hdr).expect("a histogram"));
            }
        }
    }
    assert_eq!((calls, orders), (100, 150));
    let total = &summary["totals"]["calls"];
    assert_eq!(total["count"], 100);
    let p95 = durations.quantile(950_000).expect("samples").as_secs_f64() * 1e3;
    let told = total["latency_ms"]["p95"].as_f64().expect("samples");
    assert!((p95 / told - 1.0).abs() < 0.002, "{p95} is not {told}");
    assert_eq!(delivery(&summary, 0), [&json!(seconds), &json!(0), &Json::Null]);
}

#[test]
fn tables_and_test_cases_are_files_of_their_own() {
    let (folder, ran, summary) = run(&["csv=tables/", "junit=junit.xml"]);
    ran.exits(0);
    let mut calls = csv::Reader::from_path(folder.path("tables/calls.csv")).expect("a table");
    let names: Vec<String> = calls.records().map(|row| row.expect("a row")[2].to_owned()).collect();
    assert_eq!(names, ["'=cmd|' /C calc'!A0", "/login"], "a formula is made a text");
    let steps = text(&folder, "tables/steps.csv");
    assert!(steps.lines().nth(1).is_some_and(|row| row.starts_with("shop,login,50,0,")), "{steps}");
    assert!(text(&folder, "tables/timeline.csv").starts_with("t_s,vus,"));
    let series = text(&folder, "tables/metrics.csv");
    let orders = "orders,counter,1,kind=%3Dx&phase=load&scenario=shop,150,";
    assert!(series.lines().any(|row| row.starts_with(orders)), "{series}");
    let open = "connections_open,gauge,1,,";
    assert!(series.lines().any(|row| row.starts_with(open)), "{series}");
    let junit = text(&folder, "junit.xml");
    let junit = roxmltree::Document::parse(&junit).expect("it is XML");
    let cases: Vec<(&str, bool)> = junit
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
        .map(|case| {
            let failed = case.children().any(|child| child.has_tag_name("failure"));
            (case.attribute("name").expect("a name"), failed)
        })
        .collect();
    let expected = [
        ("verdict", false),
        ("checks rate > 10%", false),
        ("http_call_duration p95 < 60s", false),
        ("shop: is \"fine\" <&>", false),
        ("shop: never", true),
    ];
    let mut cases = cases;
    cases.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(cases, sorted);
    assert_eq!(delivery(&summary, 1), [&json!(5), &json!(0), &Json::Null]);
}

#[test]
fn what_cannot_be_is_told_before_the_load() {
    let folder = Folder::of("lt.log.info 'never'");
    for (out, told) in [
        ("jsn=x", "there is no output `jsn`: did you mean `json`?"),
        ("json=", "expected json=FILE"),
        ("json=no/such/x", "cannot write --out json=no/such/x: No such file or directory"),
        ("csv=no/such/x", "cannot write --out csv=no/such/x: No such file or directory"),
        ("prometheus=here", "expected a port, or ADDRESS:PORT"),
        ("influx=http://127.0.0.1:1", "which database?"),
        ("influx=somewhere", "not a URL"),
        ("influx=file:no/such/x", "cannot write --out influx=file:no/such/x: No such file"),
        ("statsd=here", "expected HOST:PORT"),
        ("junit=.", "cannot write --out junit=.: is a directory"),
    ] {
        let ran = folder.run(&["--out", out]).exits(2).says(told);
        assert!(!ran.err.contains("never"), "{}", ran.err);
    }
    let told = "--out json=x and --out junit=x write to the same place";
    folder.run(&["--out", "json=x", "--out", "junit=x"]).exits(2).says(told);
}

#[test]
fn a_full_disk_is_told_once_and_the_report_is_there_with_exit_7() {
    let (_folder, ran, summary) = run(&["json=/dev/full", "junit=/dev/full", "csv=fine"]);
    let ran = ran.exits(7).reports("PASS  script.lua: ");
    let told = "--out json=/dev/full: cannot write /dev/full: No space left on device";
    assert_eq!(ran.err.matches(told).count(), 1, "{}", ran.err);
    let seconds = summary["timeline"].as_array().map_or(0, Vec::len) as u64;
    let [written, lost, _] = delivery(&summary, 0);
    assert_eq!(written, &json!(0));
    assert!(lost.as_u64() >= Some(seconds), "{lost} of {seconds}; what comes late counts too");
    let remark = format!("! --out json=/dev/full: {lost} second");
    assert!(ran.out.contains(&remark), "{remark} is not in {}", ran.out);
    assert!(delivery(&summary, 1)[2].as_str().is_some_and(|why| why.contains("No space left")));
    assert_eq!(delivery(&summary, 2)[2], &Json::Null);
}

/// The disk that gets full in the middle, by the shell's limit on files.
#[test]
fn a_file_that_may_not_grow_any_more_keeps_its_whole_lines_and_is_told() {
    let folder = Folder::new(&SCRIPT.replace("iterations = 50", "duration = '3s'"));
    let target = target();
    let mut shell = Command::new("bash");
    shell.current_dir(folder.path("."));
    shell.args(["-c", "ulimit -f 4 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_loadtool")]);
    shell.env("LOADTOOL_STORE", "none");
    shell.args(["run", "script.lua", "--base-url", &target, "--out", "json=o.json"]);
    shell.args(["--out", "samples=s", "--out", "influx=file:points"]);
    let ran = Running::start(&mut shell).end().exits(7).reports("PASS  script.lua: ");
    for out in ["json=o.json", "samples=s", "influx=file:points"] {
        let told = format!("--out {out}: cannot write ");
        assert_eq!(ran.err.matches(&told).count(), 1, "{}", ran.err);
        assert!(ran.out.contains(&format!("! --out {out}: ")), "{}", ran.out);
    }
    for name in ["o.json", "s.0", "s.1", "points"] {
        let text = fs::read_to_string(folder.path(name)).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with('\n'), "{name}: whole lines");
    }
}

#[test]
fn a_pipe_takes_lines_and_its_reader_may_go() {
    let folder = Folder::new(SCRIPT);
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("there is mkfifo").success());
    let target = target();
    let running = folder.start(&["--base-url", &target, "--out", "json=pipe"]);
    let read = fs::read_to_string(&pipe).expect("it is read to its end");
    running.end().exits(0);
    assert!(read.starts_with("{\"schema\":\"loadtool.second/1\""), "{read}");
    assert!(read.ends_with("}\n"));
}

#[test]
fn every_request_is_a_row_of_its_workers_file() {
    let (folder, ran, summary) = run(&["samples=requests.csv", "junit=junit.xml"]);
    ran.exits(0);
    let mut names = Vec::new();
    let mut duration = 0.0_f64;
    for shard in 0..2 {
        let path = folder.path(&format!("requests.csv.{shard}"));
        let Ok(mut rows) = csv::Reader::from_path(path) else { continue };
        for row in rows.records() {
            let row = row.expect("a row");
            assert_eq!((&row[1], &row[2], &row[7]), ("shop", "load", "200"), "{row:?}");
            names.push((row[4].to_owned(), row[5].to_owned()));
            duration = duration.max(row[14].parse().expect("milliseconds"));
        }
    }
    names.sort_unstable();
    assert_eq!(names.len(), 100);
    assert_eq!(names[0], (String::new(), "'=cmd|' /C calc'!A0".to_owned()));
    assert_eq!(names[99], ("login".to_owned(), "/login".to_owned()));
    let series = summary["metrics"]["http_req_duration"]["series"].as_array().expect("a list");
    let most = series.iter().filter_map(|one| one["max"].as_f64()).fold(0.0, f64::max);
    assert_eq!(duration, most);
    assert_eq!(delivery(&summary, 0), [&json!(100), &json!(0), &Json::Null]);
}

/// What a scrape of this address answers; `None` once nobody is there.
fn scrape(address: &str, accept: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!(
        "GET /metrics HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let kind = if accept.contains("openmetrics") { "openmetrics-text" } else { "text/plain" };
    assert!(head.contains(kind), "{head}");
    Some(body.to_owned())
}

/// The sum of a metric's series whose line holds all of `labels`.
fn scraped(page: &str, metric: &str, labels: &[&str]) -> f64 {
    let lines = page.lines().filter(|line| {
        let rest = line.strip_prefix(metric);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    });
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    lines.map(|line| value(line).expect("a number")).sum()
}

#[test]
fn prometheus_scrapes_the_run_and_in_the_end_what_the_summary_says() {
    let folder = Folder::new(&SCRIPT.replace("iterations = 50", "duration = '3s'"));
    let arguments = ["--base-url", &target(), "--out", "prometheus=0", "--summary-json", "s.json"];
    let running = folder.start(&arguments);
    running.wait_for_stderr("/metrics\n");
    let said = running.said();
    let place = said.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let place = place.expect("an address");
    let mut pages = Vec::new();
    while let Some(page) = scrape(place, if pages.len() % 2 == 0 { "text/plain" } else { OPEN }) {
        pages.push(page);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    running.end().exits(0);
    let summary: Json = serde_json::from_str(&text(&folder, "s.json")).expect("it is JSON");
    let [first, .., last] = pages.as_slice() else { panic!("{pages:?}") };
    let count = |page: &str| scraped(page, "loadtool_http_calls_total", &["phase=\"load\""]);
    assert!(count(first) < count(last), "it is served while the run goes on");
    let calls = &summary["totals"]["calls"];
    assert_eq!(Some(count(last)), calls["count"].as_f64());
    let load = ["phase=\"load\""];
    let counted = scraped(last, "loadtool_http_call_duration_seconds_count", &load);
    assert_eq!(counted, count(last));
    let sum = scraped(last, "loadtool_http_call_duration_seconds_sum", &load);
    let mean = calls["latency_ms"]["mean"].as_f64().expect("samples");
    assert!((sum * 1e3 / counted / mean - 1.0).abs() < 1e-9, "{sum} / {counted} is not {mean}");
    let infinite = scraped(last, "loadtool_http_call_duration_seconds_bucket", &["le=\"+Inf\""]);
    assert_eq!(infinite, counted);
    let own = &summary["own_metrics"];
    assert_eq!(
        Some(scraped(last, "loadtool_orders_total", &["kind=\"=x\""])),
        own[0]["value"].as_f64()
    );
    assert_eq!(Some(scraped(last, "loadtool_size_bytes_count", &[])), own[1]["count"].as_f64());
    let passed = scraped(last, "loadtool_checks_hits_total", &["check=\"is \\\"fine\\\" <&>\""]);
    assert_eq!(Some(passed), summary["checks"][0]["passed"].as_f64());
    assert!(pages.iter().any(|page| page.ends_with("# EOF\n")), "OpenMetrics, where asked for");
}

const OPEN: &str = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

#[test]
fn a_port_in_use_is_told_before_the_load() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = taken.local_addr().expect("it is bound").to_string();
    let out = format!("prometheus={place}");
    let ran = Folder::of("lt.log.info 'never'").run(&["--out", &out]).exits(2);
    let told = format!("cannot write --out {out}: Address already in use");
    assert!(ran.err.contains(&told) && !ran.err.contains("never"), "{}", ran.err);
}

/// A point's measurement and the integer of a field, summed over lines.
fn summed(points: &str, measurement: &str, field: &str) -> u64 {
    let lines = points.lines().filter(|line| line.split(',').next() == Some(measurement));
    let value = |line: &str| {
        let fields = line.rsplit(' ').nth(1).expect("fields before the time");
        let value = fields.split(',').find_map(|one| one.strip_prefix(field)?.strip_prefix('='));
        value.and_then(|value| value.trim_end_matches('i').parse::<u64>().ok())
    };
    lines.map(|line| value(line).expect("a whole number")).sum()
}

#[test]
fn influxdb_gets_points_whose_sums_are_the_summarys() {
    let (tell, told) = mpsc::channel();
    let database = server::answering(move |request| {
        let _ = tell.send(request.to_owned());
        b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
    });
    let out = format!("influx={}/load", database.replace("http://", "http://ann:secret@"));
    let (folder, ran, summary) = run(&[&out, "influx=file:points"]);
    let ran = ran.exits(0);
    let requests: Vec<String> = told.try_iter().collect();
    let first = requests.first().expect("a request");
    assert!(first.starts_with("POST /write?db=load HTTP/1.1\r\n"), "{first}");
    assert!(first.contains("authorization: Basic YW5uOnNlY3JldA==\r\n"), "{first}");
    let bodies = requests.iter().filter_map(|request| request.split_once("\r\n\r\n"));
    let sent: String = bodies.map(|(_, body)| body).collect();
    for points in [&sent, &text(&folder, "points")] {
        assert_eq!(summed(points, "http_calls", "value"), 100);
        assert_eq!(summed(points, "orders", "value"), 150);
        assert_eq!(summed(points, "http_call_duration", "count"), 100);
        assert_eq!(summed(points, "size", "count"), 50);
        assert!(points.contains("name=\\=cmd|'\\ /C\\ calc'!A0,"), "{points}");
    }
    let seconds = summary["timeline"].as_array().map_or(0, Vec::len);
    assert_eq!(delivery(&summary, 0), [&json!(seconds), &json!(0), &Json::Null]);
    let dest = summary["outputs"][0]["dest"].as_str().expect("a text");
    assert!(dest.starts_with("http://***@127.0.0.1:"), "{dest}");
    assert!(!ran.err.contains("secret") && !summary.to_string().contains("secret"));
}

#[test]
fn a_server_that_refuses_or_dies_is_told_once_and_changes_no_verdict() {
    let refusing = server::answering(|_| {
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 9\r\n\r\nno token\n".to_vec()
    });
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it is bound");
    let dying = server::server(|mut peer| peer.request().map(drop));
    let outs = [
        format!("influx={refusing}/x"),
        format!("influx=http://{dead}/x"),
        format!("influx={dying}/x"),
    ];
    let (_folder, ran, summary) = run(&outs.each_ref().map(String::as_str));
    let ran = ran.exits(0).reports("PASS  script.lua: ");
    let seconds = summary["timeline"].as_array().map_or(0, Vec::len) as u64;
    for (index, told) in ["status 401 no token", "refused", ""].into_iter().enumerate() {
        let [written, lost, error] = delivery(&summary, index);
        assert_eq!(written, &json!(0));
        assert!(lost.as_u64() >= Some(seconds), "{lost} of {seconds}; what comes late counts too");
        let error = error.as_str().expect("what went wrong");
        assert!(error.contains(told), "{error}");
        assert_eq!(ran.err.matches(error).count(), 1, "{}", ran.err);
    }
}

#[test]
fn a_server_that_hangs_does_not_keep_the_run_from_its_end() {
    let (_folder, ran, summary) = run(&[&format!(
        "influx={}/x",
        server::server(|mut peer| peer.request().and_then(|_| peer.hang()))
    )]);
    ran.exits(0).reports("PASS  script.lua: ");
    assert!(delivery(&summary, 0)[1].as_u64() > Some(0), "{summary}");
}

#[test]
fn statsd_gets_datagrams_whose_sums_are_the_summarys() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let place = socket.local_addr().expect("it is bound");
    let (_folder, ran, _) = run(&[&format!("statsd={place}")]);
    ran.exits(0);
    socket.set_nonblocking(true).expect("it can be");
    let mut packet = [0; 2048];
    let mut sums = std::collections::BTreeMap::<String, u64>::new();
    while let Ok(length) = socket.recv(&mut packet) {
        let packet = std::str::from_utf8(&packet[..length]).expect("text");
        for line in packet.lines() {
            let (name, rest) = line.split_once(':').expect("a name");
            let mut parts = rest.split('|');
            let (value, kind) = (parts.next().expect("a value"), parts.next());
            if kind == Some("c") {
                let value: u64 = value.parse().expect("a whole number");
                *sums.entry(name.to_owned()).or_default() += value;
            }
        }
    }
    for (name, sum) in
        [("http_calls", 100), ("orders", 150), ("checks.samples", 100), ("size.count", 50)]
    {
        assert_eq!(sums.get(&format!("loadtool.{name}")), Some(&sum), "{name}: {sums:?}");
    }
}

/// What takes later what it did not take is tried again, but holds up neither load nor end.
#[test]
fn receivers_that_refuse_hang_or_are_dead_are_told_and_change_no_verdict() {
    let refusing =
        server::answering(|_| server::answer("400 Bad Request", "no such tenant <script>\x1b[2J"));
    let hanging = server::server(|mut peer| peer.request().and_then(|_| peer.hang()));
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it is bound");
    for kind in ["prometheus-rw", "otlp"] {
        let outs = [
            format!("{kind}={refusing}"),
            format!("{kind}={hanging}/x"),
            format!("{kind}=http://{dead}/"),
        ];
        let (_folder, ran, summary) = run(&outs.each_ref().map(String::as_str));
        let ran = ran.exits(0).reports("PASS  script.lua: ");
        assert!(!ran.err.contains('\x1b'), "no escapes reach a terminal: {}", ran.err);
        for (index, told) in ["status 400 no such tenant", "", "refused"].into_iter().enumerate() {
            let [written, lost, error] = delivery(&summary, index);
            assert_eq!((written, lost.as_u64() > Some(0)), (&json!(0), true), "{summary}");
            assert!(error.as_str().is_some_and(|error| error.contains(told)), "{error}");
        }
    }
}

#[test]
fn opentelemetrys_variable_packs_what_is_exported() {
    let (tell, told) = mpsc::channel();
    let receiver = server::taking(move |head, body| {
        let mut message = Vec::new();
        let packed = head.contains("content-encoding: gzip");
        let read = flate2::read::GzDecoder::new(body).read_to_end(&mut message);
        let _ = tell.send((packed && read.is_ok(), message));
        server::answer("200 OK", "")
    });
    let folder = Folder::new(SCRIPT);
    let mut tool = folder.tool();
    tool.args(["run", "script.lua", "--base-url", &target(), "--out", &format!("otlp={receiver}")]);
    tool.env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    Running::start(&mut tool).end().exits(0);
    let sent: Vec<(bool, Vec<u8>)> = told.try_iter().collect();
    assert!(!sent.is_empty() && sent.iter().all(|(packed, _)| *packed), "all of it is packed");
    let (_, last) = sent.last().expect("something was sent");
    assert!(String::from_utf8_lossy(last).contains("loadtool.http_calls"));
    tool.env("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd");
    let said = "OTEL_EXPORTER_OTLP_COMPRESSION: expected none or gzip, not `zstd`";
    Running::start(&mut tool).end().exits(2).says(said);
}

/// A disk on which there is no room for reports: none is there in part, and the run is told.
#[test]
fn reports_that_find_no_room_are_not_there_at_all_and_the_run_is_told_with_exit_7() {
    let folder = Folder::new(SCRIPT);
    let target = target();
    let mut shell = Command::new("bash");
    shell.current_dir(folder.path(".")).env("LOADTOOL_STORE", "none");
    let line = "trap '' XFSZ; ulimit -f 1 && exec \"$0\" \"$@\"";
    shell.args(["-c", line, env!("CARGO_BIN_EXE_loadtool"), "run", "script.lua"]);
    shell.args(["--base-url", &target, "--html", "o.html", "--summary-json", "o.json"]);
    shell.args(["--out", "csv=tables/", "--out", "junit=o.xml"]);
    let ran = Running::start(&mut shell).end().exits(7).reports("PASS  script.lua: ");
    let ran = ran.says("cannot write the HTML report to o.html: File too large");
    ran.says("cannot write the JSON summary to o.json: File too large");
    for name in ["o.html", "o.json", "tables/metrics.csv"] {
        assert!(!folder.path(name).exists(), "{name}");
    }
    let left = fs::read_dir(folder.path(".")).expect("the folder").count();
    assert!(left <= 3, "nothing was left but the script, tables and perhaps the test cases");
}
