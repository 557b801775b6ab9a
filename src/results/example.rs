//! Summaries made by hand, for tests of what reads them.

use std::collections::BTreeMap;

use super::heat;
use super::journey::{Journey, JourneyEvent, JourneyRequest};
use super::summary::*;
use super::tail::{Cause, LookedAt, Mostly, Tail};
use super::variants::{Candidate, Target, Variants};
use super::verdict::{self, Facts};
use crate::compare::series::Key;
use crate::compare::{Comparison, Row, Stat, Verdict};

/// A summary without a single sample.
pub fn empty() -> Summary {
    let facts = Facts::default();
    Summary {
        limit: None,
        variants: None,
        schema: SCHEMA.into(),
        tool_version: "0.1.0".into(),
        run: Run {
            id: "0199a1b2-0000-7000-8000-000000000000".into(),
            name: "shop".into(),
            script: "scripts/shop.lua".into(),
            script_sha256: "0".repeat(64),
            started_at: "2026-01-02T03:04:05Z".into(),
            duration_s: 10.02,
            seed: 4711,
            threads: 2,
            agents: 1,
            command: ["run", "scripts/shop.lua", "--env", "USER=***"].map(str::to_owned).to_vec(),
            plan: "shop: 1 scenario\n  buyers  20 users for 10s\n".into(),
            source: "-- the shop\nreturn function() end\n".into(),
            environment: Environment {
                system: "linux".into(),
                release: "6.12.0".into(),
                architecture: "x86_64".into(),
                processor: "A processor".into(),
                cores: Some(2),
                memory_bytes: Some(4 << 30),
                build: "release".into(),
            },
        },
        verdict: verdict::Verdict::of(&facts),
        totals: Totals::default(),
        scenarios: vec![scenario("buyers", 0, 0)],
        requests: Vec::new(),
        steps: Vec::new(),
        checks: Vec::new(),
        errors: Vec::new(),
        connections: Connections::default(),
        thresholds: Vec::new(),
        own_metrics: Vec::new(),
        tails: Vec::new(),
        metrics: BTreeMap::new(),
        timeline: vec![Second { vus: 20, ..Second::default() }],
        heat_edges_ms: heat::EDGES_MS.to_vec(),
        generator: Generator::default(),
        anomalies: Vec::new(),
        recommendations: Vec::new(),
        outputs: Vec::new(),
    }
}

/// The same against two targets, of which the second is worse.
pub fn compared() -> Summary {
    let key =
        |call: &str| Key { scenario: "buyers".into(), step: String::new(), call: call.into() };
    let row = |stat, base: f64, candidate: f64, verdict| Row {
        series: key("GET /cart/{id}"),
        stat,
        base,
        candidate,
        change: candidate / base - 1.0,
        interval: (verdict != Verdict::TooFew)
            .then_some((candidate / base - 1.04, candidate / base - 0.96)),
        verdict,
    };
    let target =
        |name: &str| Target { name: name.into(), base_url: format!("http://{name}.test/") };
    let comparison = Comparison {
        rows: vec![
            row(Stat::P50, 20.0, 24.0, Verdict::Regression),
            row(Stat::P95, 40.0, 30.0, Verdict::Improvement),
            row(Stat::P99, 60.0, 90.0, Verdict::TooFew),
            row(Stat::Rate, 50.0, 50.0, Verdict::Same),
        ],
        only_base: vec![key("GET /old")],
        only_candidate: Vec::new(),
        remarks: Vec::new(),
    };
    let candidates = vec![Candidate { target: target("new"), comparison }];
    let variants = Variants { min_change: 0.05, base: target("old"), candidates };
    Summary { variants: Some(variants), ..good() }
}

