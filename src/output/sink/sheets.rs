//! `csv=DEST`: timeline, calls, steps and all series as four CSV files, written when the run is over.
//!
//! The numbers are the summary's. All four are there or, where one could not be begun, none.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use url::form_urlencoded;

use super::super::cell::cell;
use super::super::file;
use super::{Moment, Sink, try_out};
use crate::results::Summary;
use crate::results::summary::{Distribution, Metric, Request, Second, Series, Step, Values};

/// Writes the tables.
#[derive(Debug)]
pub struct Sheets {
    timeline: PathBuf,
    calls: PathBuf,
    steps: PathBuf,
    metrics: PathBuf,
}

impl Sheets {
    /// `dest` is a folder (one that exists, or any name that ends with `/`), or what the names of
    /// the files begin with: `out.csv` makes `out-timeline.csv`, `out-calls.csv` and so on.
    ///
    /// # Errors
    /// It can be seen now that this will not be possible.
    pub fn to(dest: &str) -> Result<Sheets, String> {
        let folder = Path::new(dest);
        if dest.ends_with('/') {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        let place = |table: &str| match folder.is_dir() {
            true => folder.join(format!("{table}.csv")),
            false => {
                PathBuf::from(format!("{}-{table}.csv", dest.strip_suffix(".csv").unwrap_or(dest)))
            }
        };
        let sheets = Sheets {
            timeline: place("timeline"),
            calls: place("calls"),
            steps: place("steps"),
            metrics: place("metrics"),
        };
        for path in [&sheets.timeline, &sheets.calls, &sheets.steps, &sheets.metrics] {
            try_out(path)?;
        }
        Ok(sheets)
    }
}

impl Sink for Sheets {
    fn second(&mut self, _: &Moment) -> Result<u64, String> {
        Ok(0)
    }

