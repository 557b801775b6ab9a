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
use crate::store::list::Filter;
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

/// Runs that are one side of a comparison.
struct Group {
    /// What it is called.
    name: String,
    runs: Vec<Run>,
    /// Which others have its label.
    left_out: Option<String>,
}

impl CompareArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (base, candidates) = self.groups()?;
        let method = Method { least: self.min_change, seed: self.seed };
        let mut comparisons = Vec::new();
        for candidate in &candidates {
            let name = candidate.name.as_str();
            let mut comparison = compare(&base.runs, &candidate.runs, method);
            ensure!(
                !comparison.rows.is_empty(),
                "{name} has no series in common with the base\n  hint: are both of the same script?"
            );
            let left_out = [&base, candidate].map(|group| {
                group.left_out.as_ref().map(|which| format!("of {}, {which}", group.name))
            });
            comparison.remarks.extend(left_out.into_iter().flatten());
            comparisons.push((name, comparison));
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

    fn page(&self, base: &Group, candidates: &[Group], all: &[(&str, Comparison)]) -> String {
        let candidates =
            candidates.iter().zip(all).map(|(Group { name, runs, .. }, (_, comparison))| {
                compared::Candidate { name, runs, comparison }
            });
        let page = Compared {
            base: &base.name,
            runs: &base.runs,
            min_change: self.min_change,
            candidates: candidates.collect(),
        };
        page.page()
    }

    /// The base, and each candidate.
    fn groups(&self) -> anyhow::Result<(Group, Vec<Group>)> {
        let Some(base) = &self.base else {
            let [base, candidate] = &self.labels[..] else {
                bail!("--label is given twice, or not at all: of the base, and of the candidate");
            };
            return Ok((self.labelled(base)?, vec![self.labelled(candidate)?]));
        };
        let candidates = self.candidates.iter().map(|run| self.alone(run));
        Ok((self.alone(base)?, candidates.collect::<anyhow::Result<_>>()?))
    }

    /// All runs with a label that came to their end.
    fn labelled(&self, label: &(String, String)) -> anyhow::Result<Group> {
        let name = format!("{}={}", label.0, label.1);
        let store = self.store.open()?;
        let filter = Filter { labels: vec![label.clone()], ..Filter::default() };
        let (runs, left_out) = store.ended(&filter)?;
        if runs.is_empty() {
            let others = left_out.map_or(String::new(), |others| format!(" ({others})"));
            bail!(
                "no run has the label {name}{others}\n  \
                 hint: `loadtool runs` lists runs with their labels"
            );
        }
        let runs = runs.iter().map(|run| seconds::kept(&store, run));
        Ok(Group { name, runs: runs.collect::<anyhow::Result<_>>()?, left_out })
    }

    /// One run, of the store or of a file.
    fn alone(&self, run: &str) -> anyhow::Result<Group> {
        let kept = |store: Store, run: &str| seconds::kept(&store, &store.find(run)?);
        let path = Path::new(run);
        let read = match source::is_file(run) {
            false => kept(self.store.open()?, run)?,
            true if Store::is_one(path) => kept(Store::open(path)?, "last")?,
            true => seconds::read(path)?,
        };
        Ok(Group { name: run.to_owned(), runs: vec![read], left_out: None })
    }
}

pub fn part(text: &str) -> Result<f64, String> {
    let part = units::percent(text).map_err(|error| error.to_string())?;
    if part > 0.0 && part < 10.0 { Ok(part) } else { Err("expected a part like 5%".to_owned()) }
}
