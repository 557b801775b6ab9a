//! Where the numbers of a summary come from, for whoever holds them against those of another run.

use super::summary::Summary;
use super::verdict::Outcome;
use crate::compare::origin::{Origin, loads};

impl Summary {
    /// What its numbers are of, and why they cannot be relied on, if so.
    pub fn origin(&self) -> Origin {
        let run = &self.run;
        Origin::new(&run.script, &run.script_sha256, loads(&run.plan)).with_fault(self.fault())
    }

    /// A predicate: `was aborted: stopped by a signal before its end`. That a threshold is crossed, or
    /// had too few samples, says nothing of the others.
    fn fault(&self) -> Option<String> {
        let on_threshold = |reason: &str| {
            let mut names =
                self.thresholds.iter().map(|one| format!("{} {}", one.metric, one.condition()));
            names.any(|name| reason.starts_with(&name))
        };
        let why = self.verdict.reasons.iter().find(|reason| !on_threshold(reason));
        match (self.verdict.result, why) {
            (Outcome::Aborted, Some(why)) => Some(format!("was aborted: {why}")),
            (Outcome::Aborted, None) => Some("was aborted".to_owned()),
            (Outcome::Inconclusive, Some(why)) => Some(format!("was inconclusive: {why}")),
            _ if self.generator.saturated == Some(true) => {
                Some("had loadtool itself for a bottleneck".to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    #[test]
    fn only_a_run_that_came_to_its_end_unhindered_is_without_fault() {
        assert_eq!(example::good().fault(), None);
        let ended = |result, saturated| {
            let mut summary = example::good();
            summary.verdict.result = result;
            summary.verdict.reasons = vec!["it rained".to_owned()];
            summary.generator.saturated = Some(saturated);
            summary.fault()
        };
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(ended(Outcome::Aborted, false), told("was aborted: it rained"));
        assert_eq!(ended(Outcome::Inconclusive, true), told("was inconclusive: it rained"));
        assert_eq!(ended(Outcome::Fail, true), told("had loadtool itself for a bottleneck"));
        assert_eq!(ended(Outcome::Fail, false), None);

        let mut few = example::bad();
        few.verdict.result = Outcome::Inconclusive;
        let name = format!("{} {}", few.thresholds[0].metric, few.thresholds[0].condition());
        few.verdict.reasons = vec![format!("{name}: 3 samples, at least 80 are needed")];
        assert_eq!(few.fault(), None);
        few.verdict.reasons.push("no iteration completed".to_owned());
        assert_eq!(few.fault(), told("was inconclusive: no iteration completed"));
    }
}
