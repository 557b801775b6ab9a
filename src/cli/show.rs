//! `loadtool show`: the report of a run again.

use std::process::ExitCode;

use clap::Args;

use super::logging::Color;
use super::store::StoreArgs;
use crate::output::report::{COLUMNS, Report};
use crate::output::screen::columns_of;

const EXAMPLES: &str = "\
Examples:
  loadtool show last
  loadtool show last~1
  loadtool show 019a2f3c --plan
  loadtool show last --json | jq '.verdict'

RUN is an id or its beginning (`loadtool runs` lists them), `last`, `last~1` for the one before, …";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// Which run
    #[arg(value_name = "RUN", default_value = "last")]
    run: String,

    /// The summary as JSON, as --summary-json would have written it
    #[arg(long, conflicts_with = "plan")]
    json: bool,

    /// The plan it was run by
    #[arg(long)]
    plan: bool,

    /// Colours: when stdout is a terminal, always, or never
    #[arg(long, value_enum, default_value = "auto")]
    color: Color,

    #[command(flatten)]
    store: StoreArgs,
}

impl ShowArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.store.open()?;
        let run = store.find(&self.run)?;
        if self.plan {
            return Ok(super::print(&store.plan(&run)?));
        }
        let summary = store.summary(&run)?;
        let text = match self.json {
            true => serde_json::to_string_pretty(&summary)? + "\n",
            false => {
                let columns = columns_of(&std::io::stdout()).unwrap_or(COLUMNS);
                Report { summary: &summary, color: self.color.stdout(), columns }.text()
            }
        };
        Ok(super::print(&text))
    }
}