/// One scenario, all thresholds hold.
pub fn good() -> Summary {
    let summary = Summary {
        totals: Totals {
            calls: Total {
                count: 12_345,
                failed: 0,
                rate_per_s: 1234.5,
                latency_ms: distribution(12_345, 1.2),
            },
            iterations: Total {
                count: 4_115,
                failed: 0,
                rate_per_s: 411.5,
                latency_ms: distribution(4_115, 3.7),
            },
            bytes_sent: 1_258_291,
            bytes_received: 36_175_872,
            bytes_sent_per_s: 125_829.1,
            bytes_received_per_s: 3_617_587.2,
            errors: BTreeMap::new(),
        },
        scenarios: vec![Scenario { slowest: vec![journey()], ..scenario("buyers", 4_115, 0) }],
        requests: vec![
            request("buyers", "login", "POST", "/login", 4_115, 0),
            request("buyers", "browse", "GET", "/products?page={}", 4_115, 0),
            request("buyers", "add to cart", "POST", "/cart/{id}/items", 4_115, 0),
        ],
        steps: vec![step("login", 4_115, 0), step("add to cart", 4_115, 0)],
        checks: vec![check("status is 200", 4_115, 0)],
        connections: Connections {
            opened: 20,
            reused: 12_325,
            failed: 0,
            connect_ms: distribution(20, 0.09),
        },
        thresholds: vec![
            threshold("http_call_failed", "rate < 1%", Some(0.0), true),
            threshold("checks", "rate > 99%", None, true),
        ],
        ..empty()
    };
    judged(summary, 4_115)
}

/// Two scenarios, and much that went wrong.
pub fn bad() -> Summary {
    let good = good();
    let mut buyers = scenario("buyers", 4_100, 15);
    buyers.iterations = Iterations {
        planned: 4_140,
        started: 4_135,
        completed: 4_100,
        failed: 15,
        interrupted: 20,
        dropped: 5,
        late: 3,
    };
    buyers.dropped_by_reason = [("end".to_owned(), 5)].into();
    buyers.adherence_percent = Some(99.9);
    buyers.errors = error_rates();
    buyers.duration_ms = distribution(4_100, 2.9);
    buyers.lag_users_ms = distribution(4_135, 0.65);
    buyers.lag_generator_ms = distribution(4_135, 0.15);
    buyers.slowest = vec![journey(), Journey { outcome: "failed".into(), ..journey() }];
    buyers.stages = vec![
        Stage {
            name: "1".into(),
            duration_s: 5.0,
            iterations: 2_000,
            failed: 15,
            rate_per_s: Some(400.0),
            response_time_ms: distribution(2_000, 3.1),
            duration_ms: distribution(2_000, 2.6),
        },
        Stage { name: "jump".into(), ..Stage::default() },
    ];
    let summary = Summary {
        scenarios: vec![buyers, scenario("browsers", 300, 0)],
        requests: vec![
            request("buyers", "login", "POST", "/login", 4_115, 40),
            request(
                "browsers",
                "",
                "GET",
                "/a/very/long/path/that/nobody/would/ever/write/down",
                300,
                0,
            ),
        ],
        steps: vec![
            Step { errors: error_rates(), ..step("login", 4_115, 40) },
            step("check out / pay by card", 4_000, 0),
        ],
        checks: vec![check("status is 200", 4_115, 0), check("has a cart id", 4_075, 40)],
        errors: vec![
            Error {
                category: "server_error".into(),
                message: "POST /login: status 503 was not expected (200–399 is)".into(),
                scenario: Some("buyers".into()),
                step: "login".into(),
                status: Some(503),
                count: 40,
                first_s: 3.2,
                last_s: 9.9,
                exemplar: Some(
                    "> POST /login HTTP/1.1\n> authorization: [redacted]\n\n< HTTP/1.1 503\n\nbusy"
                        .into(),
                ),
            },
            Error {
                category: "timeout".into(),
                message: "GET /products: no answer within 30 s while waiting for the head".into(),
                count: 1,
                first_s: 4.0,
                last_s: 4.0,
                ..Error::default()
            },
        ],
        thresholds: vec![
            threshold("http_call_failed", "rate < 1%", Some(0.0097), true),
            Threshold {
                limit: 200.0,
                unit: "ms".into(),
                default: false,
                ..threshold("http_call_duration{step=login}", "p95 < 200ms", Some(231.4), false)
            },
            Threshold {
                limit: 1000.0,
                unit: "ms".into(),
                default: false,
                samples: 12,
                min_samples: 400,
                ..threshold("step_duration{step=pay}", "p99 < 1s", Some(830.0), true)
            },
            Threshold { default: false, ..threshold("iterations", "count > 3", None, false) },
        ],
        own_metrics: own_metrics(),
        tails: vec![tail()],
        metrics: metrics(),
        anomalies: vec![Anomaly::told(
            "dropped",
            "5 iterations of buyers never started (end 5): the percentiles flatter".into(),
        )],
        recommendations: vec!["give buyers more users".into()],
        ..good
    };
    judged(summary, 4_400)
}

