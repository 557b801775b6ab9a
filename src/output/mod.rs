//! Where results go. An [`Output`] sees every second of a run and its summary, and nothing else.

pub mod cell;
pub mod comparison;
pub mod console;
pub mod dashboard;
pub mod file;
pub mod full;
pub mod html;
pub mod json;
pub mod keyboard;
pub mod limit_csv;
pub mod live;
pub mod report;
pub mod screen;
pub mod sink;
pub mod steer;
pub mod table;
pub mod text;
pub mod tty;
pub mod view;

use std::path::PathBuf;

use crate::results::{Summary, Tick};

/// A sink of results. Its methods run on the control thread, once a second: they may write, but
/// not wait.
pub trait Output {
    /// One more second of the run.
    fn tick(&mut self, tick: &Tick);

    /// The run is over.
    ///
    /// # Errors
    /// What was asked for could not be written (exit 7).
    fn finish(&mut self, summary: &Summary) -> Result<(), OutputError>;
}

/// A report that was asked for could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {what} to {}: {source}", place.display())]
pub struct OutputError {
    /// Which report.
    pub what: &'static str,
    /// The file, or `stdout`.
    pub place: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// What became of a write: a reader that went away (`| head`) has all that it wanted.
fn quietly(
    written: std::io::Result<()>,
    what: &'static str,
    place: impl Into<PathBuf>,
) -> Result<(), OutputError> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| OutputError { what, place: place.into(), source }),
    }
}
