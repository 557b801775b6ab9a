//! `loadtool runs`: what is in the store, and what becomes of it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstyle::Style;
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::script::pair;
use super::store::StoreArgs;
use crate::output::report::COLUMNS;
use crate::output::screen::columns_of;
use crate::output::table::Column::{Name, NameIfAny, Number, NumberIfAny};
use crate::output::table::Table;
use crate::results::format;
use crate::store::Store;
use crate::store::list::{Filter, State, Stored};
use crate::units;

const EXAMPLES: &str = "\
Examples:
  loadtool runs                                    the last twenty
  loadtool runs --label branch=main --since 7d --limit 100
  loadtool runs --script shop.lua --json | jq -r '.[0].id'
  loadtool show last                               the report of the last run again
  loadtool runs prune --keep 200
  loadtool runs prune --older-than 90d
  loadtool runs export last main.db                one file, which CI can cache
  loadtool runs import main.db

RUN is an id or its beginning, `last`, `last~1` for the one before, …";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct RunsArgs {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    list: ListArgs,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Only runs with this label (repeatable: all of them)
    #[arg(long = "label", value_name = "K=V", value_parser = pair)]
    labels: Vec<(String, String)>,

    /// Only runs of this script: its file, the file's name, or the test's name
    #[arg(long, value_name = "NAME")]
    script: Option<String>,

    /// Only runs that began since then: 2h, 7d, 2026-01-31, 2026-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,

    /// At most so many, the latest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Remove runs
    Prune(PruneArgs),
    /// Put one run into a file of its own
    Export {
        /// Which run
        run: String,
        /// The new store
        file: PathBuf,
    },
    /// Take over all runs of another store
    Import {
        /// The other store
        file: PathBuf,
    },
}

#[derive(Args, Debug)]
struct PruneArgs {
    /// All but the last N
    #[arg(long, value_name = "N", required_unless_present = "older_than")]
    keep: Option<usize>,

    /// All that began longer ago; with --keep, of those only
    #[arg(long, value_name = "D", value_parser = super::load::duration)]
    older_than: Option<Duration>,
}

impl RunsArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            None => self.list.run(&self.store.open()?),
            Some(Action::Prune(prune)) => prune.run(&self.store.open()?),
            Some(Action::Export { run, file }) => {
                let store = self.store.open()?;
                let run = store.find(&run)?;
                store.export(&run, &file)?;
                Ok(super::print(&format!("{} is in {}\n", run.short(), file.display())))
            }
            Some(Action::Import { file }) => {
                let other = Store::open(&file)?;
                let (new, all) = self.store.filled(|store| store.import(&other))?;
                let taken = format::counted(new as u64, "run");
                Ok(super::print(&format!("{taken} taken over, {} there before\n", all - new)))
            }
        }
    }
}

impl ListArgs {
    fn run(self, store: &Store) -> anyhow::Result<ExitCode> {
        let filter = Filter { labels: self.labels, script: self.script, since: self.since };
        let runs = store.runs(&filter)?;
        let (shown, all) = (&runs[..runs.len().min(self.limit)], runs.len());
        if self.json {
            let told: Vec<Told> = shown.iter().map(Told::of).collect();
            return Ok(super::print(&(serde_json::to_string_pretty(&told)? + "\n")));
        }
        let mut text = table(shown);
        if all == 0 {
            text = "no run is like that\n".to_owned();
        } else if shown.len() < all {
            text += &format!("{} more: --limit\n", format::count((all - shown.len()) as u64));
        }
        Ok(super::print(&text))
    }
}

fn table(runs: &[Stored]) -> String {
    let mut table = Table::new(&[
        Name("run"),
        Name("began"),
        Name("test"),
        NameIfAny("labels"),
        NameIfAny("commit"),
        Number("length"),
        NumberIfAny("calls"),
        NumberIfAny("p95"),
        Name("verdict"),
    ]);
    for run in runs {
        let length = Duration::try_from_secs_f64(run.duration_s).unwrap_or_default();
        let labels: Vec<String> =
            run.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let commit = run.commit.as_ref().and_then(|commit| commit.get(..9)).unwrap_or_default();
        table.row(vec![
            run.short().into(),
            began(run).into(),
            run.name.as_str().into(),
            labels.join(" ").into(),
            commit.into(),
            format::length(length).into(),
            run.calls.map_or(String::new(), format::count).into(),
            run.p95_ms.map_or(String::new(), format::ms).into(),
            run.verdict.as_deref().unwrap_or(run.state.as_str()).into(),
        ]);
    }
    let columns = columns_of(&std::io::stdout()).unwrap_or(COLUMNS);
    table.lines(columns, Style::new()).into_iter().map(|line| line + "\n").collect()
}

/// In the time zone of who reads it.
pub fn began(run: &Stored) -> String {
    run.began().map_or_else(
        || run.started_at.clone(),
        |began| began.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// A run as `--json` tells it.
#[derive(Serialize)]
struct Told<'r> {
    id: &'r str,
    state: &'static str,
    kind: &'r str,
    name: &'r str,
    script: &'r str,
    script_sha256: &'r str,
    commit: Option<&'r str>,
    branch: Option<&'r str>,
    started_at: &'r str,
    duration_s: f64,
    verdict: Option<&'r str>,
    exit_code: Option<u8>,
    calls: Option<u64>,
    failed: Option<u64>,
    p95_ms: Option<f64>,
    labels: std::collections::BTreeMap<&'r str, &'r str>,
    tool_version: &'r str,
}

impl<'r> Told<'r> {
    fn of(run: &'r Stored) -> Told<'r> {
        Told {
            id: &run.id,
            state: run.state.as_str(),
            kind: &run.kind,
            name: &run.name,
            script: &run.script,
            script_sha256: &run.script_sha256,
            commit: run.commit.as_deref(),
            branch: run.branch.as_deref(),
            started_at: &run.started_at,
            duration_s: run.duration_s,
            verdict: run.verdict.as_deref(),
            exit_code: run.exit_code,
            calls: run.calls,
            failed: run.failed,
            p95_ms: run.p95_ms,
            labels: run.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
            tool_version: &run.tool_version,
        }
    }
}

impl PruneArgs {
    fn run(self, store: &Store) -> anyhow::Result<ExitCode> {
        let runs = store.runs(&Filter::default())?;
        let before = self.older_than.map(|age| Timestamp::now().saturating_sub(age)).transpose()?;
        let old = |run: &Stored| {
            let old = before.is_none_or(|before| run.began().is_some_and(|at| at < before));
            old && run.state != State::Running
        };
        let going: Vec<Stored> =
            runs.into_iter().skip(self.keep.unwrap_or(0)).filter(old).collect();
        store.remove(&going)?;
        Ok(super::print(&format!("{} removed\n", format::counted(going.len() as u64, "run"))))
    }
}

/// So long ago, or at that time.
fn since(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(age) = units::duration(text) {
        return Ok(Timestamp::now().saturating_sub(age)?);
    }
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let date: jiff::civil::DateTime = text
        .parse()
        .context("expected a length of time like 2h or 7d, or a date like 2026-01-31")?;
    let at = date.to_zoned(TimeZone::system())?.timestamp();
    ensure!(at <= Timestamp::now(), "that is still to come");
    Ok(at)
}
