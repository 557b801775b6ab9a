//! `loadtool trend`: when a series changed its level over the kept runs, and by which commit.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anstyle::Style;
use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::runs::began;
use super::script::pair;
use super::store::StoreArgs;
use crate::compare::change_points::{Change, change_points};
use crate::compare::origin::{Origin, first, loads};
use crate::metrics::{Kind, Selector};
use crate::output::report::COLUMNS;
use crate::output::screen::columns_of;
use crate::output::table::Column::{Name, NameIfAny, Number};
use crate::output::table::Table;
use crate::output::text::harmless;
use crate::plan::condition::{Measure, Stat, measure, observed};
use crate::results::format;
use crate::results::thresholds::unit;
use crate::store::Store;
use crate::store::list::{Filter, Stored};
use crate::store::loads::Meant;
use crate::store::slice::Slice;
use crate::units;

const EXAMPLES: &str = "\
Examples:
  loadtool trend 'http_call_duration{step=login}' --by commit
  loadtool trend http_call_duration --stat p99 --label branch=main --limit 300
  loadtool trend http_calls --stat rate --script shop.lua
  loadtool trend http_call_duration --by build --json | jq '.changes[-1]'

A change of level is one that chance makes with a probability below 0.001 (E-divisive means with
Student's t); nothing is said of fewer than four runs.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TrendArgs {
    /// Which series: a metric, and what its tags must be
    #[arg(value_name = "SELECTOR")]
    selector: String,

    /// What of it: p95, mean, rate, … [default: p95 of latencies, else rate or max]
    #[arg(long, value_name = "STAT")]
    stat: Option<String>,

    /// What names a run: `commit`, `branch`, `run`, or the key of a label
    #[arg(long, value_name = "WHAT", default_value = "commit")]
    by: String,

    /// Only runs with this label (repeatable: all of them)
    #[arg(long = "label", value_name = "K=V", value_parser = pair)]
    labels: Vec<(String, String)>,

    /// Only runs of this script: its file, the file's name, or the test's name
    #[arg(long, value_name = "NAME")]
    script: Option<String>,

    /// The last N runs
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,

    /// The least change that matters
    #[arg(long, value_name = "P", value_parser = part, default_value = "2%")]
    min_change: f64,

    /// As JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// One run's value.
#[derive(Serialize)]
struct Point {
    run: String,
    began: String,
    /// What names it.
    by: Option<String>,
    verdict: Option<String>,
    value: f64,
}

#[derive(Serialize)]
struct Told<'t> {
    selector: &'t str,
    stat: &'t str,
    unit: &'static str,
    points: &'t [Point],
    changes: Vec<ToldChange<'t>>,
    /// What speaks against the series.
    remarks: &'t [String],
}

/// A number of several runs.
struct Series {
    points: Vec<Point>,
    /// Of the same runs.
    origins: Vec<Origin>,
    /// Which number.
    stat: String,
    measure: Measure,
}

#[derive(Serialize)]
struct ToldChange<'t> {
    /// The first run of the new level.
    run: &'t str,
    by: Option<&'t str>,
    /// The last of the old one.
    after: &'t str,
    before: f64,
    since: f64,
    /// As a part of what was before.
    change: f64,
    p: f64,
}

