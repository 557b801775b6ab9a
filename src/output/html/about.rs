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
    let words = run.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let command = if words.is_empty() { words } else { format!("loadtool {words}") };
    let facts = [
        ("Command", command),
        ("Script", run.script.clone()),
        ("SHA-256", run.script_sha256.clone()),
        ("Scenarios", loads.collect::<Vec<_>>().join("; ")),
        ("Seed", run.seed.to_string()),
        ("Threads", run.threads.to_string()),
        ("Machines", run.agents.to_string()),
        ("Started", format::moment(&run.started_at)),
        ("Run", run.id.clone()),
        ("loadtool", summary.tool_version.clone()),
        ("Exit code", summary.verdict.exit_code.to_string()),
    ];
    html! { section #configuration { h2 { "Configuration" } (list(&facts)) } }
}

/// Where it ran.
pub(super) fn environment(summary: &Summary) -> Markup {
    let here = &summary.run.environment;
    let cores = here.cores.map_or_else(String::new, |cores| format::counted(cores, "core"));
    let memory = here.memory_bytes.map_or_else(String::new, |bytes| format::bytes(bytes as f64));
    let joined = |parts: &[&str]| {
        let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    };
    let system = [here.system.as_str(), &here.release, &here.architecture].join(" ");
    let built = match here.build.as_str() {
        "debug" => "debug: several times slower than a release".to_owned(),
        build => build.to_owned(),
    };
    let facts = [
        ("System", system.trim().to_owned()),
        ("Processor", joined(&[&here.processor, &cores])),
        ("Memory", memory),
        ("Build of loadtool", built),
    ];
    html! {
        @if facts.iter().any(|(_, fact)| !fact.is_empty()) {
            section #environment { h2 { "Environment" } (list(&facts)) }
        }
    }
}

/// A word as a shell wants it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
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
