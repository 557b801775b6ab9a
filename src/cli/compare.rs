//! `loadtool compare`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::{Args, ValueEnum};

use super::script::pair;
use super::source;
use super::store::StoreArgs;
use crate::compare::series::Run;
use crate::compare::{Comparison, Method, Verdict, compare};
use crate::output::comparison;
use crate::output::html::Html;
use crate::output::html::compared::{self, Compared};
use crate::results::verdict::UNWRITTEN;
use crate::store::list::{Filter, State};
use crate::store::{Store, seconds};
use crate::units;

const EXAMPLES: &str = "\
Examples:
  loadtool run shop.lua                             then, with the change, again:
  loadtool run shop.lua
  loadtool compare last~1 last
  loadtool compare --label branch=main --label branch=mine
  loadtool compare main.json last                   a file that --out json=FILE wrote
  loadtool compare main.db last                     a file of `loadtool runs export`
  loadtool compare main.db last --html changes.html
  loadtool compare main.db last --min-change 10% --format markdown >> \"$GITHUB_STEP_SUMMARY\"

RUN is an id or its beginning (`loadtool runs` lists them), `last`, `last~1` for the one before, …
Exit codes: 0 nothing is worse, 3 a regression, 2 usage";

/// Exit code of a candidate that is worse: as of a threshold that is crossed.
const REGRESSION: u8 = 3;

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// The run to compare with: one that is kept, a file that --out json=FILE wrote, or one of
    /// `runs export`
    #[arg(value_name = "BASE", required_unless_present = "labels", conflicts_with = "labels")]
    base: Option<String>,

    /// The runs that are judged, each by itself
    #[arg(value_name = "CANDIDATE", required_unless_present = "labels", conflicts_with = "labels")]
    candidates: Vec<String>,

    /// Instead, all kept runs with this label, as repeated runs of the same; twice: base and candidate
    #[arg(long = "label", value_name = "K=V", value_parser = pair)]
    labels: Vec<(String, String)>,

    /// The least change that matters
    #[arg(long, value_name = "P", value_parser = part, default_value = "5%")]
    min_change: f64,

    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Write it as one HTML page too, with the latencies of both over each other
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Decides the draws by which noise is measured
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum Format {
    /// A table
    Text,
    /// For a pull request
    Markdown,
    /// For programs
    Json,
}

/// Runs of one candidate, and what it is called.
type Named = (String, Vec<Run>);

impl CompareArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (base, candidates) = self.groups()?;
        let method = Method { least: self.min_change, seed: self.seed };
        let mut comparisons = Vec::new();
        for (name, candidate) in &candidates {
            let comparison = compare(&base, candidate, method);
            anyhow::ensure!(
                !comparison.rows.is_empty(),
                "{name} has no series in common with the base\n  hint: are both of the same script?"
            );
            comparisons.push((name.as_str(), comparison));
        }
        let printed = super::print(&self.told(&comparisons)?);
        if let Some(path) = &self.html
            && let Err(error) =
                Html::File(path.clone()).write(&self.page(&base, &candidates, &comparisons))
        {
            let _ = writeln!(io::stderr(), "{error}");
            return Ok(ExitCode::from(UNWRITTEN));
        }
        match comparisons.iter().any(|(_, one)| one.has(Verdict::Regression)) {
            true => Ok(ExitCode::from(REGRESSION)),
            false => Ok(printed),
        }
    }

    /// Of several candidates each under its name.
    fn told(&self, all: &[(&str, Comparison)]) -> anyhow::Result<String> {
        let text = match (self.format, all) {
            (Format::Json, [(_, one)]) => serde_json::to_string_pretty(one)? + "\n",
            (Format::Json, all) => {
                let by_name: BTreeMap<_, _> = all.iter().map(|(name, one)| (name, one)).collect();
                serde_json::to_string_pretty(&by_name)? + "\n"
            }
            (Format::Text, [(_, one)]) => comparison::text(one),
            (Format::Markdown, [(_, one)]) => comparison::markdown(one),
            (Format::Text, all) => {
                let one = |(name, one): &(&str, Comparison)| {
                    format!("{name}\n\n{}\n", comparison::text(one))
                };
                all.iter().map(one).collect()
            }
            (Format::Markdown, all) => {
                let one = |(name, one): &(&str, Comparison)| {
                    format!("### {name}\n\n{}\n", comparison::markdown(one))
                };
                all.iter().map(one).collect()
            }
        };
        Ok(text)
    }

    fn page(&self, runs: &[Run], candidates: &[Named], all: &[(&str, Comparison)]) -> String {
        let candidates = candidates
            .iter()
            .zip(all)
            .map(|((name, runs), (_, comparison))| compared::Candidate { name, runs, comparison });
        let page = Compared {
            base: &self.base_name(),
            runs,
            min_change: self.min_change,
            candidates: candidates.collect(),
        };
        page.page()
    }

    /// What the base is called.
    fn base_name(&self) -> String {
        let label = || self.labels.first().map(|(key, value)| format!("{key}={value}"));
        self.base.clone().or_else(label).unwrap_or_default()
    }

    /// The base's runs, and those of each candidate.
    fn groups(&self) -> anyhow::Result<(Vec<Run>, Vec<Named>)> {
        let Some(base) = &self.base else {
            let [base, candidate] = &self.labels[..] else {
                bail!("--label is given twice, or not at all: of the base, and of the candidate");
            };
            let name = format!("{}={}", candidate.0, candidate.1);
            return Ok((self.labelled(base)?, vec![(name, self.labelled(candidate)?)]));
        };
        let read = |run: &String| Ok((run.clone(), vec![self.read(run)?]));
        let candidates = self.candidates.iter().map(read).collect::<anyhow::Result<_>>()?;
        Ok((vec![self.read(base)?], candidates))
    }

    /// All runs with a label that came to their end.
    fn labelled(&self, label: &(String, String)) -> anyhow::Result<Vec<Run>> {
        let store = self.store.open()?;
        let filter = Filter { labels: vec![label.clone()], ..Filter::default() };
        let runs = store.runs(&filter)?.into_iter().filter(|run| run.state == State::Done);
        let runs: Vec<Run> =
            runs.map(|run| seconds::kept(&store, &run)).collect::<anyhow::Result<_>>()?;
        ensure!(
            !runs.is_empty(),
            "no run has the label {}={}\n  hint: `loadtool runs` lists runs with their labels",
            label.0,
            label.1
        );
        Ok(runs)
    }
}

impl CompareArgs {
    fn read(&self, run: &str) -> anyhow::Result<Run> {
        if !source::is_file(run) {
            let store = self.store.open()?;
            return seconds::kept(&store, &store.find(run)?);
        }
        let path = Path::new(run);
        match Store::is_one(path) {
            true => {
                let store = Store::open(path)?;
                seconds::kept(&store, &store.find("last")?)
            }
            false => seconds::read(path),
        }
    }
}

pub fn part(text: &str) -> Result<f64, String> {
    let part = units::percent(text).map_err(|error| error.to_string())?;
    if part > 0.0 && part < 10.0 { Ok(part) } else { Err("expected a part like 5%".to_owned()) }
}
