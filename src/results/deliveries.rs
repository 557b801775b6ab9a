//! What outputs have got, in the summary.

use super::Summary;
use super::format::counted;
use super::summary::{Anomaly, Delivery};

impl Summary {
    /// Adds what the outputs have got; what went wrong with one is an anomaly.
    pub fn deliver(&mut self, outputs: Vec<Delivery>) {
        self.anomalies.extend(outputs.iter().filter_map(Delivery::fault));
        self.outputs = outputs;
    }
}

impl Delivery {
    /// Whether a file that was asked for is not there, or not whole.
    pub fn is_unwritten(&self) -> bool {
        self.file && (self.lost > 0 || self.error.is_some())
    }

    fn fault(&self) -> Option<Anomaly> {
        let Delivery { kind, dest, lost, error, .. } = self;
        let unit = if kind == "samples" { "request" } else { "second" };
        let lost = (*lost > 0).then(|| format!("{} lost", counted(*lost, unit)));
        let faults: Vec<String> = lost.into_iter().chain(error.clone()).collect();
        let flag = match kind.as_str() {
            "store" | "dashboard" => format!("--{kind} {dest}"),
            "screen" => "--ui full".to_owned(),
            _ => format!("--out {kind}={dest}"),
        };
        let message = format!("{flag}: {}", faults.join("; "));
        (!faults.is_empty()).then(|| Anomaly::told("output", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    #[test]
    fn an_output_that_lost_something_is_an_anomaly_and_one_that_did_not_is_none() {
        let mut summary = example::empty();
        let fine =
            Delivery { kind: "json".into(), dest: "a".into(), file: true, ..Delivery::default() };
        let error = Some("no space".to_owned());
        let poor = Delivery { lost: 1, error, ..fine.clone() };
        assert!(!fine.is_unwritten() && poor.is_unwritten());
        assert!(!Delivery { file: false, ..poor.clone() }.is_unwritten());
        summary.deliver(vec![fine, poor]);
        let told: Vec<&str> = summary.anomalies.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(told, ["--out json=a: 1 second lost; no space"]);
        assert_eq!(summary.outputs.len(), 2);
    }
}
