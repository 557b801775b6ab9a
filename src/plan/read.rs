//! Reading a definition's tables field by field, while every fault is noted with its place.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::draft::{Draft, Node, Sampler};
use super::locate::{Path, Source};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::http::proxy::masked;
use crate::metrics::tags::own_tag;
use crate::units::{self, Misread};

/// The faults of a draft.
pub(super) struct Report<'d> {
    pub(super) draft: &'d Draft,
    pub(super) sampler: Sampler<'d>,
    source: OnceCell<Source<'d>>,
    faults: RefCell<Vec<Diagnostic>>,
}

/// A table of the definition whose fields are all known ones.
pub(super) struct Fields<'r, 'd> {
    pub(super) report: &'r Report<'d>,
    pub(super) path: Path,
    map: &'r [(String, Node)],
}

impl<'d> Report<'d> {
    pub(super) fn new(draft: &'d Draft, sampler: Sampler<'d>) -> Self {
        Report { draft, sampler, source: OnceCell::new(), faults: RefCell::default() }
    }

    /// One of the same draft, whose faults nobody need hear of.
    pub(super) fn aside(&self) -> Self {
        Report::new(self.draft, self.sampler)
    }

    /// Notes a fault of what stands at `path`.
    pub(super) fn fault(&self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.note(self.placed(path, Diagnostic::new(message).hint(hint)));
    }

    /// Notes a fault that has its place, or none.
    pub(super) fn note(&self, fault: Diagnostic) {
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// Gives a fault the place of `path`.
    pub(super) fn placed(&self, path: &Path, fault: Diagnostic) -> Diagnostic {
        let source = self.source.get_or_init(|| Source::read(&self.draft.source));
        let line = source.line(path);
        let fault = fault.at(&self.draft.script, line);
        let index = line.map(|line| line as usize - 1);
        match index.and_then(|index| self.draft.source.lines().nth(index)) {
            Some(text) => fault.source(masked(text)),
            None => fault,
        }
    }

    /// All faults, in the order of their lines.
    pub(super) fn into_faults(self) -> Vec<Diagnostic> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        faults
    }
}

impl<'r, 'd> Fields<'r, 'd> {
    /// The table at `path`, with a fault for each field that is not among `known`.
    pub(super) fn of(
        report: &'r Report<'d>,
        path: Path,
        node: &'r Node,
        known: &[&str],
    ) -> Option<Self> {
        let fields = Self::any(report, path, node)?;
        for (name, _) in fields.map {
            if !known.contains(&name.as_str()) {
                fields.unknown(name, known);
            }
        }
        Some(fields)
    }

    /// The table at `path`, whatever its fields.
    pub(super) fn any(report: &'r Report<'d>, path: Path, node: &'r Node) -> Option<Self> {
        match node {
            Node::Map(map) => Some(Fields { report, path, map }),
            other => {
                let message =
                    format!("{path} must be a table of named fields, not {}", Shown(other));
                report.fault(&path, message, "write it like `{ name = value }`");
                None
            }
        }
    }