    fn finish(&mut self, summary: &Summary) -> Result<u64, String> {
        let timeline = sheet(&self.timeline, &[&TIMELINE], summary.timeline.iter().map(second))?;
        let calls = sheet(&self.calls, &[&CALLS, &TIMES], summary.requests.iter().map(call))?;
        let columns: [&[&str]; 3] = [&STEPS, &TIMES, &MORE_OF_STEPS];
        let steps = sheet(&self.steps, &columns, summary.steps.iter().map(step))?;
        let metrics = summary.metrics.iter();
        let series = metrics.flat_map(|(name, metric)| {
            metric.series.iter().map(move |series| one(name, metric, series))
        });
        let metrics = sheet(&self.metrics, &[&METRICS, &SPREAD], series)?;
        Ok(timeline + calls + steps + metrics)
    }
}

// What is new stands at the end: who reads by number finds what was there.

const TIMELINE: [&str; 27] = [
    "t_s",
    "vus",
    "backlog",
    "iterations",
    "calls",
    "failed",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "errors",
    "cpu_percent",
    "memory_bytes",
    "threads",
    "open_fds",
    "tcp_sockets",
    "disk_write_bytes",
    "worker_cpu_percent",
    "loop_lag_ms",
    "throttled_percent",
    "steal_percent",
    "bytes_sent",
    "bytes_received",
    "connections_opened",
    "connections_reused",
    "connections_failed",
    "connections_open",
    "response_p95_ms",
];

const CALLS: [&str; 11] = [
    "scenario",
    "step",
    "name",
    "method",
    "count",
    "failed",
    "rate_per_s",
    "bytes_sent",
    "bytes_received",
    "statuses",
    "errors",
];

const STEPS: [&str; 4] = ["scenario", "step", "count", "failed"];

/// Behind the times.
const MORE_OF_STEPS: [&str; 2] = ["rate_per_s", "errors"];

/// What a series has of these depends on the metric's kind.
const METRICS: [&str; 9] =
    ["metric", "kind", "unit", "tags", "value", "last", "hits", "total", "count"];

/// Columns of a distribution of whatever.
const SPREAD: [&str; 9] = ["min", "mean", "stddev", "p50", "p90", "p95", "p99", "p99_9", "max"];

/// Columns of a distribution of times.
const TIMES: [&str; 9] = [
    "min_ms",
    "mean_ms",
    "stddev_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "p99_9_ms",
    "max_ms",
];

fn second(second: &Second) -> Vec<String> {
    vec![
        second.t_s.to_string(),
        second.vus.to_string(),
        second.backlog.to_string(),
        second.iterations.to_string(),
        second.calls.to_string(),
        second.failed.to_string(),
        maybe(second.p50_ms),
        maybe(second.p95_ms),
        maybe(second.p99_ms),
        counts(&second.errors),
        maybe(second.cpu_percent),
        maybe(second.health.memory_bytes),
        maybe(second.health.threads),
        maybe(second.health.open_fds),
        maybe(second.health.tcp_sockets),
        maybe(second.health.disk_write_bytes),
        maybe(second.health.worker_cpu_percent.iter().max()),
        maybe(second.health.loop_lag_ms),
        maybe(second.health.throttled_percent),
        maybe(second.health.steal_percent),
        second.bytes_sent.to_string(),
        second.bytes_received.to_string(),
        second.connections.opened.to_string(),
        second.connections.reused.to_string(),
        second.connections.failed.to_string(),
        second.connections.open.to_string(),
        maybe(second.response_p95_ms),
    ]
}

fn call(call: &Request) -> Vec<String> {
    let mut cells = vec![
        cell(&call.scenario).into_owned(),
        cell(&call.step).into_owned(),
        cell(&call.name).into_owned(),
        cell(&call.method).into_owned(),
        call.count.to_string(),
        call.failed.to_string(),
        call.rate_per_s.to_string(),
        call.bytes_sent.to_string(),
        call.bytes_received.to_string(),
        counts(&call.statuses),
        counts(&call.errors),
    ];
    cells.extend(times(&call.duration_ms));
    cells
}

fn step(step: &Step) -> Vec<String> {
    let mut cells = vec![
        cell(&step.scenario).into_owned(),
        cell(&step.step).into_owned(),
        step.count.to_string(),
        step.failed.to_string(),
    ];
    cells.extend(times(&step.duration_ms));
    let errors = step.errors.iter().map(|(category, rate)| (category.clone(), rate.count));
    cells.extend([step.rate_per_s.to_string(), counts(&errors.collect())]);
    cells
}

/// One series, in the order of [`METRICS`] and [`SPREAD`].
fn one(name: &str, metric: &Metric, series: &Series) -> Vec<String> {
    let tags = form_urlencoded::Serializer::new(String::new()).extend_pairs(&series.tags).finish();
    let tags = cell(&tags).into_owned();
    let mut cells = vec![cell(name).into_owned(), metric.kind.clone(), metric.unit.clone(), tags];
    let none = || Distribution::default();
    let (numbers, spread) = match &series.values {
        Values::Counter { value } => ([Some(*value as f64), None, None, None, None], none()),
        Values::Gauge { last, max } => {
            ([None, Some(*last), None, None, None], Distribution { max: Some(*max), ..none() })
        }
        Values::Rate { hits, total } => {
            ([None, None, Some(*hits as f64), Some(*total as f64), None], none())
        }
        Values::Histogram(spread) => {
            ([None, None, None, None, Some(spread.count as f64)], (**spread).clone())
        }
    };
    cells.extend(numbers.map(maybe));
    cells.extend(times(&spread));
    cells
}

/// In the order of [`TIMES`] and [`SPREAD`].
fn times(of: &Distribution) -> [String; 9] {
    [of.min, of.mean, of.stddev, of.p50, of.p90, of.p95, of.p99, of.p99_9, of.max].map(maybe)
}

fn maybe(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// `200:12 503:1`.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let counts: Vec<String> = counts.iter().map(|(key, count)| format!("{key}:{count}")).collect();
    counts.join(" ")
}

/// Writes a table; how many rows it has below its head.
fn sheet(
    path: &Path,
    columns: &[&[&str]],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<u64, String> {
    let mut written = 0;
    let done = file::replace(path, |out: &mut dyn Write| -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(columns.concat())?;
        for row in rows {
            csv.write_record(row)?;
            written += 1;
        }
        csv.flush()
    });
    done.map(|()| written).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::results::example;
    use crate::results::summary::ConnectionsOfSecond;

    #[test]
    fn the_tables_hold_the_summarys_numbers_and_no_formula() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("made/");
        let mut summary = example::bad();
        example::rename(&mut summary, "=1+1,\"x\"\n");
        let mut sheets = Sheets::to(dest.to_str().unwrap()).unwrap();
        let written = sheets.finish(&summary).unwrap();
        let series: usize = summary.metrics.values().map(|metric| metric.series.len()).sum();
        let rows = summary.timeline.len() + summary.requests.len() + summary.steps.len();
        assert_eq!(written, (rows + series) as u64);
        let all = csv::Reader::from_path(dest.join("metrics.csv")).unwrap();
        assert_eq!(all.into_records().map(Result::unwrap).count(), series);
        let mut calls = csv::Reader::from_path(dest.join("calls.csv")).unwrap();
        assert_eq!(&calls.headers().unwrap()[2], "name");
        let first = calls.records().next().unwrap().unwrap();
        assert_eq!(
            (&first[0], &first[4]),
            ("'=1+1,\"x\"\n", &*summary.requests[0].count.to_string())
        );
        let p95: f64 = first[16].parse().unwrap();
        assert_eq!(Some(p95), summary.requests[0].duration_ms.p95);
        let timeline = fs::read_to_string(dest.join("timeline.csv")).unwrap();
        assert!(timeline.starts_with("t_s,vus,backlog,"), "{timeline}");
    }

