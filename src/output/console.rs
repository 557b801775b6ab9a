//! What a person at a terminal sees: the live line while the run goes on, the report after it.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::live::{Latencies, Live};
use super::report::Report;
use super::screen::Screen;
use super::{Output, OutputError, quietly};
use crate::results::{Summary, Tick};

/// What the console is made of.
pub struct ConsoleSpec {
    /// Where talk goes: live line and log.
    pub screen: Arc<Screen>,
    /// Whether there is a live line.
    pub live: bool,
    /// The run's whole length, where the plan has one.
    pub planned: Option<Duration>,
    /// Which latencies the live line tells.
    pub latencies: Latencies,
    /// What was steered by hand, for the live line; empty if nothing was.
    pub steered: Box<dyn Fn() -> String>,
    /// Where the report goes: stdout, or stderr if stdout is for the JSON summary alone.
    pub out: Box<dyn Write>,
    /// Whether the report gets colours.
    pub color: bool,
    /// Columns of the terminal that the report is for.
    pub columns: usize,
}

/// The live line and the report.
pub struct Console {
    live: Option<Live>,
    steered: Box<dyn Fn() -> String>,
    out: Box<dyn Write>,
    color: bool,
    columns: usize,
}

impl Console {
    /// Nothing is shown before the first tick.
    pub fn new(spec: ConsoleSpec) -> Console {
        let live = spec.live.then(|| Live::new(spec.screen, spec.planned, spec.latencies));
        Console {
            live,
            steered: spec.steered,
            out: spec.out,
            color: spec.color,
            columns: spec.columns,
        }
    }
}

impl Output for Console {
    fn tick(&mut self, tick: &Tick) {
        if let Some(live) = &mut self.live {
            live.tick(tick, &(self.steered)());
        }
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), OutputError> {
        if let Some(live) = self.live.take() {
            live.clear();
        }
        let report = Report { summary, color: self.color, columns: self.columns }.text();
        let written = self.out.write_all(report.as_bytes()).and_then(|()| self.out.flush());
        quietly(written, "the report", "stdout")
    }
}
