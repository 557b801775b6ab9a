//! `loadtool compare`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::compare::seconds::Run;
use crate::compare::{Method, Verdict, compare, told};
use crate::units;

const EXAMPLES: &str = "\
Examples:
  loadtool run shop.lua --out json=main.json        then, with the change:
  loadtool run shop.lua --out json=branch.json
  loadtool compare main.json branch.json
  loadtool compare main.json branch.json --min-change 10% --format markdown >> \"$GITHUB_STEP_SUMMARY\"

Exit codes: 0 nothing is worse, 3 a regression, 2 usage";

/// Exit code of a candidate that is worse: as of a threshold that is crossed.
const REGRESSION: u8 = 3;

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// The run to compare with: a file that --out json=FILE wrote
    #[arg(value_name = "BASE")]
    base: PathBuf,

    /// The run that is judged: another
    #[arg(value_name = "CANDIDATE")]
    candidate: PathBuf,

    /// The least change that matters
    #[arg(long, value_name = "P", value_parser = part, default_value = "5%")]
    min_change: f64,

    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Decides the draws by which noise is measured
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
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
        let (base, candidate) = (Run::read(&self.base)?, Run::read(&self.candidate)?);
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

fn part(text: &str) -> Result<f64, String> {
    let part = units::percent(text).map_err(|error| error.to_string())?;
    if part > 0.0 && part < 10.0 { Ok(part) } else { Err("expected a part like 5%".to_owned()) }
}
