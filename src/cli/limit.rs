//! `loadtool limit`: what was typed → what is meant.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use super::logging::{self, LogArgs};
use super::run::{duration, summary_to};
use super::script::ScriptArgs;
use crate::limit::pilot::LimitPilot;
use crate::limit::search::Strategy;
use crate::limit::signals::watcher::{Source, Watcher};
use crate::limit::signals::{Probes, Signal};
use crate::limit::{Axis, LimitSpec};
use crate::output::Output;
use crate::output::limit_csv::LimitCsv;
use crate::output::report::COLUMNS;
use crate::output::screen::columns_of;
use crate::plan::Threshold;
use crate::plan::draft::Flags;
use crate::run::RunSpec;
use crate::run::prepare::ScriptSpec;
use crate::units;

/// Nobody's search lasts longer, and the run must end some time.
const AGES: Duration = Duration::from_secs(7 * 86_400);

const EXAMPLES: &str = "\
Examples:
  loadtool limit shop.lua --demo --hold 10s
  loadtool limit shop.lua --from 100 --slo 'http_call_duration{step=login}: p95 < 200ms'
  loadtool limit shop.lua --steps 500,1k,2k,5k,10k --csv steps.csv
  loadtool limit shop.lua --axis users --from 10 --to 2000
  loadtool limit shop.lua --assert 'limit >= 2000'      the gate for CI
  loadtool limit shop.lua --prometheus http://127.0.0.1:9100/metrics --signal 'queue_depth growth <= 1000'

Exit codes: 0 a limit was found, 3 nothing held (or --assert failed), 4 inconclusive, 2 usage";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LimitArgs {
    #[command(flatten)]
    script: ScriptArgs,

    /// Start the built-in shop on a free port and search its limit
    #[arg(long, help_heading = "Target")]
    demo: bool,

    /// Joined with URLs that start with `/`; wins over the script's base_url
    #[arg(long, value_name = "URL", help_heading = "Target", conflicts_with = "demo")]
    base_url: Option<String>,

    /// What a level counts: iterations started per second, or users
    #[arg(long, value_enum, default_value = "rate", help_heading = "Search")]
    axis: AxisArg,

    /// The scenario to steer, where there are several
    #[arg(long, value_name = "NAME", help_heading = "Search")]
    scenario: Option<String>,

    /// Try these levels, ascending, to the first that does not hold: 500,1k,2k
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = level, help_heading = "Search")]
    steps: Vec<f64>,

    /// Try all --steps even after one did not hold
    #[arg(long, requires = "steps", help_heading = "Search")]
    run_all: bool,

    /// Begin at this level [default: 10]
    #[arg(long, value_name = "N", value_parser = level, conflicts_with = "steps", help_heading = "Search")]
    from: Option<f64>,

    /// Try nothing above it [default: 100k, or 10k users]
    #[arg(long, value_name = "N", value_parser = level, conflicts_with = "steps", help_heading = "Search")]
    to: Option<f64>,

    /// Width of the answer, as a part of it
    #[arg(long, value_name = "P", value_parser = part, default_value = "5%", help_heading = "Search")]
    precision: f64,

    /// Search nothing: hold one level three times and let the majority decide: 'limit >= 2000'
    #[arg(long, value_name = "CLAIM", value_parser = claim, conflicts_with_all = ["steps", "from", "to"], help_heading = "Search")]
    assert: Option<f64>,

    /// Before each hold
    #[arg(long, value_name = "D", value_parser = duration, default_value = "10s", help_heading = "Search")]
    warmup: Duration,

    /// How long a level is held; short holds, which only steer, take a third of it
    #[arg(long, value_name = "D", value_parser = duration, default_value = "30s", help_heading = "Search")]
    hold: Duration,

    /// After each hold, at least
    #[arg(long, value_name = "D", value_parser = duration, default_value = "5s", help_heading = "Search")]
    cooldown: Duration,

    /// End then, with what is known
    #[arg(long, value_name = "D", value_parser = duration, help_heading = "Search")]
    max_time: Option<Duration>,

    /// What must hold, instead of the defaults (repeatable): 'http_call_duration: p95 < 200ms'
    #[arg(long = "slo", value_name = "SELECTOR: EXPR", value_parser = gate, help_heading = "Search")]
    gates: Vec<Threshold>,

    /// How much less than a rate may be achieved
    #[arg(long, value_name = "P", value_parser = part, default_value = "5%", help_heading = "Search")]
    tolerance: f64,

    /// Read the target's own metrics before and after each hold (repeatable)
    #[arg(long = "prometheus", value_name = "URL", value_parser = Source::prometheus, help_heading = "Search")]
    exporters: Vec<Source>,

    /// The same of a number in a JSON document (repeatable): http://127.0.0.1:8080/stats=$.queue.length
    #[arg(long = "json-probe", value_name = "URL=PATH", value_parser = Source::json, help_heading = "Search")]
    documents: Vec<Source>,

    /// What must be true of them over each hold (repeatable): 'queue_depth growth <= 1000',
    /// 'errors_total{code=5*} increase == 0', '$.queue.length growth <= 100'
    #[arg(long = "signal", value_name = "SIGNAL", value_parser = signal, help_heading = "Search")]
    signals: Vec<Signal>,

    /// Most users that may be made for a rate [default: ten times the highest rate, at most 10k]
    #[arg(long, value_name = "N", value_parser = level, help_heading = "Search")]
    max_vus: Option<f64>,

    /// Tell what would be tried and how long it may take, and do nothing
    #[arg(long, help_heading = "Search")]
    plan: bool,

    /// Decides every random choice
    #[arg(long, value_name = "N", help_heading = "Search")]
    seed: Option<u64>,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Search")]
    threads: Option<usize>,

    /// Write a row per hold as CSV
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    csv: Option<PathBuf>,

    /// Write the summary as JSON; `-` is stdout, alone
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    summary_json: Option<PathBuf>,

    /// No live progress
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,

    #[command(flatten)]
    log: LogArgs,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum AxisArg {
    Rate,
    Users,
}

