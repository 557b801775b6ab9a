//! How a script's function ended, and what a failed one tells.

use std::fmt;
use std::path::{Path, PathBuf};

use super::fault::step;
use super::host::Host;
use super::host::told::{DID_YOU_MEAN, HINT};
use super::place::{Position, Sources};
use crate::diagnostic::Diagnostic;
use crate::metrics::Outcome;

/// How one of a user's functions ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It returned.
    Completed,
    /// By an error.
    Failed(Box<Failure>),
    /// It was told to stop; no error.
    Stopped(Stopped),
}

impl Ended {
    /// Whether there was no row for it: what it took says nothing of the target.
    pub fn is_out_of_data(&self) -> bool {
        matches!(self, Ended::Stopped(Stopped::Vu | Stopped::Scenario))
    }

    /// How that is counted.
    pub fn outcome(&self) -> Outcome {
        match self {
            Ended::Completed => Outcome::Completed,
            Ended::Failed(_) => Outcome::Failed,
            Ended::Stopped(_) => Outcome::Interrupted,
        }
    }
}

/// What else ends with an iteration that was told to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// Its user.
    Vu,
    /// Its scenario: nothing more of it starts, the other users finish.
    Scenario,
    /// The run, and why.
    Run(String),
}

impl Stopped {
    /// The same where nothing may stop so.
    pub(super) fn failure(self) -> Failure {
        let message = match self {
            Stopped::Run(message) => message,
            Stopped::Vu | Stopped::Scenario => "the script stopped for want of data".to_owned(),
        };
        Failure { category: "script", message, ..Failure::default() }
    }
}

/// Why a function of a script failed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failure {
    /// `script`, `assertion`, `extract`, `resource`, ….
    pub category: &'static str,
    /// What failed, with `file:line: ` before it if that is known.
    pub message: String,
    /// Path of the step; empty outside steps.
    pub step: String,
    /// The script or module, as the user can find it.
    pub file: Option<PathBuf>,
    /// From 1.
    pub line: Option<u32>,
    /// That line's text.
    pub source: Option<String>,
    /// The author's frames, innermost first, one on each line; empty if unknown.
    pub traceback: String,
}

impl Failure {
    /// A failure of the tool rather than of the script's text.
    pub(super) fn resource(message: impl Into<String>) -> Failure {
        Failure { category: "resource", message: message.into(), ..Failure::default() }
    }

    /// One that arose at `place`.
    pub(super) fn at(
        host: &Host,
        place: Option<&Position>,
        category: &'static str,
        message: &str,
    ) -> Failure {
        let message = match place {
            Some(place) => format!("{place}: {message}"),
            None => message.to_owned(),
        };
        let message = host.shared.secrets.mask(&message).into_owned();
        let failure = Failure { category, message, step: step(host), ..Failure::default() };
        failure.found_at(&host.sources.borrow(), place)
    }

    /// The same with what the source says of its place.
    pub(super) fn found_at(mut self, sources: &Sources, place: Option<&Position>) -> Failure {
        if let Some(place) = place {
            self.file = sources.path(&place.chunk).map(Path::to_owned);
            self.source = sources.line(&place.chunk, place.line).map(str::to_owned);
            self.line = Some(place.line);
        }
        self
    }

    /// The message with the source line and the traceback.
    pub fn illustrated(&self) -> String {
        let mut text = self.message.clone();
        if let (Some(line), Some(source)) = (self.line, &self.source) {
            text += &format!("\n{line:>6} | {}", source.trim_end());
        }
        if !self.traceback.is_empty() {
            text += "\ntraceback:\n  ";
            text += &self.traceback.replace('\n', "\n  ");
        }
        text
    }

    /// As a mistake in the script, for what fails before the run.
    pub fn diagnostic(&self) -> Diagnostic {
        let prefix_end = self.line.and_then(|line| {
            let mark = format!(":{line}: ");
            self.message.find(&mark).map(|start| start + mark.len())
        });
        let message = &self.message[prefix_end.unwrap_or(0)..];
        let (message, hint) = match message.split_once(HINT) {
            Some((message, hint)) => (message, Some(hint.to_owned())),
            None => match message.split_once(DID_YOU_MEAN) {
                Some((message, meant)) => (message, Some(format!("did you mean {meant}"))),
                None => (message, hint(message)),
            },
        };
        Diagnostic {
            message: message.to_owned(),
            file: self.file.clone(),
            line: self.line,
            source: self.source.clone(),
            hint,
        }
    }
}

/// What to do about users who do not fit.
const LIGHTER: &str = "raise it (--script-memory-limit 512MiB), or make fewer users, or lighter \
                       ones: what all need only once belongs into lt.data, or into functions \
                       rather than tables at top level";

/// What to do about a message that leaves a newcomer alone.
fn hint(message: &str) -> Option<String> {
    if message.contains("(script_memory_limit)") {
        return Some(LIGHTER.to_owned());
    }
    let (deed, rest) = message.strip_prefix("attempt to ")?.split_once(" a nil value")?;
    let name = rest.split('\'').nth(1);
    Some(match (deed, name) {
        ("call", Some(name)) => {
            format!("there is no function `{name}` here: look at its spelling, or define it above")
        }
        (_, Some(name)) => {
            format!("`{name}` is nil here: look at its spelling, or give it a value")
        }
        (_, None) => "something is nil here: look at the names in this line".to_owned(),
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
