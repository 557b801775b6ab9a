//! The thresholds that hold: the script's or the defaults, and those of the command line.

use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::metrics::errors::CATEGORIES;
use crate::metrics::lifecycle::Reason;
use crate::metrics::{MetricId, Outcome, Phase, metric};
use crate::plan::read::Fields;
use crate::plan::search::objective;
use crate::plan::{Scenario, Threshold};

/// The script's own, or the defaults; then those of the command line, each in the place of what
/// the script says of the same statistic.
pub(super) fn all(definition: &Fields<'_, '_>, scenarios: &[Scenario]) -> Vec<Threshold> {
    let mut thresholds =
        table(definition, "thresholds", scenarios).unwrap_or_else(Threshold::defaults);
    let given = of_flags(definition, scenarios);
    thresholds.retain(|own| !given.iter().any(|flag| flag.replaces(own)));
    thresholds.extend(given);
    match &definition.report.draft.flags.baseline {
        Some(baseline) => {
            let resolved = thresholds.into_iter().map(|threshold| baseline.resolve(threshold));
            resolved
                .filter_map(|one| one.map_err(|fault| definition.report.note(fault)).ok())
                .collect()
        }
        None => thresholds,
    }
}

/// Those of the command line, all of them.
fn of_flags(definition: &Fields<'_, '_>, scenarios: &[Scenario]) -> Vec<Threshold> {
    let mut given = Vec::new();
    for text in &definition.report.draft.flags.thresholds {
        let parsed = Threshold::parse_pair(text, &definition.report.draft.metrics);
        match parsed.and_then(|threshold| met(threshold, scenarios)) {
            Ok(threshold) => given.push(threshold),
            Err(fault) => definition
                .report
                .note(Diagnostic { message: format!("--threshold: {}", fault.message), ..fault }),
        }
    }
    given
}

/// What must hold in one hold of a search: a table as of `thresholds`, each judged over the whole.
pub(in crate::plan) fn objectives(search: &Fields<'_, '_>, name: &str) -> Vec<Threshold> {
    let objectives = table(search, name, &[]).unwrap_or_default().into_iter().map(objective);
    let noted = objectives.filter_map(|objective| {
        objective
            .map_err(|fault| {
                let message = format!("{}: {}", search.name(name), fault.message);
                search.fault(name, message, fault.hint.unwrap_or_default());
            })
            .ok()
    });
    noted.collect()
}

/// A table of selectors and what must hold of them; `None` if there is none. Without `scenarios`
/// any may be named.
fn table(fields: &Fields<'_, '_>, name: &str, scenarios: &[Scenario]) -> Option<Vec<Threshold>> {
    let node = fields.get(name)?;
    let Some(entries) = Fields::any(fields.report, fields.path.field(name), node) else {
        return Some(Vec::new());
    };
    let mut thresholds = Vec::new();
    for (selector, node) in entries.iter() {
        let read = Threshold::read(selector, node, &entries.report.draft.metrics);
        let read = read.and_then(|read| {
            read.into_iter()
                .map(|threshold| met(threshold, scenarios).map_err(Diagnostics::from))
                .collect::<Result<Vec<_>, _>>()
        });
        match read {
            Ok(read) => thresholds.extend(read),
            Err(Diagnostics(faults)) => {
                let path = entries.path.field(selector);
                for fault in faults {
                    entries.report.note(entries.report.placed(&path, fault));
                }
            }
        }
    }
    Some(thresholds)
}

/// A threshold on a scenario, phase or the like that there is not would find no sample, however long
/// the run, or hold for ever.
fn met(threshold: Threshold, scenarios: &[Scenario]) -> Result<Threshold, Diagnostic> {
    for (tag, known) in vocabulary(threshold.series.metric(), scenarios) {
        let Some(wanted) = threshold.series.wanted(tag) else { continue };
        let found = known.iter().any(|name| threshold.series.admits(tag, name));
        if found || known.is_empty() || threshold.series.admits(tag, "") {
            continue; // without scenarios a fault was noted already
        }
        let message = format!("threshold `{}`: there is no {tag} `{wanted}`", threshold.selector);
        let all = || format!("there are: {}", known.join(", "));
        let hint = did_you_mean(&wanted, known.iter().copied()).unwrap_or_else(all);
        return Err(Diagnostic::new(message).hint(hint));
    }
    Ok(threshold)
}

/// Tags of a metric whose values are known beforehand, and the values; none of those that are not.
fn vocabulary<'s>(
    metric: &MetricId,
    scenarios: &'s [Scenario],
) -> Vec<(&'static str, Vec<&'s str>)> {
    let stages = scenarios.iter().flat_map(|scenario| scenario.load.stages());
    let mut known = vec![
        ("scenario", scenarios.iter().map(|scenario| &*scenario.name).collect()),
        ("phase", Phase::ALL.map(Phase::as_str).to_vec()),
        ("stage", stages.map(|stage| &*stage.name).collect()),
        ("expected", vec!["true", "false"]),
        ("outcome", Outcome::ALL.map(Outcome::as_str).to_vec()),
    ];
    match *metric {
        metric::ERRORS => known.push(("category", CATEGORIES.to_vec())),
        metric::ITERATIONS_DROPPED => {
            known.push(("reason", Reason::ALL.map(Reason::as_str).to_vec()))
        }
        _ => {}
    }
    known
}