impl LimitArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let secrets = Arc::default();
        let screen = logging::start(&self.log, &secrets)?;
        let tell = {
            let (screen, quiet) = (screen.clone(), self.quiet);
            move |line: &str| {
                if !quiet {
                    screen.line(line);
                }
            }
        };
        let spec = self.limit(Box::new(tell))?;
        if self.plan {
            print!("{}", spec.schedule());
            return Ok(ExitCode::SUCCESS);
        }
        let spec = LimitSpec { probes: self.probes()?, ..spec };
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let demo = self.demo.then(|| super::demo::open(([127, 0, 0, 1], 0).into())).transpose()?;
        let base_url = demo.as_ref().map(|demo| demo.url()).or(self.base_url.clone());
        let flags = self.flags(&spec, base_url);
        let csv = self.csv.clone().map(|path| Box::new(LimitCsv(path)) as Box<dyn Output>);
        let run = RunSpec {
            script: ScriptSpec { ..self.script.spec(flags, secrets)? },
            summary: summary_to(self.summary_json, false),
            live: !self.quiet,
            color: self.log.color.stdout(),
            columns: columns_of(&std::io::stdout()).unwrap_or(COLUMNS),
            screen,
            outputs: csv.into_iter().collect(),
            pilot: Some(Box::new(LimitPilot::new(spec))),
        };
        let code = crate::run::run(run)?;
        drop(demo);
        Ok(ExitCode::from(code))
    }

    fn limit(&self, tell: Box<dyn Fn(&str)>) -> anyhow::Result<LimitSpec> {
        let axis = match self.axis {
            AxisArg::Rate => Axis::Rate,
            AxisArg::Users => Axis::Users,
        };
        ensure!(
            self.hold >= Duration::from_secs(3),
            "--hold must be at least 3s: a second is what is told apart"
        );
        let spec = LimitSpec {
            axis,
            scenario: self.scenario.clone(),
            strategy: self.strategy(axis)?,
            gates: if self.gates.is_empty() {
                LimitSpec::default_gates()
            } else {
                self.gates.clone()
            },
            tolerance: self.tolerance,
            warmup: self.warmup,
            hold: self.hold,
            cooldown: self.cooldown,
            max_time: self.max_time,
            probes: None,
            tell,
        };
        Ok(spec)
    }

    /// Who looks at the target, once it is clear that there is something to see.
    fn probes(&self) -> anyhow::Result<Option<Probes>> {
        let sources = [&self.exporters[..], &self.documents[..]].concat();
        ensure!(
            sources.is_empty() == self.signals.is_empty(),
            "--signal says what must be true of what --prometheus or --json-probe reads: both are needed\n  \
             hint: --prometheus http://127.0.0.1:9100/metrics --signal 'queue_depth growth <= 1000'"
        );
        if sources.is_empty() {
            return Ok(None);
        }
        let watcher = Watcher::start(sources)?;
        let look = watcher.look();
        ensure!(
            look.unread.is_empty(),
            "{}\n  hint: curl the address; nothing was started",
            look.unread.join("\n")
        );
        Ok(Some(Probes::new(watcher, self.signals.clone())))
    }

    fn strategy(&self, axis: Axis) -> anyhow::Result<Strategy> {
        if let Some(level) = self.assert {
            return Ok(Strategy::Assert { level });
        }
        if !self.steps.is_empty() {
            let ascending = self.steps.windows(2).all(|pair| pair[0] < pair[1]);
            ensure!(ascending, "--steps must ascend\n  hint: write them like 500,1k,2k,5k");
            return Ok(Strategy::Listed { levels: self.steps.clone(), run_all: self.run_all });
        }
        let most = if axis.is_rate() { 1e5 } else { 1e4 };
        let (from, to) = (self.from.unwrap_or(10.0), self.to.unwrap_or(most));
        ensure!(from <= to, "--from {from} is above --to {to}");
        ensure!(self.precision > 0.0, "--precision must be above 0\n  hint: write for example 5%");
        Ok(Strategy::Adaptive { from, to, precision: self.precision, whole: !axis.is_rate() })
    }

    /// The plan that is steered: it lasts for ages, at the highest level it may get to.
    fn flags(&self, spec: &LimitSpec, base_url: Option<String>) -> Flags {
        let most = spec.to_level();
        let (rate, vus) = match spec.axis {
            Axis::Rate => (Some(spec.from_level()), None),
            Axis::Users => (None, Some(most.ceil() as u64)),
        };
        let usual = (10.0 * most).ceil().clamp(100.0, 10_000.0) as u64;
        let max_vus = rate.map(|_| self.max_vus.map_or(usual, |most| most as u64));
        Flags {
            scenario: self.scenario.clone(),
            rate,
            vus,
            max_vus,
            duration: Some(AGES),
            base_url,
            seed: self.seed,
            threads: self.threads,
            ..Flags::default()
        }
    }
}

