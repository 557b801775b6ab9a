//! A run's totals → its summary.

use super::advice::advice;
use super::course::Course;
use super::run_info::RunInfo;
use super::summary::{
    Connections, Distribution, Error, Generator, Run, SCHEMA, Summary, Threshold, Total, Totals,
};
use super::tick::Tick;
use super::variants::Variants;
use super::verdict::{Facts, Verdict};
use super::watch::Watch;
use super::{fitness, heat, own, remarks, scenarios, series, tables, tail, thresholds, timeline};
use crate::metrics::window::ErrorRow;
use crate::metrics::{MetricId, Selector, Value, Window, metric};
use crate::plan;
use crate::stop::StopReason;

/// All that is known when a run is over.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Which run it was.
    pub run: &'a RunInfo,
    /// The plan's.
    pub thresholds: &'a [plan::Threshold],
    /// What became of them while the run went on, if they were watched.
    pub watch: Option<&'a Watch>,
    /// Everything recorded, merged.
    pub totals: &'a Window,
    /// Every second.
    pub timeline: &'a [Tick],
    /// The same by call, of phase `load`.
    pub courses: &'a [Course],
    /// What else went wrong in this tool itself, as sentences.
    pub bugs: &'a [String],
    /// By scenario: arrivals that waited at the end of each second of the run.
    pub backlogs: &'a [Vec<u32>],
    /// How busy the busiest worker was, by second [percent of a core].
    pub busy: &'a [u16],
    /// Conservation laws that the totals break: bugs, unless Windows were lost.
    pub breaches: &'a [String],
    /// Windows that came after their second was closed.
    pub late_windows: u64,
    /// Windows that never came.
    pub lost_windows: u64,
    /// Why the run ended before its plan did, if so.
    pub stop: Option<&'a StopReason>,
    /// How the targets of the run compare, if it has several.
    pub variants: Option<&'a Variants>,
    /// Requests per second that the workers can make on this machine, if that was measured.
    pub ceiling: Option<f64>,
}

impl Summary {
    /// The summary of a run.
    pub fn of(sources: &Sources) -> Summary {
        let Sources { run, totals, .. } = *sources;
        let scenarios = scenarios::scenarios(sources);
        let thresholds: Vec<Threshold> = sources
            .thresholds
            .iter()
            .enumerate()
            .flat_map(|(index, threshold)| {
                let watched = sources.watch.and_then(|watch| watch.of(index));
                thresholds::judge_beside(threshold, totals, run, watched)
            })
            .collect();
        let broken = if sources.lost_windows > 0 { &[] } else { sources.breaches };
        let measurement = fitness::measurement_failures(sources, &scenarios);
        let mut unfit = fitness::unstable(&scenarios);
        unfit.extend(fitness::hidden_waits(&scenarios, &thresholds));
        let facts = Facts {
            measurement: &measurement,
            excused: fitness::errs_on_the_safe_side(sources, &scenarios, &thresholds),
            unfit: &unfit,
            bugs: &[sources.bugs, broken].concat(),
            stop: sources.stop,
            thresholds: &thresholds,
            worse: &sources.variants.map(Variants::worse).unwrap_or_default(),
            compared: sources.variants.is_some_and(Variants::can_tell),
            completed: scenarios.iter().map(|scenario| scenario.iterations.completed).sum(),
            unanswered: fitness::perhaps_ours(totals, &Selector::of(metric::HTTP_CALL_FAILED)),
            lost_windows: sources.lost_windows,
            short: &[
                remarks::short(run),
                remarks::unpunctual(&scenarios),
                fitness::undelivered(&scenarios, &thresholds),
            ]
            .concat(),
        };
        let mut summary = Summary {
            schema: SCHEMA.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            run: about(run),
            verdict: Verdict::of(&facts),
            totals: whole(totals, run),
            requests: tail::with_plain_shares(tables::requests(totals, run), totals, run),
            steps: tables::steps(totals, run),
            checks: tables::checks(totals, run),
            errors: errors(&totals.errors, run),
            connections: connections(totals),
            own_metrics: own::metrics(totals, run.load),
            tails: tail::tails(totals, run),
            metrics: series::metrics(&totals.rows),
            timeline: timeline::seconds(sources.timeline, run),
            generator: generator(totals, !measurement.is_empty()),
            anomalies: remarks::anomalies(sources, &scenarios),
            recommendations: Vec::new(),
            outputs: Vec::new(),
            heat_edges_ms: heat::EDGES_MS.to_vec(),
            limit: None,
            variants: sources.variants.cloned(),
            thresholds,
            scenarios,
        };
        summary.recommendations = advice(&summary);
        summary
    }
}

