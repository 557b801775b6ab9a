//! Where numbers are sent on to: Debian's Prometheus, which scrapes and is written to, and
//! OpenTelemetry's own messages. What they hold in the end is what the summary says.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;
use tokio::time::Instant;

use crate::common::{Folder, Running};
use crate::install::{Server, free_port, nginx, otlp_receiver, prometheus};

const SCRIPT: &str = r#"
local lt = require "loadtool"
local orders = lt.metrics.counter "orders"
local stock = lt.metrics.gauge "stock"
local wait = lt.metrics.timer "wait"
return {
  scenarios = { shop = { load = { vus = 2, duration = lt.env.LENGTH }, run = function()
    local r
    lt.step("look", function() r = lt.http.get("/a", { tags = { ["of-kind"] = "x\"y" } }) end)
    lt.check(r, { fine = r.status == 200, never = false })
    orders:add(3)
    stock:add(7)
    wait:time(function() lt.sleep(0.01) end)
  end } },
  thresholds = { checks = "rate > 10%" },
}
"#;

/// A target.
fn target() -> Option<Server> {
    nginx("server { listen 127.0.0.1:PORT; location / { return 200 ok; } }", &[])
}

/// A run with these outputs; its summary.
fn run(target: &Server, length: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Json {
    let folder = Folder::new(SCRIPT);
    let (url, length) = (target.url(), format!("LENGTH={length}"));
    let mut tool = folder.tool();
    tool.args(["run", "script.lua", "--base-url", &url, "--env", &length]).args(arguments);
    tool.args(["--summary-json", "s.json"]).envs(variables.iter().copied());
    Running::start(&mut tool).end().exits(0);
    let text = fs::read(folder.path("s.json")).expect("a summary");
    serde_json::from_slice(&text).expect("it is JSON")
}

/// What an expression will give when the run's last second, of which it saw a part, is over.
fn asked_afterwards(prometheus: &Server, expression: &str) -> Vec<Json> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    queried(prometheus, expression, now.as_secs_f64() + 5.0)
}

/// What it gave when the run had written its last numbers: it has ended them since.
fn all_asked(prometheus: &Server, expression: &str) -> Vec<Json> {
    let written = asked_afterwards(prometheus, "loadtool_run_info[5m]");
    let last = written[0]["values"].as_array().and_then(|values| values.last()?.get(0)?.as_f64());
    let last = last.unwrap_or_else(|| panic!("{written:?}"));
    queried(prometheus, expression, last)
}

/// What it gives at a time [s since 1970], by series.
fn queried(prometheus: &Server, expression: &str, time: f64) -> Vec<Json> {
    let query: String = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect();
    let answer = prometheus.get(&format!("/api/v1/query?query={query}&time={time:.3}"));
    let mut answer: Json = serde_json::from_str(&answer).expect("it is JSON");
    match answer["data"]["result"].take() {
        Json::Array(result) => result,
        _ => panic!("{expression}: {answer}"),
    }
}

/// The same where it is one number.
fn asked(prometheus: &Server, expression: &str) -> f64 {
    let result = all_asked(prometheus, expression);
    let [one] = &result[..] else { panic!("{expression}: {result:?}") };
    one["value"][1].as_str().and_then(|value| value.parse().ok()).expect("a number")
}

/// What an expression gave when it gave anything last, within the last minute.
fn asked_before(prometheus: &Server, expression: &str) -> f64 {
    let query: String = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let (start, end) = (now.as_secs() - 60, now.as_secs() + 1);
    let path = format!("/api/v1/query_range?query={query}&start={start}&end={end}&step=0.2");
    let answer: Json = serde_json::from_str(&prometheus.get(&path)).expect("it is JSON");
    let values = answer["data"]["result"][0]["values"].as_array();
    let last = values.and_then(|values| values.last()).unwrap_or_else(|| panic!("{answer}"));
    last[1].as_str().and_then(|value| value.parse().ok()).expect("a number")
}

