//! A run's seconds for comparison, from the store or from a file of `--out json=FILE`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::Store;
use super::list::Stored;
use super::slice::Series;
use crate::compare::origin::Origin;
use crate::compare::series::{Run, even, meaning};
use crate::metrics::{Histogram, Value};
use crate::results::summary::SCHEMA as SUMMARY;

/// What a line says that it is.
const SCHEMA: &str = "loadtool.second/1";

#[derive(Deserialize)]
struct Line {
    schema: String,
    #[serde(rename = "t_s")]
    second: usize,
    /// This and the following: of earlier versions there are none.
    #[serde(default)]
    script: Option<String>,
    #[serde(default)]
    script_sha256: String,
    #[serde(default)]
    plan: Vec<String>,
    #[serde(default)]
    loads_s: BTreeMap<String, (f64, f64)>,
    rows: Vec<LineRow>,
}

/// What a summary has, too.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

#[derive(Deserialize)]
struct LineRow {
    tags: BTreeMap<String, String>,
    metrics: BTreeMap<String, LineValue>,
}

#[derive(Deserialize)]
struct LineValue {
    hdr: Option<String>,
    hits: Option<u64>,
    total: Option<u64>,
}

/// Reads a file of seconds.
///
/// # Errors
/// It cannot be read, or a line is no second.
pub fn read(path: &Path) -> anyhow::Result<Run> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut run, mut seconds) = (Run::default(), 0);
    for (n, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        let line = line_of(&line).and_then(|line| add(&mut run, line));
        ensure!(
            line.is_ok() || n > 1 || !is_summary(path),
            "{} is a summary, which has no seconds to compare\n  hint: a file to compare is what \
             `loadtool runs export RUN FILE` writes, or `loadtool run … --out json=FILE`",
            path.display()
        );
        let second = line.with_context(|| format!("{}, line {n}", path.display()))?;
        seconds = seconds.max(second + 1);
    }
    ensure!(!run.series.is_empty(), "{}: there is no load in it", path.display());
    // What was planned, as far as the run went.
    run.loads.values_mut().for_each(|load| load.end = load.end.min(seconds as f64));
    even(std::slice::from_mut(&mut run));
    Ok(run)
}

/// Whether a file is what `--summary-json` writes.
fn is_summary(path: &Path) -> bool {
    let head = File::open(path).ok().map(BufReader::new).map(serde_json::from_reader);
    head.is_some_and(|head| head.is_ok_and(|head: Head| head.schema == SUMMARY))
}

/// Reads a run that is kept.
///
/// # Errors
/// The store cannot be read, or the run had no load.
pub fn kept(store: &Store, run: &Stored) -> anyhow::Result<Run> {
    let mut read = Run::default();
    let told = |series: &Series| {
        let tag = |name: &str| series.tags.get(name).map_or("", |value| value);
        meaning(&series.metric.metric().name, tag)
    };
    store.each_second(
        run,
        |series| told(series).is_some(),
        |series, second, value| {
            if let Some((key, what)) = told(series) {
                read.add(&key, what, second as usize, value);
            }
        },
    )?;
    ensure!(!read.series.is_empty(), "there is no load in the run {}", run.short());
    let summary = store.summary(run)?;
    read.loads = store.loads(run)?.measured();
    read.origin = Some(summary.origin());
    even(std::slice::from_mut(&mut read));
    Ok(read)
}

fn line_of(text: &str) -> anyhow::Result<Line> {
    let hint = "write it with `loadtool run … --out json=FILE`";
    let line: Line = serde_json::from_str(text)
        .with_context(|| format!("this is no second of a run\n  hint: {hint}"))?;
    if line.schema != SCHEMA {
        bail!("the schema is `{}`, not {SCHEMA}\n  hint: {hint}", line.schema);
    }
    Ok(line)
}

/// Adds a second; gives which it was.
fn add(run: &mut Run, line: Line) -> anyhow::Result<usize> {
    for row in &line.rows {
        let tag = |name: &str| row.tags.get(name).map_or("", String::as_str);
        for (metric, value) in &row.metrics {
            let Some((key, what)) = meaning(metric, tag) else { continue };
            run.add(&key, what, line.second, &value.read()?);
        }
    }
    if let (Some(script), None) = (&line.script, &run.origin) {
        run.origin = Some(Origin::new(script, &line.script_sha256, line.plan));
        run.loads = line.loads_s.into_iter().map(|(name, (from, to))| (name, from..to)).collect();
    }
    Ok(line.second)
}

impl LineValue {
    fn read(&self) -> anyhow::Result<Value> {
        Ok(match &self.hdr {
            Some(text) => {
                let times = Histogram::from_base64(text).map_err(anyhow::Error::msg)?;
                Value::Histogram(Box::new(times))
            }
            None => Value::Rate { hits: self.hits.unwrap_or(0), total: self.total.unwrap_or(0) },
        })
    }
}