fn about(run: &RunInfo) -> Run {
    Run {
        id: run.id.clone(),
        name: run.name.clone(),
        script: run.script.clone(),
        script_sha256: run.script_sha256.clone(),
        started_at: run.started_at.clone(),
        duration_s: run.duration.as_secs_f64(),
        seed: run.seed,
        threads: run.threads,
        agents: run.agents,
        command: run.command.clone(),
        plan: run.plan.clone(),
        source: run.source.clone(),
        environment: run.environment.clone(),
    }
}

fn whole(totals: &Window, run: &RunInfo) -> Totals {
    let per_second = |count| tables::per_second(count, run.load.as_secs_f64());
    let total = |count, failed, latency| {
        let count = totals.count(&Selector::of(count));
        Total {
            count,
            failed: tables::failed(totals, failed),
            rate_per_s: per_second(count),
            latency_ms: Distribution::meant(totals, &Selector::of(latency)),
        }
    };
    Totals {
        calls: total(metric::HTTP_CALLS, metric::HTTP_CALL_FAILED, metric::HTTP_CALL_DURATION),
        iterations: total(
            metric::ITERATIONS,
            metric::ITERATION_FAILED,
            metric::ITERATION_RESPONSE_TIME,
        ),
        bytes_sent: totals.count(&everywhere(metric::DATA_SENT)),
        bytes_received: totals.count(&everywhere(metric::DATA_RECEIVED)),
        bytes_sent_per_s: per_second(totals.count(&Selector::of(metric::DATA_SENT))),
        bytes_received_per_s: per_second(totals.count(&Selector::of(metric::DATA_RECEIVED))),
        errors: tables::errors(totals, &Selector::of(metric::ERRORS), run.load.as_secs_f64()),
    }
}

/// A metric in all phases.
fn everywhere(metric: MetricId) -> Selector {
    Selector::of(metric).any("phase")
}

fn connections(totals: &Window) -> Connections {
    Connections {
        opened: totals.count(&everywhere(metric::CONNECTIONS_OPENED)),
        reused: totals.count(&everywhere(metric::CONNECTIONS_REUSED)),
        failed: totals.count(&everywhere(metric::CONNECTIONS_FAILED)),
        connect_ms: Distribution::meant(totals, &everywhere(metric::HTTP_REQ_CONNECTING)),
    }
}

fn generator(totals: &Window, saturated: bool) -> Generator {
    let most = |metric| match totals.fold(&everywhere(metric)) {
        Some(Value::Gauge { max, .. }) => Some(max),
        _ => None,
    };
    let whole = |metric| most(metric).map(|value| value as u64);
    Generator {
        cpu_percent_max: most(metric::PROCESS_CPU_PERCENT),
        rss_bytes_max: whole(metric::PROCESS_MEMORY_BYTES),
        fds_max: whole(metric::PROCESS_OPEN_FDS),
        worker_cpu_percent_max: most(metric::WORKER_CPU_PERCENT),
        threads_max: whole(metric::PROCESS_THREADS),
        tcp_sockets_max: whole(metric::MACHINE_TCP_SOCKETS),
        throttled_percent_max: most(metric::PROCESS_THROTTLED_PERCENT),
        steal_percent_max: most(metric::MACHINE_STEAL_PERCENT),
        loop_lag_ms: Distribution::meant(totals, &everywhere(metric::LOOP_LAG)),
        saturated: Some(saturated),
    }
}

/// The most frequent kinds first.
fn errors(rows: &[ErrorRow], run: &RunInfo) -> Vec<Error> {
    let mut rows: Vec<&ErrorRow> = rows.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows.truncate(remarks::MOST_ERRORS);
    rows.into_iter().map(|row| error(row, run)).collect()
}