/// Asks for what the summary says too.
#[track_caller]
fn assert_holds(prometheus: &Server, summary: &Json) {
    let calls = &summary["totals"]["calls"];
    let count = calls["count"].as_f64().expect("a number");
    for (expression, expected) in [
        (r#"sum(loadtool_http_calls_total{phase="load",job="loadtool"})"#, count),
        (r#"sum(loadtool_http_calls_total{of_kind="x\"y"})"#, count),
        ("sum(loadtool_orders_total)", summary["own_metrics"][0]["value"].as_f64().unwrap_or(-1.0)),
        ("sum(loadtool_checks_samples_total)", 2.0 * count),
        ("loadtool_stock", 7.0),
        ("count(loadtool_run_info)", 1.0),
    ] {
        assert_eq!(asked(prometheus, expression), expected, "{expression}");
    }
    for metric in ["memory_bytes", "threads", "open_fds", "cpu_ratio"] {
        assert!(asked(prometheus, &format!("loadtool_process_{metric}")) > 0.0, "{metric}");
    }
}

/// Every panel of Grafana's dashboard shows something, but for what did not happen.
#[track_caller]
fn assert_dashboard(prometheus: &Server) {
    let dashboard: Json =
        serde_json::from_str(include_str!("../../docs/grafana.json")).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<&str> = targets.filter_map(|target| target["expr"].as_str()).collect();
    assert!(expressions.len() > 20, "{expressions:?}");
    for expression in expressions {
        let asked = expression.replace("$scenario", ".*").replace("$__rate_interval", "1m");
        assert!(!asked.contains('$'), "a variable that is not known here: {asked}");
        // Its load is closed, so that nothing is late or waits, and it made no error.
        let absent = ["_dropped_", "_late_", "_backlog", "_errors_"];
        let happened = !absent.iter().any(|part| asked.contains(part));
        assert!(!all_asked(prometheus, &asked).is_empty() || !happened, "{asked} shows nothing");
    }
}

/// What native histograms hold, and the percentile that is read from them.
#[track_caller]
fn assert_native(prometheus: &Server, summary: &Json) {
    let calls = &summary["totals"]["calls"];
    let all = r#"sum(loadtool_http_call_duration_seconds{phase="load"})"#;
    let count = asked(prometheus, &format!("histogram_count({all})"));
    assert_eq!(Some(count), calls["count"].as_f64());
    let mean = asked(prometheus, &format!("histogram_sum({all}) / histogram_count({all})")) * 1e3;
    let told = calls["latency_ms"]["mean"].as_f64().expect("samples");
    assert!((mean / told - 1.0).abs() < 1e-9, "{mean} is not {told}");
    let p95 = asked(prometheus, &format!("histogram_quantile(0.95, {all})")) * 1e3;
    let told = calls["latency_ms"]["p95"].as_f64().expect("samples");
    assert!((p95 / told - 1.0).abs() < 0.05, "{p95} is not near {told}");
}

#[test]
fn prometheus_holds_what_was_written_to_it() {
    let (Some(target), Some(prometheus)) = (target(), prometheus(&[], "")) else { return };
    let out = format!("prometheus-rw={}", prometheus.url());
    let summary = run(&target, "4s", &["--out", &out], &[]);
    assert_eq!(summary["outputs"][0]["lost"], 0, "{summary}");
    assert_holds(&prometheus, &summary);
    assert_dashboard(&prometheus);
    let calls = &summary["totals"]["calls"];
    let count = "sum(loadtool_http_call_duration_seconds_count)";
    assert_eq!(Some(asked(&prometheus, count)), calls["count"].as_f64());
    let infinite = r#"sum(loadtool_http_call_duration_seconds_bucket{le="+Inf"})"#;
    assert_eq!(asked(&prometheus, infinite), asked(&prometheus, count));
    let mean = format!("1e3 * sum(loadtool_http_call_duration_seconds_sum) / {count}");
    let told = calls["latency_ms"]["mean"].as_f64().expect("samples");
    assert!((asked(&prometheus, &mean) / told - 1.0).abs() < 1e-9);
    assert_ended(&prometheus);
}

/// Nothing stands any longer: each series was marked as stale.
#[track_caller]
fn assert_ended(prometheus: &Server) {
    let standing = asked_afterwards(prometheus, r#"{__name__=~"loadtool_.+"}"#);
    assert!(standing.is_empty(), "{standing:?}");
}

#[test]
fn prometheus_holds_native_histograms_that_were_written_to_it_and_their_exemplars() {
    let flags = ["--enable-feature=native-histograms,exemplar-storage"];
    let (Some(target), Some(prometheus)) = (target(), prometheus(&flags, "")) else { return };
    let out = format!("prometheus-rw={}", prometheus.url());
    let native = [("LOADTOOL_PROMETHEUS_RW_NATIVE_HISTOGRAMS", "true")];
    let summary = run(&target, "2s", &["--out", &out, "--trace"], &native);
    assert_eq!(summary["outputs"][0]["lost"], 0, "{summary}");
    assert_holds(&prometheus, &summary);
    assert_native(&prometheus, &summary);
    assert_ended(&prometheus);
    let exemplars = prometheus.get(
        "/api/v1/query_exemplars?query=loadtool_http_call_duration_seconds&start=0&end=9999999999",
    );
    assert!(exemplars.contains("trace_id"), "{exemplars}");
}

/// Scrapes a run; its summary.
fn scraped(flags: &[&str]) -> Option<(Server, Json)> {
    let place = format!("127.0.0.1:{}", free_port());
    let scrape = format!(
        "scrape_configs: [{{ job_name: loadtool, scrape_interval: 1s, \
         static_configs: [{{ targets: ['{place}'] }}] }}]"
    );
    let (target, prometheus) = (target()?, prometheus(flags, &scrape)?);
    // It reads its configuration, and looks some seconds later for whom it is to scrape.
    let began = Instant::now();
    while !prometheus.get("/api/v1/targets").contains(&place) {
        assert!(began.elapsed() < Duration::from_secs(60), "no target");
        std::thread::sleep(Duration::from_millis(20));
    }
    let out = format!("prometheus={place}");
    let summary = run(&target, "5s", &["--out", &out, "--trace"], &[]);
    Some((prometheus, summary))
}

/// As it was when the run was scraped last: it is gone, and so are its series.
#[test]
fn prometheus_scrapes_native_histograms_and_exemplars() {
    let flags = ["--enable-feature=native-histograms,exemplar-storage"];
    let Some((prometheus, summary)) = scraped(&flags) else { return };
    let calls = summary["totals"]["calls"]["count"].as_f64();
    let count = r#"histogram_count(sum(loadtool_http_call_duration_seconds{phase="load"}))"#;
    assert_eq!(Some(asked_before(&prometheus, count)), calls);
    let orders = asked_before(&prometheus, "sum(loadtool_orders_total)");
    assert_eq!(Some(orders), summary["own_metrics"][0]["value"].as_f64());
    let exemplars = prometheus.get(
        "/api/v1/query_exemplars?query=loadtool_http_call_duration_seconds&start=0&end=9999999999",
    );
    assert!(exemplars.contains("trace_id"), "{exemplars}");
}

#[test]
fn prometheus_scrapes_text_and_ends_with_the_summarys_numbers() {
    let Some((prometheus, summary)) = scraped(&[]) else { return };
    let calls = summary["totals"]["calls"]["count"].as_f64();
    for expression in [
        r#"sum(loadtool_http_calls_total{phase="load"})"#,
        r#"sum(loadtool_http_call_duration_seconds_bucket{le="+Inf"})"#,
    ] {
        assert_eq!(Some(asked_before(&prometheus, expression)), calls, "{expression}");
    }
}

/// The points of a metric in one request, whatever its kind.
fn points<'r>(request: &'r Json, name: &str) -> (&'r Json, Vec<&'r Json>) {
    let metrics = &request["request"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let metrics = metrics.as_array().unwrap_or_else(|| panic!("{request}"));
    let metric = metrics.iter().find(|metric| metric["name"] == name);
    let metric = metric.unwrap_or_else(|| panic!("no {name} in {request}"));
    let kinds = ["sum", "gauge", "histogram", "exponentialHistogram"];
    let data = kinds.iter().find_map(|kind| metric[kind]["dataPoints"].as_array());
    (metric, data.expect("it has points").iter().collect())
}

/// An integer, which JSON has as a text.
fn whole(value: &Json) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn summed(points: &[&Json], field: &str) -> u64 {
    points.iter().map(|point| whole(&point[field])).sum()
}

/// Exports a run; what was received, and the summary.
fn exported(variables: &[(&str, &str)]) -> Option<(Vec<Json>, Json)> {
    let (target, receiver) = (target()?, otlp_receiver()?);
    let out = format!("otlp={}", receiver.url());
    let summary = run(&target, "2s", &["--out", &out, "--trace"], variables);
    assert_eq!(summary["outputs"][0]["lost"], 0, "{summary}");
    let log = fs::read_to_string(receiver.folder.path().join("requests")).expect("a log");
    let requests = log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON"));
    Some((requests.collect(), summary))
}

#[test]
fn opentelemetry_reads_what_is_exported() {
    let service = [
        ("OTEL_SERVICE_NAME", "till"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment=a%20b"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ];
    let Some((requests, summary)) = exported(&service) else { return };
    for request in &requests {
        assert_eq!(request["path"], "/v1/metrics");
        assert_eq!(request["encoding"], "gzip");
        assert_eq!(request["unknown"], false, "every field is one of OpenTelemetry's");
    }
    let last = requests.last().expect("a request");
    let resource = last["request"]["resourceMetrics"][0]["resource"].to_string();
    for part in [r#""till""#, r#""a b""#, "service.instance.id"] {
        assert!(resource.contains(part), "{part}: {resource}");
    }
    let calls = summary["totals"]["calls"]["count"].as_u64().expect("a number");
    let (metric, counted) = points(last, "loadtool.http_calls");
    assert_eq!(summed(&counted, "asInt"), calls);
    assert_eq!(metric["sum"]["aggregationTemporality"], "AGGREGATION_TEMPORALITY_CUMULATIVE");
    assert_eq!(metric["sum"]["isMonotonic"], true);
    let told = counted[0]["attributes"].to_string();
    assert!(told.contains(r#""of-kind""#) && told.contains(r#"x\"y"#), "tags as they are: {told}");
    let (metric, timed) = points(last, "loadtool.http_call_duration");
    assert_eq!(metric["unit"], "s");
    assert_eq!(summed(&timed, "count"), calls);
    let filled = |point: &Json| -> u64 {
        let counts = point["positive"]["bucketCounts"].as_array().expect("buckets");
        counts.iter().map(whole).sum::<u64>() + whole(&point["zeroCount"])
    };
    assert!(timed.iter().all(|point| filled(point) == whole(&point["count"])), "{timed:?}");
    let sum: f64 = timed.iter().filter_map(|point| point["sum"].as_f64()).sum();
    let mean = summary["totals"]["calls"]["latency_ms"]["mean"].as_f64().expect("samples");
    assert!((sum * 1e3 / calls as f64 / mean - 1.0).abs() < 1e-9, "{sum} is not of {mean}");
    let exemplars = requests.iter().flat_map(|request| {
        points(request, "loadtool.http_req_duration").1.into_iter().map(|one| &one["exemplars"][0])
    });
    let lengths = |one: &Json| ["traceId", "spanId"].map(|id| one[id].as_str().map_or(0, str::len));
    assert!(exemplars.into_iter().any(|one| lengths(one) == [24, 12]), "16 and 8 bytes, base64");
    assert_eq!(points(last, "loadtool.stock").1[0]["asDouble"], 7.0);
    assert_eq!(summed(&points(last, "loadtool.checks.samples").1, "asInt"), 2 * calls);
    for metric in ["process_memory", "process_threads", "process_open_fds", "process_cpu"] {
        assert_eq!(points(last, &format!("loadtool.{metric}")).1.len(), 1, "{metric}");
    }
    assert_eq!(
        whole(&points(last, "loadtool.wait").1[0]["count"]),
        calls,
        "a timer of the script's"
    );
}

#[test]
fn opentelemetrys_variables_choose_bounds_and_differences() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "explicit_bucket_histogram"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
    ];
    let Some((requests, summary)) = exported(&variables) else { return };
    let calls = summary["totals"]["calls"]["count"].as_u64().expect("a number");
    let (mut counted, mut timed) = (0, 0);
    let holds = |request: &&Json| request.to_string().contains("\"loadtool.http_calls\"");
    for request in requests.iter().filter(holds) {
        counted += summed(&points(request, "loadtool.http_calls").1, "asInt");
        let (metric, times) = points(request, "loadtool.http_call_duration");
        assert_eq!(metric["histogram"]["aggregationTemporality"], "AGGREGATION_TEMPORALITY_DELTA");
        for point in times {
            let counts = point["bucketCounts"].as_array().expect("buckets");
            let bounds = point["explicitBounds"].as_array().expect("bounds");
            assert_eq!(counts.len(), bounds.len() + 1);
            assert_eq!(counts.iter().map(whole).sum::<u64>(), whole(&point["count"]));
            timed += whole(&point["count"]);
        }
    }
    assert_eq!((counted, timed), (calls, calls));
}
