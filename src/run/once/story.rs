//! The story of one iteration, a line for each thing that happens, with the milliseconds since its
//! beginning. All that scripts and servers had a hand in is made harmless for the terminal.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use tokio::time::Instant;

use super::Outcome;
use crate::lua::error::Failure;
use crate::lua::host::witness::Event;
use crate::output::table::styled;
use crate::output::text::harmless;
use crate::plan::Plan;
use crate::results::format;
use crate::secrets::Secrets;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const HEAD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// How the story is told.
pub struct StorySpec {
    /// Where; a reader that goes away ends nothing.
    pub out: Box<dyn Write>,
    /// Whether in colours.
    pub color: bool,
    /// Whether with bodies.
    pub bodies: bool,
    /// What no line may hold.
    pub secrets: Arc<Secrets>,
}

/// Told line by line.
pub struct Story {
    out: RefCell<Box<dyn Write>>,
    color: bool,
    bodies: bool,
    secrets: Arc<Secrets>,
    began: Instant,
    /// Open steps, by name.
    steps: RefCell<Vec<String>>,
    calls: Cell<u64>,
    broken_calls: Cell<u64>,
    checks: Cell<u64>,
    failed_checks: Cell<u64>,
}

impl Story {
    /// Begins now.
    pub fn new(spec: StorySpec) -> Story {
        Story {
            out: RefCell::new(spec.out),
            color: spec.color,
            bodies: spec.bodies,
            secrets: spec.secrets,
            began: Instant::now(),
            steps: RefCell::default(),
            calls: Cell::default(),
            broken_calls: Cell::default(),
            checks: Cell::default(),
            failed_checks: Cell::default(),
        }
    }

    /// `shop.lua: scenario buyers, seed 42`.
    pub fn title(&self, plan: &Plan, scenario: usize) {
        let name = plan.scenarios()[scenario].name();
        let title = format!("{}: scenario {name}, seed {}", plan.name(), plan.seed());
        self.write(&self.style(&harmless(&title), HEAD));
    }

    /// `setup`, `iteration`, ….
    pub fn part(&self, name: &str) {
        self.steps.borrow_mut().clear();
        self.write("");
        self.write(&self.style(&harmless(name), HEAD));
    }

    /// Since the beginning.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether bodies are told.
    pub fn bodies(&self) -> bool {
        self.bodies
    }

    /// Conditions that did not hold.
    pub fn failed_checks(&self) -> u64 {
        self.failed_checks.get()
    }

    /// One hop that began at `since`: its first line, then what is below it.
    pub fn call(&self, since: Duration, broken: bool, lines: &[String]) {
        self.calls.update(|calls| calls + 1);
        self.broken_calls.update(|calls| calls + u64::from(broken));
        for (index, line) in lines.iter().enumerate() {
            match index {
                0 => self.at(since, &self.style(&harmless(line), if broken { BAD } else { HEAD })),
                _ => self.below(&self.style(&harmless(line), FAINT)),
            }
        }
    }

    /// What the script does.
    pub fn event(&self, event: Event) {
        match event {
            Event::Step { name, depth } => {
                self.steps.borrow_mut().truncate(depth);
                self.line(&format!("step {name}"));
                self.steps.borrow_mut().push(name);
            }
            Event::StepEnds { depth, failed } => {
                let name = self.steps.borrow().get(depth).cloned().unwrap_or_default();
                self.steps.borrow_mut().truncate(depth);
                if failed {
                    self.marked("FAIL", BAD, &format!("step {name}"));
                }
            }
            Event::Check { label, failure } => {
                self.checks.update(|checks| checks + 1);
                match failure {
                    None => self.marked("ok", GOOD, &label),
                    Some(failure) => {
                        self.failed_checks.update(|failed| failed + 1);
                        self.marked("FAIL", BAD, &format!("{label}: {failure}"));
                    }
                }
            }
            Event::Extracted { what, found: Ok(value) } => {
                self.marked("got", GOOD, &format!("{what} = {value}"));
            }
            Event::Extracted { what, found: Err(why) } => {
                self.marked("none", FAINT, &format!("{what}: {why}"));
            }
            Event::Pause(what) => self.line(&what),
        }
    }

    /// What a function failed with, its source line and where it was called.
    pub fn failure(&self, failure: &Failure) {
        self.steps.borrow_mut().clear();
        let text = failure.illustrated();
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        self.at(
            self.now(),
            &self.style(&format!("{}: {}", failure.category, harmless(first)), BAD),
        );
        lines.for_each(|line| self.below(&harmless(line)));
    }

    /// Anything else.
    pub fn line(&self, text: &str) {
        self.at(self.now(), &harmless(text));
    }

    /// `FAILED: 3 calls, 1 of 5 checks failed, 12.3 ms`.
    pub fn end(&self, outcome: Outcome) {
        let (word, style) = match outcome {
            Outcome::Passed => ("PASSED", GOOD),
            Outcome::Failed => ("FAILED", BAD),
            Outcome::NoData => ("NO DATA", BAD),
            Outcome::Interrupted => ("INTERRUPTED", BAD),
            Outcome::Aborted => ("ABORTED", BAD),
        };
        let mut text = format::counted(self.calls.get(), "request");
        if self.broken_calls.get() > 0 {
            text += &format!(" ({} broken)", self.broken_calls.get());
        }
        let checks = format::counted(self.checks.get(), "check");
        text += &match self.failed_checks.get() {
            0 => format!(", {checks}"),
            failed => format!(", {failed} of {checks} failed"),
        };
        self.write("");
        self.write(&format!("{}: {text}, {}", self.style(word, style), format::length(self.now())));
    }

    fn marked(&self, mark: &str, style: Style, text: &str) {
        let padding = " ".repeat(5_usize.saturating_sub(mark.len()));
        self.at(self.now(), &format!("{}{padding} {}", self.style(mark, style), harmless(text)));
    }

    fn at(&self, since: Duration, line: &str) {
        let stamp = format!("{:>7} ms", since.as_millis());
        self.write(&format!("{}  {}{line}", self.style(&stamp, FAINT), self.indent()));
    }

    fn below(&self, line: &str) {
        self.write(&format!("{:12}  {}{line}", "", self.indent()));
    }

    fn indent(&self) -> String {
        "  ".repeat(self.steps.borrow().len())
    }

    fn style(&self, text: &str, style: Style) -> String {
        if self.color { styled(text, style) } else { text.to_owned() }
    }

    fn write(&self, line: &str) {
        let mut out = self.out.borrow_mut();
        // A reader that went away (`| head`) has all that it wanted.
        let _ = writeln!(out, "{}", self.secrets.mask(line)).and_then(|()| out.flush());
    }
}