    #[test]
    fn columns_that_were_added_stand_behind_those_that_were_there() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("made/");
        let mut summary = example::bad();
        let mut second =
            Second { t_s: 7, bytes_sent: 120, bytes_received: 450, ..Second::default() };
        second.connections = ConnectionsOfSecond { opened: 3, reused: 4, failed: 1, open: 5 };
        second.health.worker_cpu_percent = vec![20, 95, 30];
        second.response_p95_ms = Some(9.5);
        second.health.loop_lag_ms = Some(1.5);
        second.health.throttled_percent = Some(2.5);
        second.health.steal_percent = Some(0.5);
        summary.timeline = vec![second];
        Sheets::to(dest.to_str().unwrap()).unwrap().finish(&summary).unwrap();
        let lines = |table: &str| {
            let text = fs::read_to_string(dest.join(table)).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let timeline = lines("timeline.csv");
        let (old, new) = timeline[0].split_once(",disk_write_bytes,").expect("the last before");
        assert!(old.ends_with("cpu_percent,memory_bytes,threads,open_fds,tcp_sockets"), "{old}");
        let added = "worker_cpu_percent,loop_lag_ms,throttled_percent,steal_percent,\
                     bytes_sent,bytes_received,\
                     connections_opened,connections_reused,connections_failed,connections_open,\
                     response_p95_ms";
        assert_eq!(new, added);
        assert!(timeline[1].starts_with("7,"), "{}", timeline[1]);
        assert!(timeline[1].ends_with(",95,1.5,2.5,0.5,120,450,3,4,1,5,9.5"), "{}", timeline[1]);
        let steps = lines("steps.csv");
        assert!(steps[0].starts_with("scenario,step,count,failed,min_ms,"), "{}", steps[0]);
        assert!(steps[0].ends_with(",max_ms,rate_per_s,errors"), "{}", steps[0]);
        assert!(steps[1].ends_with(",411.5,server_error:40"), "{}", steps[1]);
    }

    #[test]
    fn a_prefix_names_the_files_and_a_folder_that_is_missing_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let prefix = dir.path().join("run.csv");
        let mut sheets = Sheets::to(prefix.to_str().unwrap()).unwrap();
        sheets.finish(&example::good()).unwrap();
        for table in ["timeline", "calls", "steps", "metrics"] {
            assert!(dir.path().join(format!("run-{table}.csv")).is_file(), "{table}");
        }
        assert!(Sheets::to(dir.path().join("no/x").to_str().unwrap()).is_err());
    }
}
