//! Outputs whose receivers read protobuf, and traces: what arrives, and that a receiver's troubles
//! are its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use prost::Message;
use serde_json::Value as Json;

use crate::common::{Folder, Ran, Running, server};

const SCRIPT: &str = r#"
local lt = require "loadtool"
local orders = lt.metrics.counter "orders"
local stock = lt.metrics.gauge "stock"
local size = lt.metrics.histogram("size", { unit = "bytes" })
return {
  scenarios = { shop = { load = { vus = 2, iterations = 50 }, run = function()
    local r = lt.http.get("/a")
    lt.check(r, { fine = r.status == 200, never = false })
    orders:add(3, { ["of-kind"] = "x" })
    stock:add(-1.5)
    size:add(4096)
    lt.http.get("/b")
    lt.sleep(0.05)
  end } },
  thresholds = { checks = "rate > 10%" },
}
"#;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Runs the script against a target that answers all, with these variables.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Folder, Ran, Json) {
    let folder = Folder::new(SCRIPT);
    let target = server::answering(|_| ANSWER.to_vec());
    let mut tool = folder.tool();
    tool.args(["run", "script.lua", "--base-url", &target, "--summary-json", "s.json"]);
    let ran = Running::start(tool.args(arguments).envs(variables.iter().copied())).end();
    let text = std::fs::read(folder.path("s.json")).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    (folder, ran, serde_json::from_slice(&text).expect("it is JSON"))
}

/// What an output says that it has got.
fn delivery(summary: &Json, index: usize) -> (u64, u64, Option<&str>) {
    let one = &summary["outputs"][index];
    let number = |field: &str| one[field].as_u64().expect("a number");
    (number("written"), number("lost"), one["error"].as_str())
}

/// Remote write's messages, as its specification numbers them.
mod remote_write {
    #[derive(prost::Message)]
    pub struct Request {
        #[prost(message, repeated, tag = "1")]
        pub series: Vec<Series>,
    }

    #[derive(prost::Message)]
    pub struct Series {
        #[prost(message, repeated, tag = "1")]
        pub labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub samples: Vec<Sample>,
        #[prost(message, repeated, tag = "3")]
        pub exemplars: Vec<Exemplar>,
    }

    #[derive(prost::Message)]
    pub struct Label {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub value: String,
    }

    #[derive(prost::Message)]
    pub struct Sample {
        #[prost(double, tag = "1")]
        pub value: f64,
        #[prost(int64, tag = "2")]
        pub at: i64,
    }

    #[derive(prost::Message)]
    pub struct Exemplar {
        #[prost(message, repeated, tag = "1")]
        pub labels: Vec<Label>,
        #[prost(double, tag = "2")]
        pub value: f64,
    }
}

/// A receiver of remote write that answers its nth request like this, and what it took.
fn receiver(
    answer: impl Fn(u64) -> &'static str + Clone + Send + 'static,
) -> (String, mpsc::Receiver<(String, remote_write::Request)>) {
    let (tell, told) = mpsc::channel();
    let requests = Arc::new(AtomicU64::new(0));
    let url = server::taking(move |head, body| {
        let answer = answer(requests.fetch_add(1, Ordering::Relaxed));
        let body = snap::raw::Decoder::new().decompress_vec(body).expect("it is packed");
        let request = remote_write::Request::decode(body.as_slice()).expect("it is a request");
        if answer.starts_with('2') {
            let _ = tell.send((head.to_owned(), request));
        }
        server::answer(answer, "")
    });
    (url, told)
}

/// A label of a series; empty if it has none.
fn label<'s>(series: &'s remote_write::Series, name: &str) -> &'s str {
    let found = series.labels.iter().find(|label| label.name == name);
    found.map_or("", |label| label.value.as_str())
}

/// The value that says that a series has ended: Prometheus' stale marker.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// The sum of a metric's last values over its series of the load.
fn last(requests: &[(String, remote_write::Request)], metric: &str) -> f64 {
    let mut last = BTreeMap::new();
    for series in requests.iter().flat_map(|(_, request)| &request.series) {
        let over = series.samples[0].value.to_bits() == STALE;
        if label(series, "__name__") == metric && !over {
            let labels: Vec<_> = series.labels.iter().map(|l| (&l.name, &l.value)).collect();
            last.insert(labels, series.samples[0].value);
        }
    }
    last.values().sum()
}

