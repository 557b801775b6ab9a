//! Log and colour flags, and the logger behind them: lines to stderr, never through a live line.

use std::io::IsTerminal;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::diagnostic::did_you_mean;
use crate::output::screen::Screen;
use crate::secrets::Secrets;

/// When to use colours; `NO_COLOR` counts as `never` unless `always` is said.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether this stream gets colours.
    pub fn decide(self, stream: &impl IsTerminal) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                !refused && !dumb && stream.is_terminal()
            }
        }
    }
}

#[derive(Args, Debug)]
pub struct LogArgs {
    /// Colours: auto, always or never
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub color: Color,

    /// Log more: -v is --log-level debug, -vv is trace
    #[arg(short, action = clap::ArgAction::Count, help_heading = "Output")]
    verbose: u8,

    /// Least severe messages to log: error, warn, info, debug, trace
    #[arg(
        long,
        value_name = "LEVEL",
        value_parser = level,
        default_value = "info",
        help_heading = "Output"
    )]
    log_level: LevelFilter,
}

impl LogArgs {
    /// Whether `-v` was said.
    pub fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    fn level(&self) -> LevelFilter {
        match self.verbose {
            0 => self.log_level,
            1 => self.log_level.max(LevelFilter::Debug),
            _ => LevelFilter::Trace,
        }
    }
}

fn level(text: &str) -> Result<LevelFilter, String> {
    const WORDS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    text.parse().map_err(|_| {
        let all = || format!("it is one of {}", WORDS[1..].join(", "));
        did_you_mean(text, WORDS).unwrap_or_else(all)
    })
}

/// Installs the logger, which shows no secrets; gives the screen that it shares with the live line.
pub fn start(args: &LogArgs, secrets: &Arc<Secrets>) -> anyhow::Result<Arc<Screen>> {
    let color = args.color.decide(&std::io::stderr());
    let screen = Arc::new(Screen::stderr(color, secrets.clone()));
    log::set_boxed_logger(Box::new(Logger(screen.clone())))?;
    log::set_max_level(args.level());
    Ok(screen)
}

struct Logger(Arc<Screen>);

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let own = target.starts_with("loadtool") || ["script", "print"].contains(&target);
        // Other crates speak only when something is wrong. A certificate that is refused is in the
        // report; the verifier would say it again for every connection.
        own || (metadata.level() <= Level::Warn && !target.starts_with("rustls_platform_verifier"))
    }

    fn log(&self, record: &Record<'_>) {
        if record.target() == "print" {
            // The script's own `print`, whatever is logged.
            self.0.line(&record.args().to_string());
        } else if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            self.0.line(&format!("{level:>5}  {}", record.args()));
        }
    }

    fn flush(&self) {}
}