/// Puts this name in every place where a script or a server may put one.
pub fn rename(summary: &mut Summary, name: &str) {
    let name = || name.to_owned();
    summary.run.name = name();
    summary.verdict.reasons.push(name());
    summary.anomalies[0].message = name();
    for tail in &mut summary.tails {
        (tail.scenario, tail.step, tail.name, tail.method) = (name(), name(), name(), name());
        for cause in &mut tail.causes {
            (cause.name, cause.value) = (name(), name());
        }
    }
    for scenario in &mut summary.scenarios {
        scenario.name = name();
        scenario.stages.iter_mut().for_each(|stage| stage.name = name());
        let events = scenario.slowest.iter_mut().flat_map(|journey| &mut journey.events);
        for request in events.filter_map(|event| event.request.as_mut()) {
            (request.name, request.method) = (name(), name());
        }
    }
    for call in &mut summary.requests {
        (call.scenario, call.step, call.name, call.method) = (name(), name(), name(), name());
    }
    summary.steps.iter_mut().for_each(|step| (step.scenario, step.step) = (name(), name()));
    for check in &mut summary.checks {
        (check.scenario, check.step, check.name) = (name(), name(), name());
    }
    for error in &mut summary.errors {
        (error.scenario, error.step, error.message) = (Some(name()), name(), name());
        error.exemplar = Some(name());
    }
    summary.thresholds.iter_mut().for_each(|one| (one.metric, one.expression) = (name(), name()));
}

fn judged(mut summary: Summary, completed: u64) -> Summary {
    let facts = Facts { thresholds: &summary.thresholds, completed, ..Facts::default() };
    summary.verdict = verdict::Verdict::of(&facts);
    summary
}

fn scenario(name: &str, completed: u64, failed: u64) -> Scenario {
    let count = completed + failed;
    Scenario {
        name: name.into(),
        kind: "constant_vus".into(),
        iterations: Iterations {
            planned: count,
            started: count,
            completed,
            failed,
            ..Iterations::default()
        },
        rate_per_s: count as f64 / 10.0,
        load_s: 10.0,
        vus_max: 20,
        duration_ms: distribution(completed, 3.7),
        response_time_ms: distribution(completed, 3.7),
        ..Scenario::default()
    }
}

/// 44.4 ms, of which 30 went to the cart, 8 to a pause and 4 into a late start.
fn journey() -> Journey {
    let event = |at_ms, duration_ms, kind: &str, request| JourneyEvent {
        at_ms,
        duration_ms,
        kind: kind.into(),
        step: if kind == "think" { "" } else { "add to cart" }.into(),
        request,
    };
    let cart = JourneyRequest {
        name: "/cart/{id}/items".into(),
        method: "POST".into(),
        status: Some(201),
        reused: true,
        wait_ms: 29.5,
        receive_ms: 0.5,
        bytes_sent: 120,
        bytes_received: 300,
        ..JourneyRequest::default()
    };
    Journey {
        user: 7,
        iteration: 205,
        started_s: 3.2,
        response_time_ms: 44.4,
        lag_ms: 4.0,
        trace_id: None,
        outcome: "completed".into(),
        events: vec![
            event(0.1, 1000.0, "think", None),
            event(1000.1, 40.1, "step", None),
            event(1000.2, 30.0, "request", Some(cart)),
            event(1030.3, 8.0, "sleep", None),
        ],
        truncated: 0,
    }
}

fn request(
    scenario: &str,
    step: &str,
    method: &str,
    name: &str,
    count: u64,
    failed: u64,
) -> Request {
    Request {
        scenario: scenario.into(),
        step: step.into(),
        name: name.into(),
        method: method.into(),
        count,
        failed,
        rate_per_s: count as f64 / 10.0,
        bytes_sent: 100 * count,
        bytes_received: 2_000 * count,
        statuses: [("200".to_owned(), count - failed), ("503".to_owned(), failed)].into(),
        errors: [("server_error".to_owned(), failed)].into(),
        duration_ms: distribution(count - failed, 1.1),
        uncompressed_percent: None,
    }
}