#[test]
fn what_is_written_remotely_is_the_summarys_though_the_receiver_was_away() {
    let (url, told) = receiver(|n| if n == 0 { "503 Not yet" } else { "204 No Content" });
    let out = format!("prometheus-rw={}", url.replace("http://", "http://ann:secret@"));
    let headers = [("LOADTOOL_PROMETHEUS_RW_HEADERS", "X-Scope-OrgID=team%20a, x-b=1")];
    let (_folder, ran, summary) = run(&["--out", &out], &headers);
    ran.exits(0);
    let requests: Vec<_> = told.try_iter().collect();
    let head = &requests.first().expect("a request").0;
    assert!(head.starts_with("POST /api/v1/write HTTP/1.1\r\n"), "{head}");
    for line in [
        "content-encoding: snappy",
        "content-type: application/x-protobuf",
        "x-prometheus-remote-write-version: 0.1.0",
        "authorization: Basic YW5uOnNlY3JldA==",
        "x-scope-orgid: team a",
        "x-b: 1",
    ] {
        assert!(head.lines().any(|one| one == line), "{line}: {head}");
    }
    for (metric, sum) in [
        ("loadtool_http_calls_total", 100.0),
        ("loadtool_http_call_duration_seconds_count", 100.0),
        ("loadtool_orders_total", 150.0),
        ("loadtool_checks_samples_total", 100.0),
        ("loadtool_checks_hits_total", 50.0),
        ("loadtool_stock", -1.5),
        ("loadtool_size_bytes_sum", 50.0 * 4096.0),
        ("loadtool_run_info", 1.0),
    ] {
        assert_eq!(last(&requests, metric), sum, "{metric}");
    }
    assert!(last(&requests, "loadtool_process_memory_bytes") > 1e6, "of the process, too");
    let mut times = BTreeSet::new();
    for series in requests.iter().flat_map(|(_, request)| &request.series) {
        let names: Vec<&str> = series.labels.iter().map(|label| label.name.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(series.labels.iter().all(|label| !label.value.is_empty()), "{series:?}");
        assert_eq!(label(series, "job"), "loadtool");
        let labels: Vec<_> = series.labels.iter().map(|l| (&l.name, &l.value)).collect();
        assert!(times.insert((labels, series.samples[0].at)), "twice at a time: {series:?}");
    }
    let mut ends = BTreeMap::new();
    for series in requests.iter().flat_map(|(_, request)| &request.series) {
        let labels: Vec<_> = series.labels.iter().map(|l| (&l.name, &l.value)).collect();
        ends.insert(labels, series.samples[0].value.to_bits());
    }
    assert!(ends.values().all(|end| *end == STALE), "each series ends with the run");
    let of_kind = |(_, request): &(String, remote_write::Request)| {
        request.series.iter().any(|series| label(series, "of_kind") == "x")
    };
    assert!(requests.iter().any(of_kind));
    let seconds = summary["timeline"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(delivery(&summary, 0), (seconds, 0, None));
}

#[test]
fn what_a_receiver_refuses_for_good_is_not_tried_again() {
    let (url, told) = receiver(|_| "400 Bad Request");
    let counted = Arc::new(AtomicU64::new(0));
    let count = counted.clone();
    let otlp = server::taking(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        server::answer("401 Unauthorized", "no key Bearer tr0ub4dor")
    });
    let outs = [format!("prometheus-rw={url}"), format!("otlp={otlp}")];
    let headers = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20tr0ub4dor")];
    let arguments = ["--out", &outs[0], "--out", &outs[1]];
    let (_folder, ran, summary) = run(&arguments, &headers);
    let ran = ran.exits(0).reports("PASS  script.lua: ");
    assert_eq!(told.try_iter().count(), 0);
    let seconds = summary["timeline"].as_array().map_or(0, Vec::len) as u64;
    let asked = counted.load(Ordering::Relaxed);
    assert!(asked <= seconds + 1, "{asked} requests in {seconds} seconds");
    for (index, told) in ["status 400", "status 401 no key ***"].into_iter().enumerate() {
        let (written, lost, error) = delivery(&summary, index);
        assert!(written == 0 && lost >= seconds, "{written} and {lost} of {seconds}");
        let error = error.expect("what went wrong");
        assert!(error.contains(told), "{error}");
        assert_eq!(ran.err.matches(error).count(), 1, "{}", ran.err);
    }
    assert!(!ran.err.contains("tr0ub4dor") && !summary.to_string().contains("tr0ub4dor"));
}

#[test]
fn a_receiver_that_is_gone_loses_seconds_and_the_run_ends_as_it_should() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = gone.local_addr().expect("it is bound");
    let outs = [format!("prometheus-rw=http://{gone}"), format!("otlp=http://{gone}")];
    let (_folder, ran, summary) = run(&["--out", &outs[0], "--out", &outs[1]], &[]);
    let ran = ran.exits(0).reports("PASS  script.lua: ");
    for (index, out) in outs.iter().enumerate() {
        let (written, lost, error) = delivery(&summary, index);
        assert!(written == 0 && lost > 0, "{summary}");
        let told = format!("--out {out}/: {}", error.expect("what went wrong"));
        assert_eq!(ran.err.matches(&told).count(), 1, "{told}: {}", ran.err);
    }
}