    /// Notes that there is no field `name`.
    pub(super) fn unknown(&self, name: &str, known: &[&str]) {
        let hint = did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| format!("known fields: {}", known.join(", ")));
        self.fault(name, format!("unknown field `{name}` in {}", self.path), hint);
    }

    /// Notes a fault of a field.
    pub(super) fn fault(&self, name: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.report.fault(&self.path.field(name), message, hint);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'r str, &'r Node)> + use<'r> {
        self.map.iter().map(|(name, node)| (name.as_str(), node))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'r Node> {
        self.map.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The whole name of a field, for messages.
    pub(super) fn name(&self, name: &str) -> String {
        self.path.field(name).to_string()
    }

    /// A table within this one.
    pub(super) fn table(&self, name: &str, known: &[&str]) -> Option<Fields<'r, 'd>> {
        Fields::of(self.report, self.path.field(name), self.get(name)?, known)
    }

    /// A length of time.
    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        self.read(name, "seconds or a text like \"30s\"", duration)
    }

    /// A length of time above 0.
    pub(super) fn positive_duration(&self, name: &str) -> Option<Duration> {
        let duration = self.duration(name)?;
        if duration.is_zero() {
            let message = format!("{} must be above 0", self.name(name));
            self.fault(name, message, "write a duration like `30s`");
            return None;
        }
        Some(duration)
    }

    /// A whole number from 0.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.read(name, "a whole number", count)
    }

    /// A number of bytes.
    pub(super) fn bytes(&self, name: &str) -> Option<u64> {
        self.read(name, "a number of bytes or a text like \"64MiB\"", |node| match node {
            Node::Text(text) => Some(units::bytes(text)),
            node => count(node),
        })
    }

    /// A number above 0, which may have a suffix: `"10k"`.
    pub(super) fn level(&self, name: &str) -> Option<f64> {
        let found = self.read(name, "a number like 500 or \"10k\"", |node| number(node).map(Ok))?;
        if found > 0.0 && found.is_finite() {
            return Some(found);
        }
        self.fault(name, format!("{} must be above 0", self.name(name)), "write one like `500`");
        None
    }

    /// A part of the whole: `"5%"` or `0.05`.
    pub(super) fn part(&self, name: &str) -> Option<f64> {
        let found = self.read(name, "a part like \"5%\" or 0.05", |node| match node {
            Node::Text(text) => Some(units::percent(text)),
            node => number(node).map(Ok),
        })?;
        if (0.0..1.0).contains(&found) {
            return Some(found);
        }
        let message = format!("{} must be from 0% to below 100%", self.name(name));
        self.fault(name, message, "write it like \"5%\"");
        None
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.read(name, "true or false", |node| match node {
            Node::Bool(flag) => Some(Ok(*flag)),
            _ => None,
        })
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&'r str> {
        self.read(name, "a string", |node| match node {
            Node::Text(text) => Some(Ok(text.as_str())),
            _ => None,
        })
    }

    /// Whether there is a function; anything else there is a fault.
    pub(super) fn function(&self, name: &str) -> bool {
        let read = |node: &Node| matches!(node, Node::Function).then_some(Ok(()));
        self.read(name, "a function", read).is_some()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let all = || words.iter().map(|(word, _)| *word);
        let hint = did_you_mean(text, all()).unwrap_or_else(|| {
            format!(
                "one of {}",
                all().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
            )
        });
        self.fault(name, format!("{} cannot be \"{text}\"", self.name(name)), hint);
        None
    }

    /// Tags: names and short texts.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        let Some(node) = self.get("tags") else { return BTreeMap::new() };
        let Some(tags) = Fields::any(self.report, self.path.field("tags"), node) else {
            return BTreeMap::new();
        };
        let value = |(name, node): (&str, &Node)| {
            if let Some(message) = own_tag(name) {
                tags.fault(name, message, "choose another name");
                return None;
            }
            let text = scalar(node);
            if text.is_none() {
                let message = format!(
                    "{} must be a string or a number, not {}",
                    tags.name(name),
                    Shown(node)
                );
                tags.fault(name, message, "tags are texts");
            }
            Some((name.to_owned(), text?))
        };
        tags.iter().filter_map(value).collect()
    }

    /// Reads a field if it is there; `convert` gives `None` for a wrong type.
    fn read<T>(
        &self,
        name: &str,
        wanted: &str,
        convert: impl FnOnce(&'r Node) -> Option<Result<T, Misread>>,
    ) -> Option<T> {
        let node = self.get(name)?;
        match convert(node) {
            Some(Ok(value)) => return Some(value),
            Some(Err(misread)) => {
                self.fault(name, format!("{}: {}", self.name(name), misread.message), misread.hint);
            }
            None => {
                let message = format!("{} must be {wanted}, not {}", self.name(name), Shown(node));
                self.fault(name, message, format!("give it {wanted}"));
            }
        }
        None
    }
}

/// A duration, if it can be one.
pub(super) fn duration(node: &Node) -> Option<Result<Duration, Misread>> {
    match node {
        Node::Text(text) => Some(units::duration(text)),
        Node::Int(seconds) => Some(units::seconds(*seconds as f64)),
        Node::Float(seconds) => Some(units::seconds(*seconds)),
        _ => None,
    }
}

/// A whole number, if it can be one.
pub(super) fn count(node: &Node) -> Option<Result<u64, Misread>> {
    match node {
        Node::Text(text) => Some(units::count(text)),
        Node::Int(number) => Some(units::whole(*number as f64, &number.to_string())),
        Node::Float(number) => Some(units::whole(*number, &number.to_string())),
        _ => None,
    }
}

/// A number, if it can be one.
pub(super) fn number(node: &Node) -> Option<f64> {
    match node {
        Node::Text(text) => units::number(text).ok(),
        Node::Int(number) => Some(*number as f64),
        Node::Float(number) => Some(*number),
        _ => None,
    }
}

/// A string, number or boolean as text; integral floats without a fraction.
pub(super) fn scalar(node: &Node) -> Option<String> {
    match node {
        Node::Text(text) => Some(text.clone()),
        Node::Int(number) => Some(number.to_string()),
        Node::Float(number) if number.is_finite() => Some(number.to_string()),
        Node::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A node as a message shows it.
pub(super) struct Shown<'n>(pub(super) &'n Node);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Node::Bool(flag) => write!(f, "{flag}"),
            Node::Int(number) => write!(f, "{number}"),
            Node::Float(number) => write!(f, "{number}"),
            Node::Text(text) => {
                let shown: String = text.chars().take(40).collect();
                write!(f, "\"{shown}{}\"", if shown.len() < text.len() { "…" } else { "" })
            }
            Node::List(_) => f.write_str("a list"),
            Node::Map(map) if map.is_empty() => f.write_str("an empty table"),
            Node::Map(_) => f.write_str("a table with named fields"),
            Node::Mixed(..) => f.write_str("a table with both list items and named fields"),
            Node::Function => f.write_str("a function"),
            Node::Other("nil") => f.write_str("nil"),
            Node::Other(kind) => write!(f, "a {kind}"),
        }
    }
}
