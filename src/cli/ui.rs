//! What is shown at the terminal while a load goes on.

use anyhow::bail;
use clap::{Args, ValueEnum};

use crate::output::tty;
use crate::run::Progress;

#[derive(Args, Debug)]
pub struct UiArgs {
    /// While it goes on: plain is a line, full the whole terminal with charts and tables (an error
    /// where there is none), auto is full where there is a terminal and plain elsewhere
    #[arg(
        long,
        value_enum,
        value_name = "UI",
        default_value = "plain",
        hide_possible_values = true,
        help_heading = "Output"
    )]
    ui: Ui,

    /// No live progress
    #[arg(long, short, conflicts_with = "ui", help_heading = "Output")]
    quiet: bool,
}

/// What is shown at the terminal.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Ui {
    Auto,
    Plain,
    Full,
}

impl UiArgs {
    /// What is meant.
    ///
    /// # Errors
    /// The whole terminal is wanted, and there is none.
    pub fn progress(&self) -> anyhow::Result<Progress> {
        let dumb = || std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Ok(match self.ui {
            _ if self.quiet => Progress::Quiet,
            Ui::Plain => Progress::Line,
            Ui::Full if !tty::is_there() => bail!(
                "--ui full needs a terminal, and stdin and stderr are not both one\n  \
                 hint: --ui auto takes the whole terminal where there is one, and a line elsewhere"
            ),
            Ui::Full if dumb() => bail!(
                "--ui full needs a terminal that can be drawn on: TERM says that this is none\n  \
                 hint: TERM=xterm-256color, or --ui plain"
            ),
            Ui::Auto if !tty::is_there() || dumb() => Progress::Line,
            Ui::Auto | Ui::Full => Progress::Full,
        })
    }
}
