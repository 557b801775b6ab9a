//! The command line: what was typed. What it means is for the commands, a file each.

mod calibrate;
mod check;
mod compare;
mod connections;
mod demo;
mod libraries;
mod limit;
mod load;
mod logging;
mod marks;
mod once;
mod outputs;
mod query;
mod report;
mod run;
mod runs;
mod script;
mod show;
mod source;
mod store;
mod trend;
mod ui;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::diagnostic::nearest;
use crate::results::verdict::{BUG, UNWRITTEN};
use crate::run::RunError;

/// Exit code of a usage, script or plan error before any load.
const USAGE: u8 = 2;

/// Exit code when the run could not be carried out.
const FAILED: u8 = 6;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default())
    .usage(AnsiColor::Yellow.on_default())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  loadtool run scripts/shop.lua --demo             try it: the built-in shop, ten seconds
  loadtool run shop.lua --base-url http://127.0.0.1:8080 --vus 50 --duration 1m
  loadtool once shop.lua                           one iteration, told step by step
  loadtool limit shop.lua --from 100               the highest rate that holds
  loadtool compare last~1 last                     what is worse in the last run
  loadtool runs                                    the runs that are kept
  loadtool query last 'http_call_duration{step=login}' --by status
  loadtool check shop.lua                          what would run, and what a user costs
  loadtool run shop.lua --html shop.html           the report as one page to hand on
  loadtool calibrate                               what this machine can do at most
  loadtool demo --listen 127.0.0.1:8080            the built-in shop, to write scripts against

Exit codes: 0 pass, 2 usage or script error before any load, 3 threshold crossed,
4 inconclusive, 5 stopped by a signal, 6 aborted, 7 a report could not be written, 70 a bug";

/// Load tests whose scenarios are Lua scripts.
#[derive(Parser, Debug)]
#[command(name = "loadtool", version, styles = STYLES, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a script under load and report what happened
    Run(Box<run::RunArgs>),
    /// Run one iteration of one user and tell it step by step
    Once(Box<once::OnceArgs>),
    /// Find the highest load that holds, with its evidence
    Limit(Box<limit::LimitArgs>),
    /// Show what would run and what one user costs; sends nothing
    Check(Box<check::CheckArgs>),
    /// Tell whether a run is worse than another, or only noise
    Compare(compare::CompareArgs),
    /// Measure what this machine can do at most, so that runs near it say so
    Calibrate(calibrate::CalibrateArgs),
    /// List the runs that are kept; prune, export and import them
    Runs(runs::RunsArgs),
    /// Print the report of a kept run again
    Show(show::ShowArgs),
    /// Slice the series of a kept run by any tag and time
    Query(query::QueryArgs),
    /// Tell when a series changed its level over the kept runs, and by which commit
    Trend(trend::TrendArgs),
    /// Make the HTML report of a kept run or of a JSON summary
    Report(report::ReportArgs),
    /// Serve the built-in shop, a target to try scripts against
    Demo(demo::DemoArgs),
}

impl Cli {
    /// What was typed; a mistake, `--help` and `--version` end the process.
    pub fn typed() -> Cli {
        Cli::try_parse().unwrap_or_else(|error| with_meant_flag(error).exit())
    }

    /// Carries out the command. An `Err` is for [`tell`].
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Run(args) => args.run(),
            Command::Once(args) => args.run(),
            Command::Limit(args) => args.run(),
            Command::Check(args) => args.run(),
            Command::Compare(args) => args.run(),
            Command::Calibrate(args) => args.run(),
            Command::Runs(args) => args.run(),
            Command::Show(args) => args.run(),
            Command::Query(args) => args.run(),
            Command::Trend(args) => args.run(),
            Command::Report(args) => args.run(),
            Command::Demo(args) => args.run(),
        }
    }
}

/// Adds the flag that was meant, where clap sees no likeness: it takes `--vsu` for a value.
fn with_meant_flag(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument || error.get(ContextKind::SuggestedArg).is_some()
    {
        return error;
    }
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let Some(name) = typed.strip_prefix("--") else { return error };
    let cli = Cli::command();
    let chosen = std::env::args().find_map(|word| cli.find_subcommand(word)).unwrap_or(&cli);
    let flags = chosen.get_arguments().filter_map(clap::Arg::get_long);
    if let Some(meant) = nearest(name, flags) {
        let meant = ContextValue::String(format!("--{meant}"));
        error.remove(ContextKind::Suggested);
        error.insert(ContextKind::SuggestedArg, meant);
    }
    error
}

/// Tells an error on stderr; gives the exit code that it deserves.
pub fn tell(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "{error:#}");
    ExitCode::from(match error.downcast_ref() {
        Some(RunError::System(_)) => FAILED,
        _ => USAGE,
    })
}

/// Tells on stderr that this tool is at fault, after a panic that has told of itself.
pub fn tell_bug() -> ExitCode {
    let _ = writeln!(io::stderr(), "this is a bug in loadtool: please report it");
    ExitCode::from(BUG)
}

/// Each user has a connection of its own: as many descriptors as this process may have. Where it may
/// not ask, those that it has must do.
fn allow_descriptors() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

/// Prints what was asked for. A reader that went away (`| head`) has all that it wanted.
fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "cannot write to stdout: {error}");
            ExitCode::from(UNWRITTEN)
        }
        _ => ExitCode::SUCCESS,
    }
}
