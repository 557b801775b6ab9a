//! What is to be run and told, and why there may be no result at all.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::pilot::Pilot;
use super::prepare::ScriptSpec;
use super::stored::StoreSpec;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::output::Output;
use crate::output::screen::Screen;
use crate::output::sink::spec::Wanted;

/// What to run and where to tell of it.
pub struct RunSpec {
    /// The script and what it is told.
    pub script: ScriptSpec,
    /// Where the JSON summary goes.
    pub summary: SummaryTo,
    /// Whether the plan is told before it runs.
    pub explain: bool,
    /// What is shown while it goes on.
    pub progress: Progress,
    /// Whether the report gets colours.
    pub color: bool,
    /// Columns of the terminal that the report is for.
    pub columns: usize,
    /// Where talk goes.
    pub screen: Arc<Screen>,
    /// Who else is told of the results.
    pub outputs: Vec<Box<dyn Output>>,
    /// `--out`.
    pub sinks: Vec<Wanted>,
    /// Where the run is to be kept.
    pub store: Option<StoreSpec>,
    /// Where the live dashboard is to be served.
    pub dashboard: Option<SocketAddr>,
    /// Who steers the load, if somebody does.
    pub pilot: Option<Box<dyn Pilot>>,
}

/// What is shown while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing.
    Quiet,
    /// A live line.
    Line,
    /// The whole terminal, if it can be had.
    Full,
}

/// Where the JSON summary goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SummaryTo {
    /// It was not asked for.
    Nowhere,
    /// A file.
    File(PathBuf),
    /// Stdout; the report then goes to stderr.
    Stdout,
}

/// Why there is no result at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The user's mistakes, before any load.
    #[error(transparent)]
    Faults(#[from] Diagnostics),
    /// The operating system refused a runtime, a thread or a signal handler.
    #[error("cannot start the run")]
    System(#[from] io::Error),
}

impl From<Diagnostic> for RunError {
    fn from(fault: Diagnostic) -> Self {
        RunError::Faults(fault.into())
    }
}