#[test]
fn what_the_environment_asks_for_is_understood_or_told_before_the_load() {
    let folder = Folder::of("lt.log.info 'never'");
    for (out, name, value, told) in [
        ("otlp=here", "A", "", "not a URL"),
        ("prometheus-rw=ftp://h/x", "A", "", "expected a URL"),
        (
            "prometheus-rw=http://127.0.0.1:1",
            "LOADTOOL_PROMETHEUS_RW_NATIVE_HISTOGRAMS",
            "yes",
            "LOADTOOL_PROMETHEUS_RW_NATIVE_HISTOGRAMS: expected true or false, not `yes`",
        ),
        (
            "prometheus-rw=http://127.0.0.1:1",
            "LOADTOOL_PROMETHEUS_RW_HEADERS",
            "tr0ub4dor",
            "LOADTOOL_PROMETHEUS_RW_HEADERS: expected NAME=VALUE",
        ),
        (
            "otlp=http://127.0.0.1:1",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
            "a b=tr0ub4dor",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS: `a b` is no header name",
        ),
        (
            "otlp=http://127.0.0.1:1",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "often",
            "expected cumulative or delta or lowmemory, not `often`",
        ),
    ] {
        let mut tool = folder.tool();
        tool.args(["run", "script.lua", "--out", out]).env(name, value);
        let ran = Running::start(&mut tool).end().exits(2).says(told);
        assert!(!ran.err.contains("never") && !ran.err.contains("tr0ub4dor"), "{}", ran.err);
    }
}

#[test]
fn requests_carry_their_traces_and_what_was_slow_tells_them() {
    let (tell, told) = mpsc::channel();
    let target = server::answering(move |request| {
        let header = |line: &str| line.strip_prefix("traceparent: ").map(str::to_owned);
        let _ = tell.send((server::target(request).to_owned(), request.lines().find_map(header)));
        let status = if request.contains("GET /b") { "503 No" } else { "200 OK" };
        server::answer(status, "ok")
    });
    let (rw, pushed) = receiver(|_| "204 No Content");
    let rw = format!("prometheus-rw={rw}");
    let folder = Folder::new(SCRIPT);
    let arguments = ["--base-url", &target, "--trace", "--out", "samples=s", "--out", &rw];
    let (ran, summary) = folder.summary(&arguments);
    let ran = ran.exits(0);
    let mut traces = BTreeMap::<String, BTreeSet<String>>::new();
    for (path, header) in told.try_iter() {
        let header = header.unwrap_or_else(|| panic!("{path} carries none"));
        let parts: Vec<&str> = header.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { panic!("{header}") };
        assert_eq!((version, trace.len(), span.len(), flags), ("00", 32, 16, "01"), "{header}");
        let new = traces.entry(trace.to_owned()).or_default().insert(span.to_owned());
        assert!(new, "a span of its own");
    }
    assert_eq!(traces.len(), 50, "a trace for each iteration");
    assert!(traces.values().all(|spans| spans.len() == 2), "{traces:?}");
    let mut rows = 0;
    for shard in 0..2 {
        let Ok(mut rows_of) = csv::Reader::from_path(folder.path(&format!("s.{shard}"))) else {
            continue;
        };
        for row in rows_of.deserialize::<BTreeMap<String, String>>() {
            let row = row.expect("a row");
            assert!(traces[&row["trace_id"]].contains(&row["span_id"]), "{row:?}");
            rows += 1;
        }
    }
    assert_eq!(rows, 100);
    let slowest = &summary["scenarios"][0]["slowest"][0]["trace_id"];
    let slowest = slowest.as_str().expect("it has a trace");
    assert!(traces.contains_key(slowest) && ran.out.contains(&format!("trace {slowest}")));
    let example = summary["errors"][0]["exemplar"].as_str().expect("a 503 has one");
    let named = example.split("traceparent: 00-").nth(1).expect("it says which");
    assert!(traces.contains_key(&named[..32]), "{example}");
    let pushed: Vec<_> = pushed.try_iter().collect();
    let series = pushed.iter().flat_map(|(_, request)| &request.series);
    let told: Vec<_> = series.filter(|series| !series.exemplars.is_empty()).collect();
    assert!(!told.is_empty(), "series have exemplars");
    for series in told {
        assert!(label(series, "__name__").ends_with("_duration_seconds_bucket"), "{series:?}");
        let exemplar = &series.exemplars[0];
        let [span, trace] = &exemplar.labels[..] else { panic!("{exemplar:?}") };
        assert!(traces[&trace.value].contains(&span.value), "{exemplar:?}");
        let bound = label(series, "le").replace("+Inf", "inf").parse::<f64>().expect("a bound");
        assert!(exemplar.value <= bound, "{series:?}");
    }
}

