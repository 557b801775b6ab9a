//! `loadtool limit`: what was typed → what is meant.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use clap::{Args, ValueEnum};

use super::load::duration;
use super::logging::{self, LogArgs};
use super::marks::MarkArgs;
use super::outputs::OutputArgs;
use super::run::summary_to;
use super::script::ScriptArgs;
use super::ui::UiArgs;
use crate::limit::pilot::LimitPilot;
use crate::limit::search::Strategy;
use crate::limit::signals::watcher::{Source, Watcher};
use crate::limit::signals::{Probes, Signal};
use crate::limit::{Axis, LimitSpec};
use crate::metrics::own::OwnMetrics;
use crate::output::Output;
use crate::output::html::Html;
use crate::output::limit_csv::LimitCsv;
use crate::output::report::COLUMNS;
use crate::output::screen::columns_of;
use crate::plan::Threshold;
use crate::plan::draft::Flags;
use crate::plan::search::{Search, ascends, objective};
use crate::run::prepare::{ScriptSpec, Wanted, prepare, prepare_search};
use crate::run::{Progress, RunError, RunSpec};
use crate::units;

/// What is usual.
const WARMUP: Duration = Duration::from_secs(10);
const HOLD: Duration = Duration::from_secs(30);
const COOLDOWN: Duration = Duration::from_secs(5);
const PART: f64 = 0.05;
const FROM: f64 = 10.0;

const NOT_LISTED: &str =
    "--run-all is of levels that are given\n  hint: --steps 500,1k,2k --run-all";

const EXAMPLES: &str = "\
Examples:
  loadtool limit shop.lua --demo --hold 10s
  loadtool limit shop.lua --from 100 --slo 'http_call_duration{step=login}: p95 < 200ms'
  loadtool limit shop.lua --steps 500,1k,2k,5k,10k --csv steps.csv
  loadtool limit shop.lua --axis users --from 10 --to 2000
  loadtool limit shop.lua --assert 'limit >= 2000'      the gate for CI
  loadtool limit shop.lua --prometheus http://127.0.0.1:9100/metrics --signal 'queue_depth growth <= 1000'

Exit codes: 0 a limit was found, 3 nothing held (or --assert failed), 4 inconclusive, 5 stopped by a
signal, 6 one user alone failed, 2 usage, or a target that is not there (nothing was started)";

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

    #[arg(long = "ab", value_name = "A=URL,B=URL", hide = true, value_parser = one_target)]
    _several_targets: Option<Infallible>,

    /// What a level counts: iterations started per second, or users [default: rate]
    #[arg(long, value_enum, help_heading = "Search")]
    axis: Option<AxisArg>,

    /// The scenario to steer, where there are several [default: all, in proportion to their loads]
    #[arg(long, value_name = "NAME", help_heading = "Search")]
    scenario: Option<String>,

    /// Try these levels, ascending, to the first that does not hold: 500,1k,2k
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = level, help_heading = "Search")]
    steps: Vec<f64>,

    /// Try all --steps even after one did not hold; one that did not, below one that did, is tried
    /// again
    #[arg(long, help_heading = "Search")]
    run_all: bool,

    /// Begin at this level [default: 10]
    #[arg(long, value_name = "N", value_parser = level, conflicts_with = "steps", help_heading = "Search")]
    from: Option<f64>,

    /// Try nothing above it [default: 100k, or 10k users]
    #[arg(long, value_name = "N", value_parser = level, conflicts_with = "steps", help_heading = "Search")]
    to: Option<f64>,

    /// Width of the answer, as a part of it; of no effect with --steps [default: 5%]
    #[arg(long, value_name = "P", value_parser = part, help_heading = "Search")]
    precision: Option<f64>,

    /// Search nothing: hold one level three times and let the majority decide: 'limit >= 2000'
    #[arg(long, value_name = "CLAIM", value_parser = claim, conflicts_with_all = ["steps", "from", "to"], help_heading = "Search")]
    assert: Option<f64>,

    /// Before each hold [default: 10s]
    #[arg(long, value_name = "D", value_parser = duration, help_heading = "Search")]
    warmup: Option<Duration>,

    /// How long a level is held; short holds, which only steer, take a third of it [default: 30s]
    #[arg(long, value_name = "D", value_parser = duration, help_heading = "Search")]
    hold: Option<Duration>,

    /// After each hold, at least [default: 5s]
    #[arg(long, value_name = "D", value_parser = duration, help_heading = "Search")]
    cooldown: Option<Duration>,

    /// End then, with what is known
    #[arg(long, value_name = "D", value_parser = duration, help_heading = "Search")]
    max_time: Option<Duration>,

    /// What must hold, instead of the defaults (repeatable): 'http_call_duration: p95 < 200ms'
    #[arg(long = "slo", value_name = "SELECTOR: EXPR", help_heading = "Search")]
    gates: Vec<String>,

    /// How much less than a rate may be achieved [default: 5%]
    #[arg(long, value_name = "P", value_parser = part, help_heading = "Search")]
    tolerance: Option<f64>,

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

    /// Most users of each scenario that may be made for a rate [default: ten times the highest rate,
    /// at most 10k, in equal parts]
    #[arg(long, value_name = "N", value_parser = level, help_heading = "Search")]
    max_vus: Option<f64>,

    /// Tell what would be tried and how long it may take, and do nothing
    #[arg(long, help_heading = "Search")]
    plan: bool,

    /// Decides every random choice
    #[arg(long, value_name = "N", value_parser = super::load::seed, help_heading = "Search")]
    seed: Option<u64>,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Search")]
    threads: Option<usize>,

    #[command(flatten)]
    marks: MarkArgs,

    /// Write a row per hold as CSV
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    csv: Option<PathBuf>,

    /// Write the summary as JSON; `-` is stdout, alone
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    summary_json: Option<PathBuf>,

    #[command(flatten)]
    out: OutputArgs,

    #[command(flatten)]
    ui: UiArgs,

    #[command(flatten)]
    log: LogArgs,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum AxisArg {
    Rate,
    Users,
}

