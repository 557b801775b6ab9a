//! `loadtool run`: what was typed → what is meant.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::connections::ConnectionArgs;
use super::logging::{self, Color, LogArgs};
use super::script::{ScriptArgs, pair};
use crate::output::Output;
use crate::output::html::Html;
use crate::output::report::COLUMNS;
use crate::output::screen::columns_of;
use crate::plan::draft::Flags;
use crate::run::prepare::ScriptSpec;
use crate::run::{RunSpec, SummaryTo};
use crate::units;

const EXAMPLES: &str = "\
Examples:
  loadtool run scripts/shop.lua --demo
  loadtool run shop.lua --vus 50 --duration 1m --base-url http://127.0.0.1:8080
  loadtool run shop.lua --rate 500/s --duration 1m --max-vus 1000
  loadtool run shop.lua --stage 30s:100 --stage 2m:100 --stage 10s:0
  loadtool run shop.lua --threshold 'http_call_duration{step=login}: p95 < 200ms'
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

    #[command(flatten)]
    connections: ConnectionArgs,

    /// The scenario that the load flags below are for
    #[arg(long, value_name = "NAME", help_heading = "Load")]
    scenario: Option<String>,

    /// How many virtual users; with --rate, how many are made beforehand
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Load")]
    vus: Option<u64>,

    /// Start this many iterations per second, whatever becomes of those before: 500, 30/m
    #[arg(long, value_name = "R", value_parser = rate, help_heading = "Load")]
    rate: Option<f64>,

    /// Most users that --rate may make on demand [default: ten times the rate, 100 to 10,000]
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Load")]
    max_vus: Option<u64>,

    /// For how long: 30s, 1m30s, 2h
    #[arg(long, value_name = "D", value_parser = duration, help_heading = "Load")]
    duration: Option<Duration>,

    /// How many iterations, all users together; with --duration, within that time
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Load")]
    iterations: Option<u64>,

    /// Ramp to N users over D (repeatable, one after the other)
    #[arg(long = "stage", value_name = "D:N", value_parser = stage, help_heading = "Load")]
    stages: Vec<(Duration, f64)>,

    /// Decides every random choice; printed, so that a run can be repeated
    #[arg(long, value_name = "N", help_heading = "Load")]
    seed: Option<u64>,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "Load")]
    threads: Option<usize>,

    /// What must hold, beside the script's own (repeatable): 'http_call_duration: p95 < 200ms'
    #[arg(long = "threshold", value_name = "SELECTOR: EXPR", help_heading = "Verdict")]
    thresholds: Vec<String>,

    /// A tag on every sample (repeatable)
    #[arg(long = "tag", value_name = "K=V", value_parser = pair, help_heading = "Output")]
    tags: Vec<(String, String)>,

    /// Mask the values of this header or field in everything written (repeatable)
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    redact: Vec<String>,

    /// Write the summary as JSON; `-` is stdout, alone
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    summary_json: Option<PathBuf>,

    /// Write the HTML report
    #[arg(long, value_name = "FILE", value_parser = html, help_heading = "Output")]
    html: Option<PathBuf>,

    /// No live progress
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,

    #[command(flatten)]
    log: LogArgs,
}

impl RunArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let secrets = Arc::default();
        let screen = logging::start(&self.log, &secrets)?;
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let demo = self.demo.then(|| super::demo::open(([127, 0, 0, 1], 0).into())).transpose()?;
        let base_url = demo.as_ref().map(|demo| demo.url());
        let flags = Flags {
            scenario: self.scenario,
            vus: self.vus,
            rate: self.rate,
            max_vus: self.max_vus,
            duration: self.duration,
            iterations: self.iterations,
            stages: self.stages,
            base_url: base_url.or(self.base_url),
            seed: self.seed,
            threads: self.threads,
            thresholds: self.thresholds,
            tags: self.tags,
            connections: self.connections.into(),
            ..Flags::default()
        };
        let html = self.html.map(|path| Box::new(Html::File(path)) as Box<dyn Output>);
        let spec = RunSpec {
            script: ScriptSpec { redact: self.redact, ..self.script.spec(flags, secrets)? },
            summary: summary_to(self.summary_json, self.demo),
            live: !self.quiet,
            color: self.log.color.stdout(),
            columns: columns_of(&std::io::stdout()).unwrap_or(COLUMNS),
            screen,
            outputs: html.into_iter().collect(),
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

fn count(text: &str) -> Result<u64, String> {
    units::count(text).map_err(|error| error.to_string())
}

pub fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<f64, String> {
    units::rate(text).map_err(|error| error.to_string())
}

pub fn html(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("stdout is the text report's; `loadtool report -o -` writes to stdout".into()),
        "" => Err("expected a file".into()),
        file => Ok(file.into()),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number from 1".to_owned()),
        Ok(threads) => Ok(threads),
    }
}

fn stage(text: &str) -> Result<(Duration, f64), String> {
    let (length, target) = text.split_once(':').ok_or("expected D:N, as in 30s:100")?;
    Ok((duration(length)?, count(target)? as f64))
}

impl Color {
    /// Whether stdout gets colours.
    pub fn stdout(self) -> bool {
        self.decide(&std::io::stdout())
    }
}