/// What this tool costs its machine, and what the script measures, with its tags.
#[test]
fn resources_and_the_scripts_own_metrics_are_in_every_output() {
    let statsd = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let statsd_at = format!("statsd={}", statsd.local_addr().expect("it is bound"));
    let outs = ["json=j", "csv=t/", "influx=file:points", &statsd_at];
    let arguments: Vec<&str> = outs.iter().flat_map(|out| ["--out", out]).collect();
    let (folder, ran, _) = run(&arguments, &[]);
    ran.exits(0);
    statsd.set_nonblocking(true).expect("it can be");
    let (mut packet, mut packets) = ([0; 2048], "\n".to_owned());
    while let Ok(length) = statsd.recv(&mut packet) {
        packets.push_str(std::str::from_utf8(&packet[..length]).expect("text"));
    }
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.path(name));
        format!("\n{}", text.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    let [lines, series, points] = ["j", "t/metrics.csv", "points"].map(read);
    for metric in [
        "process_cpu_percent",
        "process_memory_bytes",
        "process_threads",
        "process_open_fds",
        "process_disk_write_bytes",
        "stock",
        "size",
    ] {
        for (name, text, start) in [
            ("json", &lines, format!("\"{metric}\":{{")),
            ("csv", &series, format!("\n{metric},")),
            ("influx", &points, format!("\n{metric}")),
            ("statsd", &packets, format!("\nloadtool.{metric}")),
        ] {
            assert!(text.contains(&start), "{metric} is not in {name}: {text}");
        }
    }
    for (name, text, tagged) in [
        ("json", &lines, r#""of-kind":"x""#),
        ("csv", &series, "\norders,counter,1,of-kind=x&phase=load&scenario=shop,150,"),
        ("influx", &points, "\norders,of-kind=x,phase=load,scenario=shop value="),
        ("statsd", &packets, "|c|#of-kind:x,phase:load,scenario:shop\n"),
    ] {
        assert!(text.contains(tagged), "{tagged} is not in {name}: {text}");
    }
}

/// One that takes a push and then neither answers nor goes away, and one that goes away.
#[test]
fn a_receiver_that_hangs_or_dies_in_the_middle_keeps_no_run_from_its_end() {
    let hanging = server::server(|mut peer| {
        if peer.number == 0 {
            peer.bytes()?;
            peer.send(server::answer("200 OK", ""))?;
        }
        peer.hang()
    });
    let dying = server::server(|mut peer| {
        if peer.number == 0 {
            peer.bytes()?;
            peer.send(server::answer("200 OK", ""))?;
        }
        Ok(())
    });
    let outs = [format!("otlp={hanging}"), format!("prometheus-rw={dying}")];
    let arguments = ["--out", &outs[0], "--out", &outs[1], "--iterations", "150"];
    let (_folder, ran, summary) = run(&arguments, &[]);
    assert_eq!(summary["totals"]["calls"]["count"], 300, "the load is whole: {ran:?}");
    assert!(ran.out.contains("script.lua: "), "its report is told: {ran:?}");
    for (index, out) in outs.iter().enumerate() {
        let (written, lost, error) = delivery(&summary, index);
        assert!(written == 1 && lost > 0, "{summary}");
        let told = format!("--out {out}/: {}", error.expect("what went wrong"));
        assert_eq!(ran.err.matches(&told).count(), 1, "{told}: {}", ran.err);
    }
}