pub fn level(text: &str) -> Result<f64, String> {
    let level = units::number(text).map_err(|error| error.to_string())?;
    if level > 0.0 && level.is_finite() { Ok(level) } else { Err("it must be above 0".to_owned()) }
}

fn part(text: &str) -> Result<f64, String> {
    let part = units::percent(text).map_err(|error| error.to_string())?;
    if (0.0..1.0).contains(&part) { Ok(part) } else { Err("expected 0% to 100%".to_owned()) }
}

/// `limit >= 2000`.
fn claim(text: &str) -> Result<f64, String> {
    let claim = text.trim().strip_prefix("limit").map(str::trim_start);
    let number = claim.and_then(|claim| claim.strip_prefix(">=")).map(str::trim);
    level(number.ok_or("expected a claim like 'limit >= 2000'")?)
}

fn signal(text: &str) -> anyhow::Result<Signal> {
    Signal::parse(text).map_err(|fault| anyhow::anyhow!("{fault}"))
}

/// `http_call_duration{step=login}: p95 < 200ms`.
fn gate(text: &str) -> anyhow::Result<Threshold> {
    let (selector, expression) = text
        .rsplit_once(": ")
        .context("expected SELECTOR: EXPR, as in 'http_call_duration: p95 < 200ms'")?;
    Threshold::parse(selector.trim(), expression).map_err(|fault| anyhow::anyhow!("{fault}"))
}
