//! `loadtool report`: a kept run or a JSON summary → the HTML report, as `run --html` would have
//! written it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::source;
use super::store::StoreArgs;
use crate::output::Output;
use crate::output::html::Html;
use crate::results::verdict::UNWRITTEN;

const EXAMPLES: &str = "\
Examples:
  loadtool run shop.lua --summary-json shop.json
  loadtool report shop.json -o shop.html
  loadtool report last -o last.html
  loadtool report - -o - < shop.json > shop.html";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// A kept run (its id or the beginning of it, `last`, `last~1`, …), or a JSON summary; `-` is stdin
    #[arg(value_name = "RUN|SUMMARY.json")]
    summary: String,

    /// Where the page goes; `-` is stdout
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    store: StoreArgs,
}

impl ReportArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let summary = source::summary(&self.summary, &self.store)?;
        let mut page = match self.output.as_os_str() == "-" {
            true => Html::Stream(Box::new(io::stdout())),
            false => Html::File(self.output),
        };
        if let Err(error) = page.finish(&summary) {
            let _ = writeln!(io::stderr(), "{error}");
            return Ok(ExitCode::from(UNWRITTEN));
        }
        Ok(ExitCode::SUCCESS)
    }
}
