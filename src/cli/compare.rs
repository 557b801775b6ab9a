//! `loadtool compare`.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::source;
use super::store::StoreArgs;
use crate::compare::seconds::Run;
use crate::compare::{Method, Verdict, compare, told};
use crate::store::Store;
use crate::units;

const EXAMPLES: &str = "\
Examples:
  loadtool run shop.lua                             then, with the change, again:
  loadtool run shop.lua
  loadtool compare last~1 last
  loadtool compare main.json last                   a file that --out json=FILE wrote
  loadtool compare main.db last                     a file of `loadtool runs export`
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
    #[arg(value_name = "BASE")]
    base: String,

    /// The run that is judged: another
    #[arg(value_name = "CANDIDATE")]
    candidate: String,

    /// The least change that matters
    #[arg(long, value_name = "P", value_parser = part, default_value = "5%")]
    min_change: f64,

    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

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

impl CompareArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (base, candidate) = (self.read(&self.base)?, self.read(&self.candidate)?);
        let method = Method { least: self.min_change, seed: self.seed };
        let comparison = compare(&base, &candidate, method);
        anyhow::ensure!(
            !comparison.rows.is_empty(),
            "these runs have no series in common\n  hint: are both of the same script?"
        );
        let text = match self.format {
            Format::Text => told::text(&comparison),
            Format::Markdown => told::markdown(&comparison),
            Format::Json => serde_json::to_string_pretty(&comparison)? + "\n",
        };
        let printed = super::print(&text);
        match comparison.has(Verdict::Regression) {
            true => Ok(ExitCode::from(REGRESSION)),
            false => Ok(printed),
        }
    }
}

impl CompareArgs {
    fn read(&self, run: &str) -> anyhow::Result<Run> {
        if !source::is_file(run) {
            let store = self.store.open()?;
            return Run::kept(&store, &store.find(run)?);
        }
        let path = Path::new(run);
        match Store::is_one(path) {
            true => {
                let store = Store::open(path)?;
                Run::kept(&store, &store.find("last")?)
            }
            false => Run::read(path),
        }
    }
}

fn part(text: &str) -> Result<f64, String> {
    let part = units::percent(text).map_err(|error| error.to_string())?;
    if part > 0.0 && part < 10.0 { Ok(part) } else { Err("expected a part like 5%".to_owned()) }
}
