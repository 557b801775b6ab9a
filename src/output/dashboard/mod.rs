//! The live dashboard: one page, served by the run itself, that needs nothing from elsewhere.
//!
//! It is a sink like any other, on a thread of its own behind a bounded queue, so that looking never
//! disturbs the load. [`view`] makes JSON of a second, [`hub`] keeps it for whoever comes late,
//! [`server`] sends it on, [`guard`] says to whom.

mod guard;
mod hub;
mod server;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use self::guard::Guard;
use self::hub::Hub;
use self::server::Site;
use self::view::View;
use super::sink::{Moment, Sink};
use super::steer::{Steer, Steered};
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::results::Summary;
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
        plan: &Plan,
        steer: Arc<dyn Steer>,
        secrets: &Arc<Secrets>,
    ) -> Result<(Dashboard, String), Diagnostic> {
        let failed = |error: std::io::Error| {
            Diagnostic::new(format!("--dashboard {address}: {error}"))
                .hint("another port, or `--dashboard=127.0.0.1:0` for any that is free")
        };
        let guard = Guard::new(address).map_err(failed)?;
        let view = View::new(plan, secrets);
        let hub = Arc::new(Hub::new(view.hello()));
        let token = guard.token().to_owned();
        let site = Site { hub: hub.clone(), guard, steer: steer.clone() };
        let bound = server::serve(address, site).map_err(failed)?;
        Ok((
            Dashboard { hub, view, steer, secrets: secrets.clone() },
            format!("http://{bound}/#{token}"),
        ))
    }
}

impl Dashboard {
    /// What can be steered; a scenario whose name holds a secret can be seen, but not called.
    fn steered(&self) -> Vec<Steered> {
        let shown = |one: Steered| {
            let scenario = self.secrets.mask(&one.scenario).into_owned();
            Steered { scenario, ..one }
        };
        self.steer.steered().into_iter().map(shown).collect()
    }
}

impl Sink for Dashboard {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        self.view.add(&moment.second);
        if !moment.second.late {
            let (point, mut tables) = (self.view.point(&moment.second), self.view.tables());
            tables["steered"] = json!(self.steered());
            self.hub.second(point.to_string(), tables.to_string());
        }
        Ok(1)
    }

    fn finish(&mut self, summary: &Summary) -> Result<u64, String> {
        self.hub.end(view::end(summary).to_string());
        std::thread::sleep(FAREWELL);
        Ok(1)
    }
}
