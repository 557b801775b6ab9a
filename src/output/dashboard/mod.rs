//! The live dashboard: one page, served by the run itself, that needs nothing from elsewhere.
//!
//! It is a sink like any other, on a thread of its own behind a bounded queue, so that looking never
//! disturbs the load. It sends a [`View`] as JSON: [`hub`] keeps it for whoever comes late,
//! [`server`] sends it on, [`guard`] says to whom.

mod guard;
mod hub;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use self::guard::Guard;
use self::hub::Hub;
use self::server::Site;
use super::sink::{Moment, Sink};
use super::steer::{Paced, Steer, Steered};
use super::view::{About, ThresholdRow, View};
use crate::diagnostic::Diagnostic;
use crate::results::Summary;
use crate::results::heat::EDGES_MS;
use crate::secrets::Secrets;

/// Viewers get the end of a run before the process ends.
const FAREWELL: Duration = Duration::from_millis(300);

/// A dashboard under way.
pub struct Dashboard {
    hub: Arc<Hub>,
    view: View,
    steer: Arc<dyn Steer>,
    secrets: Arc<Secrets>,
}

impl Dashboard {
    /// Opens it and gives its address, with the token that steers.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn open(
        address: SocketAddr,
        view: View,
        steer: Arc<dyn Steer>,
        secrets: Arc<Secrets>,
    ) -> Result<(Dashboard, String), Diagnostic> {
        let failed = |error: std::io::Error| {
            Diagnostic::new(format!("--dashboard {address}: {error}"))
                .hint("another port, or `--dashboard=127.0.0.1:0` for any that is free")
        };
        let guard = Guard::new(address).map_err(failed)?;
        let hub = Arc::new(Hub::new(hello(view.about())));
        let token = guard.token().to_owned();
        let site = Site { hub: hub.clone(), guard, steer: steer.clone() };
        let bound = server::serve(address, site).map_err(failed)?;
        Ok((Dashboard { hub, view, steer, secrets }, format!("http://{bound}/#{token}")))
    }
}

impl Dashboard {
    /// What can be steered; a scenario whose name holds a secret can be seen, but not called.
    fn steered(&self) -> Vec<Steered> {
        let shown = |one: Steered| Steered { scenario: self.shown(&one.scenario), ..one };
        self.steer.steered().into_iter().map(shown).collect()
    }

    /// The same of open scenarios.
    fn paced(&self) -> Vec<Paced> {
        let shown = |one: Paced| Paced { scenario: self.shown(&one.scenario), ..one };
        self.steer.paced().into_iter().map(shown).collect()
    }

    fn shown(&self, name: &str) -> String {
        self.secrets.mask(name).into_owned()
    }
}

impl Sink for Dashboard {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        if let Some(point) = self.view.add(&moment.second) {
            let mut tables = json!(self.view.tables(&self.secrets));
            tables["steered"] = json!(self.steered());
            tables["paced"] = json!(self.paced());
            self.hub.second(json!(point).to_string(), tables.to_string());
        }
        Ok(1)
    }

    fn finish(&mut self, summary: &Summary) -> Result<u64, String> {
        self.hub.end(end(summary, &self.secrets));
        std::thread::sleep(FAREWELL);
        Ok(1)
    }
}

/// The first message to each viewer.
fn hello(about: &About) -> String {
    json!({
        "kind": "hello",
        "name": about.name,
        "length_s": about.length.map(|length| length.as_secs_f64()),
        "edges_ms": EDGES_MS,
        "version": env!("CARGO_PKG_VERSION"),
    })
    .to_string()
}

/// The last message: the verdict and what it rests on.
fn end(summary: &Summary, secrets: &Secrets) -> String {
    let thresholds = summary.thresholds.iter().map(|one| ThresholdRow::of(one, secrets));
    json!({
        "kind": "end",
        "verdict": summary.verdict.result.as_str(),
        "reasons": summary.verdict.reasons,
        "thresholds": thresholds.collect::<Vec<_>>(),
        "duration_s": summary.run.duration_s,
        "calls_per_s": summary.totals.calls.rate_per_s,
        "p95_ms": summary.totals.calls.latency_ms.p95,
        "users": summary.users_max(),
        "cpu_percent": summary.generator.cpu_percent_max,
    })
    .to_string()
}