impl From<AxisArg> for Axis {
    fn from(axis: AxisArg) -> Axis {
        match axis {
            AxisArg::Rate => Axis::Rate,
            AxisArg::Users => Axis::Users,
        }
    }
}

impl LimitArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let progress = self.ui.progress()?;
        let secrets = Arc::default();
        let screen = logging::start(&self.log, &secrets)?;
        let tell = {
            let (screen, quiet) = (screen.clone(), progress == Progress::Quiet);
            move |line: &str| {
                if !quiet {
                    screen.line(line);
                }
            }
        };
        let script = self.script.clone().spec(Flags::default(), Arc::clone(&secrets))?;
        let wanted = prepare_search(script).map_err(RunError::from)?;
        let spec = self.limit(&wanted, Box::new(tell))?;
        if self.plan {
            let script = self.script.clone().spec(self.flags(&spec, None), secrets.clone())?;
            let plan = prepare(script).map_err(RunError::from)?.plan;
            let told = format!("{}{}", spec.schedule(), spec.parts(&plan));
            return Ok(super::print(&secrets.mask(&told)));
        }
        let spec = LimitSpec { probes: self.probes()?, ..spec };
        super::allow_descriptors();
        let demo = self.demo.then(|| super::demo::open(([127, 0, 0, 1], 0).into())).transpose()?;
        let base_url = demo.as_ref().map(|demo| demo.url()).or(self.base_url.clone());
        let flags = self.flags(&spec, base_url);
        let csv = self.csv.clone().map(|path| Box::new(LimitCsv(path)) as Box<dyn Output>);
        let html = self.out.html.map(|path| Box::new(Html::File(path)) as Box<dyn Output>);
        let run = RunSpec {
            script: ScriptSpec { redact: self.marks.redact, ..self.script.spec(flags, secrets)? },
            summary: summary_to(self.summary_json, false),
            explain: false,
            progress,
            color: self.log.color.stdout(),
            columns: columns_of(&std::io::stdout()).unwrap_or(COLUMNS),
            screen,
            outputs: csv.into_iter().chain(html).collect(),
            sinks: self.out.wanted,
            dashboard: self.out.dashboard,
            store: self.out.keep.spec(),
            pilot: Some(Box::new(LimitPilot::new(spec))),
        };
        let code = crate::run::run(run)?;
        drop(demo);
        Ok(ExitCode::from(code))
    }

    /// What the flags say, else the script, else what is usual.
    fn limit(&self, wanted: &Wanted, tell: Box<dyn Fn(&str)>) -> anyhow::Result<LimitSpec> {
        let script = &wanted.search;
        let axis = self.axis.map(Axis::from).or(script.axis).unwrap_or(Axis::Rate);
        let hold = self.hold.or(script.hold).unwrap_or(HOLD);
        ensure!(
            hold >= Duration::from_secs(3),
            "--hold must be at least 3s: a second is what is told apart"
        );
        let gates = match (self.gates.is_empty(), script.slo.is_empty()) {
            (false, _) => self.gates.iter().map(|text| gate(text, &wanted.metrics)).collect(),
            (true, false) => Ok(script.slo.clone()),
            (true, true) => Ok(LimitSpec::default_gates()),
        };
        Ok(LimitSpec {
            axis,
            scenario: self.scenario.clone().or(script.scenario.clone()),
            strategy: self.strategy(axis, script)?,
            gates: gates?,
            tolerance: self.tolerance.or(script.tolerance).unwrap_or(PART),
            warmup: self.warmup.or(script.warmup).unwrap_or(WARMUP),
            hold,
            cooldown: self.cooldown.or(script.cooldown).unwrap_or(COOLDOWN),
            max_time: self.max_time.or(script.max_time),
            max_vus: self.max_vus.map(|most| most as u64).or(script.max_vus),
            probes: None,
            tell,
        })
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
        let unread: Vec<&str> = look.unread().map(String::as_str).collect();
        ensure!(
            unread.is_empty(),
            "{}\n  hint: curl the address; nothing was started",
            unread.join("\n")
        );
        Ok(Some(Probes::new(watcher, self.signals.clone())))
    }

    fn strategy(&self, axis: Axis, script: &Search) -> anyhow::Result<Strategy> {
        let strategy = self.unchecked_strategy(axis, script)?;
        let levels = match &strategy {
            Strategy::Listed { levels, .. } => levels.clone(),
            Strategy::Adaptive { from, to, .. } => vec![*from, *to],
            Strategy::Assert { level } => vec![*level],
        };
        let part = levels.into_iter().find(|level| !axis.is_rate() && level.fract() != 0.0);
        ensure!(
            part.is_none(),
            "levels are numbers of users, which are whole: {} is none",
            part.unwrap_or_default()
        );
        Ok(strategy)
    }

    fn unchecked_strategy(&self, axis: Axis, script: &Search) -> anyhow::Result<Strategy> {
        if let Some(level) = self.assert {
            ensure!(!self.run_all, NOT_LISTED);
            return Ok(Strategy::Assert { level });
        }
        ensure!(
            self.steps.is_empty() || ascends(&self.steps),
            "--steps must ascend\n  hint: write them like 500,1k,2k,5k"
        );
        let sought = self.from.is_some() || self.to.is_some();
        let steps = if self.steps.is_empty() && !sought { &script.steps } else { &self.steps };
        if !steps.is_empty() {
            let run_all = self.run_all || script.run_all.unwrap_or_default();
            return Ok(Strategy::Listed { levels: steps.clone(), run_all });
        }
        ensure!(!self.run_all, NOT_LISTED);
        let most = if axis.is_rate() { 1e5 } else { 1e4 };
        let from = self.from.or(script.from).unwrap_or(FROM);
        let to = self.to.or(script.to).unwrap_or(most);
        ensure!(
            from <= to,
            "the search would begin at {from}, above its end at {to}\n  hint: --from and --to say where"
        );
        let precision = self.precision.or(script.precision).unwrap_or(PART);
        ensure!(precision > 0.0, "--precision must be above 0\n  hint: write for example 5%");
        Ok(Strategy::Adaptive { from, to, precision, whole: !axis.is_rate() })
    }

    /// What the plan is made with.
    fn flags(&self, spec: &LimitSpec, base_url: Option<String>) -> Flags {
        self.marks.on(Flags {
            search: Some(spec.reach()),
            base_url,
            seed: self.seed,
            threads: self.threads,
            ..Flags::default()
        })
    }
}

/// Whoever knows `run --ab` is told why there is none here.
fn one_target(_: &str) -> Result<Infallible, String> {
    Err("a search has one target; compare two with `loadtool run --ab`, or search each by itself"
        .to_owned())
}

/// A level: `500`, `1.5k`, `1M`.
pub fn level(text: &str) -> Result<f64, String> {
    if text.ends_with('G') {
        return Err("the suffixes are k and M".to_owned());
    }
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

/// `http_call_duration{step=login}: p95 < 200ms`, over metrics of the script's own too.
fn gate(text: &str, own: &OwnMetrics) -> anyhow::Result<Threshold> {
    let gate = Threshold::parse_pair(text, own).and_then(objective);
    gate.map_err(|fault| anyhow::anyhow!("--slo: {fault}"))
}
