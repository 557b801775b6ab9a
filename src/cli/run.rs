//! `loadtool run`: what was typed → what is meant.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::compare::part;
use super::connections::ConnectionArgs;
use super::load::LoadArgs;
use super::logging::{self, Color, LogArgs};
use super::marks::MarkArgs;
use super::outputs::OutputArgs;
use super::script::ScriptArgs;
use super::ui::UiArgs;
use crate::output::Output;
use crate::output::html::Html;
use crate::output::report::COLUMNS;
use crate::output::screen::columns_of;
use crate::plan::draft::Flags;
use crate::run::prepare::ScriptSpec;
use crate::run::{RunSpec, SummaryTo};

const EXAMPLES: &str = "\
Examples:
  loadtool run scripts/shop.lua --demo
  loadtool run shop.lua --vus 50 --duration 1m --base-url http://127.0.0.1:8080
  loadtool run shop.lua --rate 500/s --duration 1m --max-vus 1000
  loadtool run shop.lua --profile spike --vus 200 --duration 5m --explain
  loadtool run shop.lua --stage 30s:100 --stage 2m:100 --stage 10s:0
  loadtool run shop.lua --threshold 'http_call_duration{step=login}: p95 < 200ms'
  loadtool run shop.lua --baseline main.db --threshold 'http_call_duration: p95 < 1.10 * baseline'
  loadtool run shop.lua --ab old=http://127.0.0.1:8080,new=http://127.0.0.1:8081
  loadtool run shop.lua --iterations 1000 --vus 10 --summary-json report.json
  loadtool run shop.lua --env USER=ada --env PASSWORD --summary-json - | jq .verdict";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, mut_args(with_negative))]
pub struct RunArgs {
    #[command(flatten)]
    script: ScriptArgs,

    /// Start the built-in shop on a free port, run against it, write report.json
    #[arg(long, help_heading = "Target")]
    demo: bool,

    /// Joined with URLs that start with `/`; wins over the script's base_url
    #[arg(long, value_name = "URL", help_heading = "Target", conflicts_with = "demo")]
    base_url: Option<String>,

    /// Compare targets in one run: deal users and arrivals out to them by turns; A is the base
    #[arg(long, value_name = "A=URL,B=URL", help_heading = "Target", conflicts_with = "demo")]
    ab: Option<String>,

    /// With --ab, the least change that matters [default: 5%]
    #[arg(long, value_name = "P", value_parser = part, requires = "ab", help_heading = "Verdict")]
    min_change: Option<f64>,

    #[command(flatten)]
    connections: ConnectionArgs,

    #[command(flatten)]
    load: LoadArgs,

    /// What must hold, beside the script's own (repeatable): 'http_call_duration: p95 < 200ms'
    #[arg(long = "threshold", value_name = "SELECTOR: EXPR", help_heading = "Verdict")]
    thresholds: Vec<String>,

    /// What thresholds like 'p95 < 1.10 * baseline' are relative to: a kept run, or a file of `runs
    /// export` or --summary-json
    #[arg(long, value_name = "RUN|FILE", help_heading = "Verdict")]
    baseline: Option<String>,

    #[command(flatten)]
    marks: MarkArgs,

    /// Write the summary as JSON; `-` is stdout, alone
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    summary_json: Option<PathBuf>,

    #[command(flatten)]
    out: OutputArgs,

    /// Print the plan, with a chart of the load, before it runs
    #[arg(long, help_heading = "Output")]
    explain: bool,

    #[command(flatten)]
    ui: UiArgs,

    #[command(flatten)]
    log: LogArgs,
}

impl RunArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let progress = self.ui.progress()?;
        let secrets = Arc::default();
        let screen = logging::start(&self.log, &secrets)?;
        super::allow_descriptors();
        let demo = self.demo.then(|| super::demo::open(([127, 0, 0, 1], 0).into())).transpose()?;
        let base_url = demo.as_ref().map(|demo| demo.url());
        let baseline = self.baseline.map(|run| self.out.keep.baseline(&run)).transpose()?;
        let flags = Flags {
            baseline: baseline.map(Arc::new),
            base_url: base_url.or(self.base_url),
            ab: self.ab,
            min_change: self.min_change,
            thresholds: self.thresholds,
            connections: self.connections.into(),
            ..self.load.into()
        };
        let flags = self.marks.on(flags);
        let html = self.out.html.map(|path| Box::new(Html::File(path)) as Box<dyn Output>);
        let spec = RunSpec {
            script: ScriptSpec { redact: self.marks.redact, ..self.script.spec(flags, secrets)? },
            summary: summary_to(self.summary_json, self.demo),
            explain: self.explain,
            progress,
            color: self.log.color.stdout(),
            columns: columns_of(&std::io::stdout()).unwrap_or(COLUMNS),
            screen,
            outputs: html.into_iter().collect(),
            sinks: self.out.wanted,
            dashboard: self.out.dashboard,
            store: self.out.keep.spec(),
            pilot: None,
        };
        let code = crate::run::run(spec)?;
        drop(demo);
        Ok(ExitCode::from(code))
    }
}

/// A flag's value may begin with a minus: what is wrong with `--vus -1` is not the flag.
fn with_negative(flag: clap::Arg) -> clap::Arg {
    let takes_value = flag.get_action().takes_values();
    flag.allow_negative_numbers(takes_value)
}

/// Where the summary goes: as asked, or with `--demo` to `report.json`.
pub fn summary_to(asked: Option<PathBuf>, demo: bool) -> SummaryTo {
    match asked {
        Some(path) if path.as_os_str() == "-" => SummaryTo::Stdout,
        Some(path) => SummaryTo::File(path),
        None if demo => SummaryTo::File("report.json".into()),
        None => SummaryTo::Nowhere,
    }
}

impl Color {
    /// Whether stdout gets colours.
    pub fn stdout(self) -> bool {
        self.decide(&std::io::stdout())
    }
}
