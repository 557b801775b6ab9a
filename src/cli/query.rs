//! `loadtool query`: any series of a kept run, by any tag, over any time.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anstyle::Style;
use anyhow::{bail, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::load::duration;
use super::store::StoreArgs;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::metrics::{Kind, Selector};
use crate::output::report::COLUMNS;
use crate::output::screen::columns_of;
use crate::output::table::Column::{Name, Number};
use crate::output::table::Table;
use crate::plan::condition::{Measure, Stat, measure, observed};
use crate::results::format;
use crate::results::thresholds::unit;
use crate::store::list::Stored;
use crate::store::loads::{Loads, Meant};
use crate::store::slice::{Part, Series, Slice, tags_of};

const EXAMPLES: &str = "\
Examples:
  loadtool query last 'http_call_duration{step=login}'
  loadtool query last 'http_call_duration{step=login}' --from 10s --to 60s --by status --stat p99
  loadtool query last http_calls --by name,status --stat count,rate
  loadtool query last 'http_call_duration{expected=*}' --every 10s --stat p50,p99 --format csv
  loadtool query last process_cpu_percent --every 1m --stat max
  loadtool query last~1 checks --by check --format json

Selectors are those of thresholds: without `phase` it is the load, latencies are those of expected
answers, `{expected=*}` is everything.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct QueryArgs {
    /// Which run: an id or its beginning, `last`, `last~1`, …
    #[arg(value_name = "RUN")]
    run: String,

    /// Which series: a metric, and what its tags must be
    #[arg(value_name = "SELECTOR")]
    selector: String,

    /// From this second on, since the load began
    #[arg(long, value_name = "D", value_parser = duration)]
    from: Option<Duration>,

    /// Up to this second
    #[arg(long, value_name = "D", value_parser = duration)]
    to: Option<Duration>,

    /// A row for each value of these tags: status,name
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    by: Vec<String>,

    /// A row for each such length of time
    #[arg(long, value_name = "D", value_parser = duration)]
    every: Option<Duration>,

    /// What is told: p99, p99.9, min, max, mean, stddev, count, rate, value [default: by the metric]
    #[arg(long = "stat", value_name = "STATS", value_delimiter = ',')]
    stats: Vec<String>,

    /// How it is told
    #[arg(long, value_enum, default_value = "table")]
    format: Format,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum Format {
    /// For people
    Table,
    /// Times in ms, sizes in bytes
    Csv,
    /// Likewise
    Json,
}

/// A statistic, as it was asked for.
struct Asked {
    name: String,
    stat: Stat,
    measure: Measure,
}

/// What is asked of each part.
struct Question<'q> {
    selector: &'q Selector,
    stats: &'q [Asked],
    /// What rates are over.
    loads: Loads,
}

/// What was found.
#[derive(Serialize)]
struct Answer {
    run: String,
    selector: String,
    /// Of each statistic.
    units: BTreeMap<String, &'static str>,
    rows: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    from_s: u32,
    to_s: u32,
    tags: BTreeMap<String, String>,
    /// In the order in which they were asked for.
    stats: serde_json::Map<String, serde_json::Value>,
}

impl QueryArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.store.open()?;
        let run = store.find(&self.run)?;
        let selector = Selector::parse_among(&self.selector, &store.own_metrics(&run)?)?;
        let stats = self.stats(&selector)?;
        let span = self.span(store.seconds(&run)?, &run)?;
        let series = store.series(&run)?;
        self.check_tags(&series)?;
        let every = self.every.map(whole);
        let slice = Slice { selector: &selector, span: span.clone(), by: &self.by, every };
        let parts = store.slice(&run, &slice)?;
        if parts.is_empty() {
            return Err(nothing(&run, &selector, &series).into());
        }
        let loads = match stats.iter().any(|one| one.measure.is_per_second()) {
            true => store.loads(&run)?,
            false => Loads::default(), // nobody asks
        };
        let end = |part: &Part| {
            every.map_or(span.end, |every| part.from.saturating_add(every).min(span.end))
        };
        let question = Question { selector: &selector, stats: &stats, loads };
        let line = |part: &Part| self.line(part, end(part), &question);
        let answer = Answer {
            run: run.id.clone(),
            selector: self.selector.clone(),
            units: stats.iter().map(|one| (one.name.clone(), unit(one.measure))).collect(),
            rows: parts.iter().map(line).collect(),
        };
        Ok(super::print(&match self.format {
            Format::Table => self.table(&answer, &stats),
            Format::Csv => self.csv(&answer, &stats)?,
            Format::Json => serde_json::to_string_pretty(&answer)? + "\n",
        }))
    }

    /// What is asked for, or what there is to say of such a metric.
    fn stats(&self, selector: &Selector) -> Result<Vec<Asked>, Diagnostic> {
        let usual: &[&str] = match selector.metric().metric().kind {
            Kind::Histogram => &["count", "mean", "p50", "p95", "p99", "max"],
            Kind::Counter => &["count", "rate"],
            Kind::Rate => &["rate"],
            Kind::Gauge => &["value", "max"],
        };
        let usual = usual.iter().map(|name| (*name).to_owned());
        let names = if self.stats.is_empty() { usual.collect() } else { self.stats.clone() };
        let asked = names.into_iter().map(|name| {
            let stat = Stat::parse(name.trim())?;
            Ok(Asked { measure: measure(selector.metric(), stat)?, stat, name })
        });
        asked.collect()
    }

    fn span(&self, seconds: u32, run: &Stored) -> anyhow::Result<std::ops::Range<u32>> {
        ensure!(
            seconds > 0,
            "the run {} has no second of load: there is nothing to query",
            run.short()
        );
        let is_whole = |length: Duration| length.subsec_nanos() == 0;
        for (flag, is_sound) in [
            ("from", self.from.is_none_or(is_whole)),
            ("to", self.to.is_none_or(is_whole)),
            ("every", self.every.is_none_or(|every| is_whole(every) && !every.is_zero())),
        ] {
            ensure!(
                is_sound,
                "--{flag} is of whole seconds\n  hint: write for example --{flag} 10s"
            );
        }
        let from = self.from.map_or(0, whole);
        let to = self.to.map_or(seconds, whole).min(seconds);
        if from >= to {
            bail!(
                "there is nothing from {from}s to {}s\n  hint: the run {} has seconds 0s to {seconds}s",
                self.to.map_or(seconds, whole),
                run.short()
            );
        }
        Ok(from..to)
    }

    fn check_tags(&self, series: &[Series]) -> anyhow::Result<()> {
        let known = tags_of(series);
        for tag in &self.by {
            if !known.contains(tag.as_str()) {
                let all = || format!("there are {}", Vec::from_iter(known.clone()).join(", "));
                let hint = did_you_mean(tag, known.iter().copied()).unwrap_or_else(all);
                bail!("--by {tag}: no series of this run has such a tag\n  hint: {hint}");
            }
        }
        Ok(())
    }

    fn line(&self, part: &Part, to: u32, question: &Question) -> Line {
        let Question { selector, stats, loads } = question;
        let metric = selector.metric().metric().unit;
        let tags = self.by.iter().cloned().zip(part.key.iter().cloned()).collect();
        let seconds = loads.seconds(&Meant { selector, tags: &tags }, &(part.from..to));
        let told = stats.iter().map(|asked| {
            let value = observed(&part.value, asked.stat, metric, || seconds);
            // What comes after the load, or before it, has no rate.
            let value = value.filter(|_| !asked.measure.is_per_second() || seconds > 0.0);
            (asked.name.clone(), number(value))
        });
        Line { from_s: part.from, to_s: to, stats: told.collect(), tags }
    }

    fn table(&self, answer: &Answer, stats: &[Asked]) -> String {
        // Columns have fixed names, so heads are a row of their own.
        let times = self.every.is_some();
        let columns = times.then_some(Number("")).into_iter();
        let columns = columns.chain(self.by.iter().map(|_| Name("")));
        let columns: Vec<_> = columns.chain(stats.iter().map(|_| Number(""))).collect();
        let mut table = Table::new(&columns);
        let head = times.then_some("from").into_iter().chain(self.by.iter().map(String::as_str));
        let head = head.chain(stats.iter().map(|one| one.name.as_str()));
        table.row(head.map(Into::into).collect());
        for row in &answer.rows {
            let from = times.then(|| format::clock(row.from_s.into()));
            let tags = self.by.iter().map(|tag| row.tags[tag].clone());
            let numbers = stats.iter().map(|one| {
                let number = row.stats[&one.name].as_f64();
                number.map_or("-".to_owned(), |number| format::quantity(number, unit(one.measure)))
            });
            table.row(from.into_iter().chain(tags).chain(numbers).map(Into::into).collect());
        }
        let room = columns_of(&std::io::stdout()).unwrap_or(COLUMNS);
        let lines = table.lines(room, Style::new()).into_iter().skip(1);
        lines.map(|line| line + "\n").collect()
    }

    fn csv(&self, answer: &Answer, stats: &[Asked]) -> anyhow::Result<String> {
        let mut sheet = csv::Writer::from_writer(Vec::new());
        let head = ["from_s", "to_s"].into_iter().chain(self.by.iter().map(String::as_str));
        sheet.write_record(head.chain(stats.iter().map(|one| one.name.as_str())))?;
        for row in &answer.rows {
            let times = [row.from_s.to_string(), row.to_s.to_string()].into_iter();
            let tags = self.by.iter().map(|tag| row.tags[tag].clone());
            let number = |one: &Asked| match &row.stats[&one.name] {
                serde_json::Value::Null => String::new(),
                number => number.to_string(),
            };
            sheet.write_record(times.chain(tags).chain(stats.iter().map(number)))?;
        }
        Ok(String::from_utf8(sheet.into_inner()?)?)
    }
}

