//! What the run was and how the tool fared: enough to repeat it, and to doubt it.

use maud::{Markup, html};

use crate::results::format;
use crate::results::summary::Summary;

pub(super) fn generator(summary: &Summary) -> Markup {
    let facts = summary.generator_facts();
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