fn tail() -> Tail {
    let cause = |kind: &str, name: &str, value: &str, slowest, rest| Cause {
        kind: kind.into(),
        name: name.into(),
        value: value.into(),
        slowest,
        rest,
    };
    Tail {
        scenario: "buyers".into(),
        step: "login".into(),
        name: "/login".into(),
        method: "POST".into(),
        count: 4_115,
        slowest_share: 0.01,
        slowest_from_ms: 210.0,
        rest_p50_ms: 1.1,
        looked_at: LookedAt { slowest: 41, rest: 250 },
        causes: vec![
            cause("fact", "peer", "127.0.0.2:8080", 1.0, 0.33),
            cause("part", "db", "", 0.82, 0.09),
        ],
        mostly: Some(Mostly {
            phase: "wait".into(),
            share: 0.97,
            slowest_p50_ms: 240.0,
            rest_p50_ms: 0.9,
        }),
    }
}

fn step(name: &str, count: u64, failed: u64) -> Step {
    let (scenario, step) = ("buyers".into(), name.into());
    let duration_ms = distribution(count - failed, 1.3);
    let rate_per_s = count as f64 / 10.0;
    Step { scenario, step, count, failed, rate_per_s, duration_ms, errors: BTreeMap::new() }
}

fn error_rates() -> BTreeMap<String, Rate> {
    [("server_error".to_owned(), Rate { count: 40, rate_per_s: 4.0 })].into()
}

fn check(name: &str, passed: u64, failed: u64) -> Check {
    Check { scenario: "buyers".into(), step: "login".into(), name: name.into(), passed, failed }
}

fn threshold(metric: &str, expression: &str, observed: Option<f64>, ok: bool) -> Threshold {
    Threshold {
        metric: metric.into(),
        expression: expression.into(),
        observed,
        limit: 0.01,
        unit: "fraction".into(),
        ok,
        default: true,
        samples: 4_115,
        min_samples: 1,
        window_s: None,
        crossed_at_s: None,
        ended_run: false,
    }
}

/// All values are multiples of the median.
fn distribution(count: u64, median: f64) -> Distribution {
    let times = |factor: f64| (count > 0).then_some(median * factor);
    Distribution {
        count,
        min: times(0.5),
        mean: times(1.1),
        stddev: times(0.4),
        p50: times(1.0),
        p90: times(1.5),
        p95: times(2.0),
        p99: times(4.0),
        p99_9: times(8.0),
        max: times(12.0),
        hdr: (count > 0).then(|| "HISTFAAAAB".to_owned()),
    }
}

fn own_metrics() -> Vec<OwnMetric> {
    let own = |name: &str, kind: &str, unit: &str, rate_per_s, values| OwnMetric {
        name: name.into(),
        kind: kind.into(),
        unit: unit.into(),
        rate_per_s,
        values,
    };
    let sizes = Values::Histogram(Box::new(distribution(812, 20_480.0)));
    let waits = Values::Histogram(Box::new(distribution(96, 41.5)));
    vec![
        own("cache_hit", "rate", "1", None, Values::Rate { hits: 790, total: 812 }),
        own("orders", "counter", "1", Some(9.6), Values::Counter { value: 96 }),
        own("order_wait", "histogram", "ms", None, waits),
        own("page_size", "histogram", "bytes", None, sizes),
        own("stock", "gauge", "1", None, Values::Gauge { last: -2.5, max: 1_200.0 }),
    ]
}

fn metrics() -> BTreeMap<String, Metric> {
    let tags: BTreeMap<_, _> = [("scenario".to_owned(), "buyers".to_owned())].into();
    let metric = |kind: &str, unit: &str, values| Metric {
        kind: kind.into(),
        unit: unit.into(),
        series: vec![Series { tags: tags.clone(), values }],
    };
    let durations = Values::Histogram(Box::new(distribution(4_115, 1.2)));
    [
        ("http_calls".to_owned(), metric("counter", "1", Values::Counter { value: 4_115 })),
        ("checks".to_owned(), metric("rate", "1", Values::Rate { hits: 8_190, total: 8_230 })),
        ("vus".to_owned(), metric("gauge", "1", Values::Gauge { last: 0.0, max: 20.0 })),
        ("http_call_duration".to_owned(), metric("histogram", "ms", durations)),
    ]
    .into()
}
