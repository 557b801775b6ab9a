//! `loadtool report`: a kept run or a JSON summary → the HTML report, as `run --html` would have
//! written it.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;

use super::source;
use super::store::StoreArgs;
use crate::output::Output;
use crate::output::html::Html;
use crate::results::Summary;
use crate::results::summary::SCHEMA;
use crate::results::verdict::UNWRITTEN;

const HINT: &str = "hint: a summary is what loadtool run --summary-json FILE writes";

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
        let summary = match source::is_file(&self.summary) {
            true => read(Path::new(&self.summary))?,
            false => {
                let store = self.store.open()?;
                store.summary(&store.find(&self.summary)?)?
            }
        };
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

/// All that every schema has.
#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
}

fn read(path: &Path) -> anyhow::Result<Summary> {
    let name = if path.as_os_str() == "-" { "stdin".into() } else { path.display().to_string() };
    let text = bytes(path).with_context(|| format!("cannot read {name}"))?;
    let head: Head = serde_json::from_slice(&text)
        .map_err(|fault| anyhow::anyhow!("{name} is no JSON summary: {fault}\n{HINT}"))?;
    match head.schema.as_deref() {
        Some(SCHEMA) => {}
        Some(other) => bail!(
            "{name} has the schema {other:?}, and this loadtool ({}) reads {SCHEMA:?}\n\
             hint: make the report with the loadtool that wrote the summary",
            env!("CARGO_PKG_VERSION")
        ),
        None => bail!("{name} is no JSON summary: it has no \"schema\"\n{HINT}"),
    }
    serde_json::from_slice(&text)
        .map_err(|fault| anyhow::anyhow!("{name} is not what {SCHEMA} says: {fault}\n{HINT}"))
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().read_to_end(&mut text)?;
    } else {
        BufReader::new(File::open(path)?).read_to_end(&mut text)?;
    }
    Ok(text)
}
