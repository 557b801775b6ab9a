//! `csv=DEST`: timeline, calls and steps as three CSV files, written when the run is over.
//!
//! The numbers are the summary's. All three are there or, where one could not be begun, none.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::cell::cell;
use super::super::file;
use super::{Moment, Sink, try_out};
use crate::results::Summary;
use crate::results::summary::{Distribution, Request, Second, Step};

/// Writes the tables.
#[derive(Debug)]
pub struct Sheets {
    timeline: PathBuf,
    calls: PathBuf,
    steps: PathBuf,
}

impl Sheets {
    /// `dest` is a folder (one that exists, or any name that ends with `/`), or what the names of
    /// the files begin with: `out.csv` makes `out-timeline.csv`, `out-calls.csv`, `out-steps.csv`.
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
        let sheets =
            Sheets { timeline: place("timeline"), calls: place("calls"), steps: place("steps") };
        for path in [&sheets.timeline, &sheets.calls, &sheets.steps] {
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
        let timeline = sheet(&self.timeline, &TIMELINE, &[], summary.timeline.iter().map(second))?;
        let calls = sheet(&self.calls, &CALLS, &TIMES, summary.requests.iter().map(call))?;
        let steps = sheet(&self.steps, &STEPS, &TIMES, summary.steps.iter().map(step))?;
        Ok(timeline + calls + steps)
    }
}

const TIMELINE: [&str; 11] = [
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

/// Columns of a distribution.
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
    cells
}

/// In the order of [`TIMES`].
fn times(of: &Distribution) -> [String; 9] {
    [of.min, of.mean, of.stddev, of.p50, of.p90, of.p95, of.p99, of.p99_9, of.max].map(maybe)
}

fn maybe(value: Option<f64>) -> String {
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
    columns: &[&str],
    more: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<u64, String> {
    let mut written = 0;
    let done = file::replace(path, |out: &mut dyn Write| -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(columns.iter().chain(more))?;
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

    #[test]
    fn the_tables_hold_the_summarys_numbers_and_no_formula() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("made/");
        let mut summary = example::bad();
        example::rename(&mut summary, "=1+1,\"x\"\n");
        let mut sheets = Sheets::to(dest.to_str().unwrap()).unwrap();
        let written = sheets.finish(&summary).unwrap();
        let rows = summary.timeline.len() + summary.requests.len() + summary.steps.len();
        assert_eq!(written, rows as u64);
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
    fn a_prefix_names_the_files_and_a_folder_that_is_missing_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let prefix = dir.path().join("run.csv");
        let mut sheets = Sheets::to(prefix.to_str().unwrap()).unwrap();
        sheets.finish(&example::good()).unwrap();
        for table in ["timeline", "calls", "steps"] {
            assert!(dir.path().join(format!("run-{table}.csv")).is_file(), "{table}");
        }
        assert!(Sheets::to(dir.path().join("no/x").to_str().unwrap()).is_err());
    }
}