/// A length in seconds, as far as runs are counted.
fn whole(length: Duration) -> u32 {
    u32::try_from(length.as_secs()).unwrap_or(u32::MAX)
}

/// A number as CSV and JSON have it: whole ones whole.
fn number(value: Option<f64>) -> serde_json::Value {
    match value {
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => (whole as i64).into(),
        value => value.into(),
    }
}

/// Nothing is like that; what there is instead.
fn nothing(run: &Stored, selector: &Selector, all: &[Series]) -> Diagnostic {
    let same = || all.iter().filter(|series| series.metric == *selector.metric());
    let told =
        Diagnostic::new(format!("the run {} has no sample of {selector} there", run.short()));
    let values = |tag: &str| {
        let values: std::collections::BTreeSet<&str> =
            same().filter_map(|series| series.tags.get(tag)).map(|value| &**value).collect();
        let few: Vec<&str> = values.into_iter().take(8).collect();
        format!("`{tag}` is one of {}", few.join(", "))
    };
    let tags: std::collections::BTreeSet<&str> =
        same().flat_map(|series| series.tags.iter()).map(|(tag, _)| tag).collect();
    let named: Vec<String> =
        tags.into_iter().filter(|tag| selector.names(tag)).map(values).collect();
    match (same().next(), named.is_empty()) {
        (None, _) => {
            told.hint(format!("it has none of {} at all", selector.metric().metric().name))
        }
        (Some(_), false) => told.hint(named.join("; ")),
        (Some(_), true) => {
            told.hint("without `phase` it is the load, and latencies are those of expected answers: {phase=*,expected=*} is everything")
        }
    }
}