impl TrendArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.store.open()?;
        let filter =
            Filter { labels: self.labels.clone(), script: self.script.clone(), since: None };
        let (mut runs, left_out) = store.ended(&filter)?;
        runs.truncate(self.limit);
        runs.reverse();
        ensure!(
            !runs.is_empty(),
            "no run is like that{}\n  hint: `loadtool runs` lists what there is",
            left_out.map_or(String::new(), |others| format!(" ({others})"))
        );
        let series = self.series(&store, &runs)?;
        ensure!(
            !series.points.is_empty(),
            "no run has a sample of {}\n  hint: `loadtool query last '{}'` says what there is",
            self.selector,
            self.selector
        );
        let values: Vec<f64> = series.points.iter().map(|point| point.value).collect();
        let changes = change_points(&values, self.min_change);
        let remarks: Vec<String> = series.remarks().into_iter().chain(left_out).collect();
        let text = match self.json {
            true => self.json(&series, &changes, &remarks)?,
            false => text(&series, &changes, &remarks),
        };
        Ok(super::print(&text))
    }

    /// A value for each run that has one, and what it is.
    fn series(&self, store: &Store, runs: &[Stored]) -> anyhow::Result<Series> {
        let (mut points, mut origins) = (Vec::new(), Vec::new());
        let (mut meant, mut unknown) = (None, None);
        for run in runs {
            // A metric of the script's own may be in some runs only.
            let selector = match Selector::parse_among(&self.selector, &store.own_metrics(run)?) {
                Ok(selector) => selector,
                Err(fault) => {
                    unknown = Some(fault);
                    continue;
                }
            };
            let name = self.stat.clone().unwrap_or_else(|| usual(&selector).to_owned());
            let stat = Stat::parse(&name)?;
            let measure = measure(selector.metric(), stat)?;
            meant = Some((name, measure));
            let span = 0..store.seconds(run)?;
            let slice = Slice { selector: &selector, span: span.clone(), by: &[], every: None };
            let part = store.slice(run, &slice)?.pop();
            let seconds = match measure.is_per_second() {
                true => {
                    let meant = Meant { selector: &selector, tags: &BTreeMap::new() };
                    store.loads(run)?.seconds(&meant, &span)
                }
                false => 0.0, // nobody asks
            };
            let metric = selector.metric().metric().unit;
            let value = part.and_then(|part| observed(&part.value, stat, metric, || seconds));
            let Some(value) = value else { continue };
            let plan = store.plan(run)?;
            origins.push(Origin::new(&run.script, &run.script_sha256, loads(&plan)));
            points.push(Point {
                run: run.short().to_owned(),
                began: began(run),
                by: self.name(run),
                verdict: run.verdict.clone(),
                value,
            });
        }
        match (meant, unknown) {
            (Some((stat, measure)), _) => Ok(Series { points, origins, stat, measure }),
            (None, Some(fault)) => Err(fault.into()),
            (None, None) => unreachable!("there is a run"),
        }
    }

    fn name(&self, run: &Stored) -> Option<String> {
        match self.by.as_str() {
            "run" => Some(run.short().to_owned()),
            "commit" => {
                run.commit.as_ref().map(|commit| commit.get(..9).unwrap_or(commit).to_owned())
            }
            "branch" => run.branch.clone(),
            key => run.label(key).map(str::to_owned),
        }
    }

    fn json(
        &self,
        series: &Series,
        changes: &[Change],
        remarks: &[String],
    ) -> anyhow::Result<String> {
        let points = &series.points;
        let change = |change: &Change| ToldChange {
            run: &points[change.at].run,
            by: points[change.at].by.as_deref(),
            after: &points[change.at - 1].run,
            before: change.before,
            since: change.after,
            change: change.relative(),
            p: change.p,
        };
        let told = Told {
            selector: &self.selector,
            stat: &series.stat,
            unit: unit(series.measure),
            points,
            changes: changes.iter().map(change).collect(),
            remarks,
        };
        Ok(serde_json::to_string_pretty(&told)? + "\n")
    }
}

impl Series {
    /// Runs that do not belong together, or are not to be relied on.
    fn remarks(&self) -> Vec<String> {
        let origins: Vec<&Origin> = self.origins.iter().collect();
        let script = first(&origins, Origin::script_remark);
        let script = script.map(|remark| format!("{remark}; --script NAME takes one of them"));
        let is_cut = |point: &&Point| point.verdict.as_deref() == Some("aborted");
        let cut = self.points.iter().filter(is_cut).count() as u64;
        let cut = (cut > 0).then(|| {
            let all = format::counted(self.points.len() as u64, "run");
            format!("ended before their time: {cut} of the {all}")
        });
        script.into_iter().chain(first(&origins, Origin::load_remark)).chain(cut).collect()
    }
}

fn text(series: &Series, changes: &[Change], remarks: &[String]) -> String {
    let points = &series.points;
    let shown = |value: f64| format::quantity(value, unit(series.measure));
    let mut table =
        Table::new(&[Name("run"), Name("began"), NameIfAny("by"), Number("value"), NameIfAny("")]);
    for (index, point) in points.iter().enumerate() {
        let change = changes.iter().find(|change| change.at == index);
        table.row(vec![
            point.run.as_str().into(),
            point.began.as_str().into(),
            point.by.as_deref().unwrap_or("").into(),
            shown(point.value).into(),
            change.map_or(String::new(), |change| percent(change.relative())).into(),
        ]);
    }
    let room = columns_of(&std::io::stdout()).unwrap_or(COLUMNS);
    let mut told: String =
        table.lines(room, Style::new()).into_iter().map(|line| line + "\n").collect();
    for remark in remarks {
        told += &format!("remark: {}\n", harmless(remark));
    }
    told.push('\n');
    if changes.is_empty() {
        told += &format!("No change of level in {}\n", format::counted(points.len() as u64, "run"));
    }
    for change in changes {
        let point = &points[change.at];
        let by = point.by.as_ref().map_or(String::new(), |by| format!(" ({by})"));
        told += &format!(
            "{} with run {}{by}: {} before, {} since; chance does that with p = {}\n",
            percent(change.relative()),
            point.run,
            shown(change.before),
            shown(change.after),
            probability(change.p),
        );
    }
    told
}

fn percent(change: f64) -> String {
    let sign = if change >= 0.0 { "+" } else { "−" };
    format!("{sign}{}", format::percent(change.abs()))
}

fn probability(p: f64) -> String {
    if p < 1e-9 { "0.000000001 or less".to_owned() } else { format!("{p:.1e}") }
}

/// What one looks at of such a metric.
fn usual(selector: &Selector) -> &'static str {
    match selector.metric().metric().kind {
        Kind::Histogram => "p95",
        Kind::Counter | Kind::Rate => "rate",
        Kind::Gauge => "max",
    }
}

fn part(text: &str) -> Result<f64, String> {
    units::percent(text).map_err(|error| error.to_string())
}
