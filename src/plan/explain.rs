//! A plan in words, as `loadtool check` tells it.

use std::fmt::Write;

use super::chart::chart;
use super::{Connections, Plan, Scenario};
use crate::units::print_duration;

impl Plan {
    /// Name, scenarios, loads, with a chart of those that change, and thresholds; lines that end with
    /// a line feed, no colour.
    pub fn explain(&self) -> String {
        let mut text = format!("{}\n", self.heading());
        let width = self.scenarios.iter().map(|scenario| scenario.name.chars().count()).max();
        let width = width.unwrap_or(0);
        for scenario in &self.scenarios {
            let mut name = &*scenario.name;
            for line in self.scenario_lines(scenario).iter().flat_map(|line| wrapped(line)) {
                let _ = writeln!(text, "  {name:<width$}  {line}");
                name = "";
            }
            for line in chart(&scenario.load) {
                let _ = writeln!(text, "    {line}");
            }
        }
        text += &self.threshold_lines();
        text
    }

    fn heading(&self) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (scenarios, threads) = (self.scenarios.len(), self.threads);
        let base = match (self.variants(), &self.base_url) {
            ([], None) => "no base URL".to_owned(),
            ([], Some(url)) => url.to_string(),
            (variants, _) => {
                let told = variants.iter().map(|one| format!("{} {}", one.name, one.shown()));
                told.collect::<Vec<_>>().join(" against ")
            }
        };
        format!(
            "{}: {scenarios} scenario{}, {base}, {threads} thread{}, seed {}",
            self.name,
            plural(scenarios),
            plural(threads),
            self.seed,
        )
    }

    /// The load, and what differs from the defaults.
    fn scenario_lines(&self, scenario: &Scenario) -> Vec<String> {
        let mut lines = vec![scenario.load.to_string()];
        let mut special = Vec::new();
        if let Some(start) = self.start(scenario) {
            special.push(start);
        }
        if !scenario.warmup.is_zero() {
            special.push(format!("warm-up {}", print_duration(scenario.warmup)));
        }
        if let Some(pace) = scenario.pace() {
            special.push(format!("one iteration per user every {}", print_duration(pace)));
        }
        if scenario.fresh_session() {
            special.push("a fresh session each iteration".to_owned());
        }
        match scenario.connections {
            Connections::Keep => {}
            Connections::Fresh => special.push("fresh connections each iteration".to_owned()),
            Connections::Shared => special.push("connections shared by the users".to_owned()),
        }
        let connections = scenario.transport.to_string();
        if !connections.is_empty() {
            special.push(connections);
        }
        if scenario.mix.len() > 1 {
            lines.push(format!("draws from {}", shares(scenario)));
        }
        if !special.is_empty() {
            lines.push(special.join("; "));
        }
        lines
    }

    fn start(&self, scenario: &Scenario) -> Option<String> {
        let start = &scenario.start;
        let offset = print_duration(start.offset);
        match start.after.and_then(|after| self.scenarios.get(after)) {
            Some(other) if start.offset.is_zero() => Some(format!("starts after {}", other.name)),
            Some(other) => Some(format!("starts {offset} after {}", other.name)),
            None if start.offset.is_zero() => None,
            None => Some(format!("starts at {offset}")),
        }
    }

    fn threshold_lines(&self) -> String {
        if self.thresholds.is_empty() {
            return "no thresholds: the run will not be judged\n".to_owned();
        }
        let line = |threshold: &super::Threshold| {
            let default = if threshold.default { "  (default)" } else { "" };
            let abort = if threshold.abort { ", else the run ends" } else { "" };
            format!("  {threshold}{abort}{default}\n")
        };
        format!("thresholds\n{}", self.thresholds.iter().map(line).collect::<String>())
    }
}

/// Where a line of stages may go on.
const COLUMNS: usize = 80;

/// The line in pieces of that length, parted behind commas.
fn wrapped(line: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut last = String::new();
    for part in line.split_inclusive(", ") {
        let full = last.chars().count() + part.trim_end().chars().count() > COLUMNS;
        if full && !last.is_empty() {
            lines.push(last.trim_end().to_owned());
            last = "  ".to_owned();
        }
        last += part;
    }
    lines.push(last);
    lines
}

/// `read 70 %, write 30 %`.
fn shares(scenario: &Scenario) -> String {
    let total: f64 = scenario.mix.iter().map(|entry| entry.weight).sum();
    let share = |weight: f64| (1_000.0 * weight / total).round() / 10.0;
    let entries =
        scenario.mix.iter().map(|entry| format!("{} {} %", entry.name, share(entry.weight)));
    entries.collect::<Vec<_>>().join(", ")
}
