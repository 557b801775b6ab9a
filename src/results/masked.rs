//! A summary without secrets.
//!
//! What workers recorded holds none ([`crate::secrets`]). What the plan says (names of scenarios,
//! selectors of thresholds) is needed as it is until everything is judged, and is masked here.

use super::Summary;
use crate::compare::Comparison;
use crate::secrets::Secrets;

impl Summary {
    /// Strikes secrets out of what comes from the plan, and of sentences about it.
    pub fn mask(&mut self, secrets: &Secrets) {
        let mask = |text: &mut String| {
            let masked = secrets.mask(text);
            if masked != *text {
                *text = masked.into_owned();
            }
        };
        let run = &mut self.run;
        [&mut run.name, &mut run.script, &mut run.plan, &mut run.source].into_iter().for_each(mask);
        run.command.iter_mut().for_each(mask);
        self.verdict.reasons.iter_mut().chain(&mut self.recommendations).for_each(mask);
        for anomaly in &mut self.anomalies {
            mask(&mut anomaly.message);
            anomaly.episode.iter_mut().for_each(|episode| mask(&mut episode.series));
        }
        for scenario in &mut self.scenarios {
            mask(&mut scenario.name);
            scenario.stages.iter_mut().for_each(|stage| mask(&mut stage.name));
        }
        for threshold in &mut self.thresholds {
            [&mut threshold.metric, &mut threshold.expression].into_iter().for_each(mask);
        }
        self.requests.iter_mut().for_each(|request| mask(&mut request.scenario));
        self.tails.iter_mut().for_each(|tail| mask(&mut tail.scenario));
        self.steps.iter_mut().for_each(|step| mask(&mut step.scenario));
        self.checks.iter_mut().for_each(|check| mask(&mut check.scenario));
        for second in &mut self.timeline {
            second.scenarios.iter_mut().for_each(|scenario| mask(&mut scenario.name));
            second.steps.iter_mut().for_each(|step| mask(&mut step.scenario));
        }
        self.errors.iter_mut().filter_map(|error| error.scenario.as_mut()).for_each(mask);
        self.own_metrics.iter_mut().for_each(|metric| mask(&mut metric.name));
        for candidate in self.variants.iter_mut().flat_map(|variants| &mut variants.candidates) {
            let Comparison { rows, only_base, only_candidate, remarks } = &mut candidate.comparison;
            remarks.iter_mut().for_each(mask);
            let keys = rows.iter_mut().map(|row| &mut row.series);
            keys.chain(only_base).chain(only_candidate).for_each(|key| mask(&mut key.scenario));
            mask(&mut candidate.target.base_url);
        }
        self.variants.iter_mut().for_each(|variants| mask(&mut variants.base.base_url));
        let metrics = std::mem::take(&mut self.metrics).into_iter().map(|(mut name, metric)| {
            mask(&mut name);
            (name, metric)
        });
        self.metrics = metrics.collect();
        let series = self.metrics.values_mut().flat_map(|metric| &mut metric.series);
        series.flat_map(|series| series.tags.values_mut()).for_each(mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    #[test]
    fn a_scenario_whose_name_is_a_secret_is_nowhere_named() {
        let mut summary = example::bad();
        let name = summary.scenarios[0].name.clone();
        let secrets = Secrets::default();
        secrets.add(&name);
        summary.mask(&secrets);
        let told = serde_json::to_string(&summary).unwrap();
        assert!(!told.contains(&format!("\"{name}\"")), "{name} is in {told}");
        assert_eq!(summary.scenarios[0].name, "***");
    }
}
