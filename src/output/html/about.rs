//! What the run was and how the tool fared: enough to repeat it, and to doubt it.

use maud::{Markup, html};

use crate::results::format;
use crate::results::summary::Summary;

pub(super) fn generator(summary: &Summary) -> Markup {
    let generator = &summary.generator;
    let lag = &generator.loop_lag_ms;
    let mut facts = Vec::new();
    if let Some(cpu) = generator.cpu_percent_max {
        let threads = format::counted(summary.run.threads as u64, "thread");
        facts.push(("CPU", format!("{} % of one core at most, {threads}", format::number(cpu))));
    }
    if let Some(bytes) = generator.rss_bytes_max {
        facts.push(("Memory", format!("{} at most", format::bytes(bytes as f64))));
    }
    if let Some(fds) = generator.fds_max {
        facts.push(("Open descriptors", format!("{} at most", format::count(fds))));
    }
    if let (Some(p50), Some(p99), Some(max)) = (lag.p50, lag.p99, lag.max) {
        let [p50, p99, max] = [p50, p99, max].map(format::ms);
        facts.push(("Loops woke late by", format!("p50 {p50}, p99 {p99}, max {max}")));
    }
    if let Some(saturated) = generator.saturated {
        let answer = if saturated { "yes: do not trust the latencies" } else { "no" };
        facts.push(("Was it the bottleneck?", answer.to_owned()));
    }
    html! {
        @if !facts.is_empty() {
            section #generator { h2 { "Health of the load generator" } (list(&facts)) }
        }
    }
}

pub(super) fn configuration(summary: &Summary) -> Markup {
    let run = &summary.run;
    let loads = summary.scenarios.iter().map(|scenario| {
        let kind = scenario.kind.replace('_', " ");
        let users = format::counted(scenario.vus_max, "user");
        format!("{}: {kind}, {users}, {} s of load", scenario.name, format::number(scenario.load_s))
    });
    let facts = [
        ("Script", run.script.clone()),
        ("SHA-256", run.script_sha256.clone()),
        ("Scenarios", loads.collect::<Vec<_>>().join("; ")),
        ("Seed", run.seed.to_string()),
        ("Threads", run.threads.to_string()),
        ("Machines", run.agents.to_string()),
        ("Started", run.started_at.clone()),
        ("Run", run.id.clone()),
        ("loadtool", summary.tool_version.clone()),
        ("Exit code", summary.verdict.exit_code.to_string()),
    ];
    html! { section #configuration { h2 { "Configuration" } (list(&facts)) } }
}

fn list(facts: &[(&str, String)]) -> Markup {
    html! {
        dl.facts {
            @for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
                dt { (name) } dd { (fact) }
            }
        }
    }
}