fn error(row: &ErrorRow, run: &RunInfo) -> Error {
    let scenario = run.scenarios.get(usize::from(row.scenario));
    Error {
        category: row.category.to_owned(),
        message: row.message.clone(),
        scenario: scenario.map(|scenario| scenario.name.to_string()),
        step: row.step.to_string(),
        status: (row.status != 0).then_some(row.status),
        count: row.count,
        first_s: row.first.as_secs_f64(),
        last_s: row.last.as_secs_f64(),
        exemplar: row.exemplar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::results::summary::Rate;
    use crate::results::{example, fixture};

    fn summary() -> Summary {
        let (run, totals) = (fixture::run(), fixture::totals());
        let thresholds = plan::Threshold::defaults();
        let timeline = [Tick { p50_ms: Some(1.5), ..Tick::default() }];
        Summary::of(&Sources {
            thresholds: &thresholds,
            timeline: &timeline,
            ..fixture::sources(&run, &totals)
        })
    }

    #[test]
    fn calls_are_told_by_name_with_statuses_errors_and_bytes() {
        let requests = summary().requests;
        let [login, home] = requests.as_slice() else { panic!("{requests:#?}") };
        assert_eq!((login.step.as_str(), login.name.as_str()), ("", "/login"));
        assert_eq!((login.method.as_str(), login.count, login.failed), ("POST", 50, 0));
        assert_eq!((home.step.as_str(), home.count, home.failed), ("home", 60, 10));
        assert_eq!(home.statuses, [("200".to_owned(), 50), ("503".to_owned(), 10)].into());
        assert_eq!(home.errors, [("server_error".to_owned(), 10)].into());
        assert_eq!((home.bytes_sent, home.bytes_received), (5_000, 100_000));
        assert_eq!((home.rate_per_s, home.duration_ms.count), (12.0, 50));
        assert_eq!((home.duration_ms.min, home.duration_ms.max), (Some(2.0), Some(100.0)));
    }

    #[test]
    fn scenarios_stages_steps_checks_and_connections_add_up() {
        let summary = summary();
        let buyers = &summary.scenarios[0];
        assert_eq!((buyers.iterations.planned, buyers.iterations.completed), (4, 2));
        assert_eq!((buyers.iterations.failed, buyers.iterations.interrupted), (1, 1));
        assert_eq!((buyers.rate_per_s, buyers.adherence_percent), (0.6, None));
        assert_eq!(buyers.duration_ms.count, 3, "completed and interrupted");
        assert_eq!((buyers.stages[0].iterations, buyers.stages[0].failed), (3, 1));
        assert_eq!(buyers.stages[0].duration_ms.count, 3, "of the stage too");
        assert_eq!(summary.scenarios[1].iterations.planned, 0);
        assert_eq!((summary.steps[0].count, summary.steps[0].failed), (4, 1));
        let errors = Rate { count: 10, rate_per_s: 2.0 };
        let errors = BTreeMap::from([("server_error".to_owned(), errors)]);
        assert_eq!((&summary.steps[0].errors, &buyers.errors), (&errors, &errors));
        assert_eq!(summary.scenarios[1].errors, BTreeMap::new());
        assert_eq!(summary.totals.errors["server_error"].rate_per_s, 1.0, "of both loads");
        assert_eq!(summary.steps[0].duration_ms.count, 3);
        assert_eq!((summary.checks[0].passed, summary.checks[0].failed), (3, 1));
        assert_eq!((summary.connections.opened, summary.connections.reused), (20, 80));
        assert_eq!(summary.connections.connect_ms.count, 20);
        assert_eq!((summary.totals.calls.count, summary.totals.calls.failed), (110, 10));
        assert_eq!((summary.errors[0].status, summary.errors[0].count), (Some(503), 10));
        assert_eq!(summary.anomalies[0].kind, "interrupted");
        assert_eq!(summary.verdict.exit_code, 3);
    }

    #[test]
    fn percentiles_are_those_of_the_histogram_beside_them() {
        let latency = summary().totals.calls.latency_ms;
        let text = latency.hdr.clone().unwrap();
        let times = crate::metrics::Histogram::from_base64(&text).unwrap();
        let read = Distribution::of(&times);
        assert_eq!((latency.p50, latency.p99), (read.p50, read.p99));
        assert_eq!(latency.count, 100);
    }

    /// The schema, in which objects may have no fields but those it names. (A series is a
    /// distribution with tags, an own metric one with a name, so these are left open.)
    fn strict_schema() -> Json {
        let text = include_str!("../../docs/summary.schema.json");
        let mut schema: Json = serde_json::from_str(text).unwrap();
        close(&mut schema);
        for open in ["distribution", "series", "own_metric"] {
            schema["$defs"][open].as_object_mut().unwrap().remove("additionalProperties");
        }
        schema
    }

    fn close(schema: &mut Json) {
        if let Json::Object(fields) = schema {
            if fields.contains_key("properties") && fields.contains_key("type") {
                fields.insert("additionalProperties".into(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
    }

    #[test]
    fn every_summary_is_as_the_schema_says_and_has_no_other_fields() {
        let validator = jsonschema::draft202012::new(&strict_schema()).unwrap();
        for summary in
            [summary(), example::good(), example::bad(), example::empty(), example::compared()]
        {
            let json = serde_json::to_value(&summary).unwrap();
            let faults: Vec<_> = validator
                .iter_errors(&json)
                .map(|fault| format!("{}: {fault}", fault.instance_path()))
                .collect();
            assert!(faults.is_empty(), "{faults:#?}");
            assert!(serde_json::from_value::<Summary>(json).unwrap() == summary, "it reads back");
        }
    }

    #[test]
    fn the_schema_refuses_what_is_no_summary() {
        let validator = jsonschema::draft202012::new(&strict_schema()).unwrap();
        let good = serde_json::to_value(summary()).unwrap();
        for (field, value) in [
            ("/verdict/result", json!("passed")),
            ("/run/script_sha256", json!("abc")),
            ("/requests/0/duration_ms/p95", json!("fast")),
            ("/metrics/http_calls/series/0", json!({ "tags": {} })),
            ("/scenarios/0/iterations", json!({ "planned": 1 })),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(field).unwrap() = value;
            assert!(!validator.is_valid(&bad), "{field}");
        }
    }
}
