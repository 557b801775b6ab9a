//! How many users there are at once, and how many connections they may have.

use super::REST;
use super::machine::Machine;
use crate::http::Version;
use crate::plan::{Connections, Load, Plan, Scenario};

/// How many users there are at once.
#[derive(Debug, Default)]
pub struct Crowd {
    /// For sure: the most of one scenario, made beforehand.
    pub sure: u64,
    /// If all scenarios run side by side and need all they may have.
    pub most: u64,
    /// Of these, those that keep a connection of their own.
    pub sure_kept: u64,
    pub most_kept: u64,
    /// Of `most`, those that may have a connection at the same time, whoever's it is; and how many
    /// connections these may have.
    pub most_connected: u64,
    pub most_connections: u64,
    /// Connections of one user at the same time, at most.
    pub of_user: u64,
    /// Connections that are made anew for iterations, per second.
    pub fresh_per_s: f64,
}

impl Crowd {
    /// That of a plan, whose users send `batches` or do not.
    pub fn of(plan: &Plan, batches: bool) -> Crowd {
        let mut crowd = Crowd::default();
        for scenario in plan.scenarios() {
            let most = scenario.load().peak_vus();
            let sure = match scenario.load() {
                Load::Open(open) => open.vus,
                _ => most,
            };
            crowd.most += most;
            crowd.sure = crowd.sure.max(sure);
            match scenario.connections() {
                Connections::Keep => {
                    crowd.most_kept += most;
                    crowd.sure_kept = crowd.sure_kept.max(sure);
                }
                Connections::Fresh => crowd.fresh_per_s += rate_of(scenario),
                Connections::Shared if insists_on_2(scenario) => continue, // one for each worker
                Connections::Shared => {}
            }
            let of_user = connections_of_user(scenario, batches);
            crowd.most_connected += most;
            crowd.most_connections += most * of_user;
            crowd.of_user = crowd.of_user.max(of_user);
        }
        crowd
    }

    /// Whether it takes more ports than there are for one address.
    pub fn wants_many_ports(&self, machine: &Machine) -> bool {
        let lasting = |free: u64| free as f64 / REST.as_secs_f64();
        machine.ports.is_some_and(|free| self.most_kept > free || self.fresh_per_s > lasting(free))
    }
}

/// What follows a hint where users who share connections would need fewer: over HTTP/2 alone. Over
/// HTTP/1.1 each call under way has a connection, whoever's it is.
pub fn sharing(plan: &Plan) -> &'static str {
    let own = |scenario: &&Scenario| scenario.connections() != Connections::Shared;
    if plan.scenarios().iter().filter(own).any(insists_on_2) {
        return ", or connections = \"shared\"";
    }
    match (
        plan.scenarios().iter().any(|one| agrees_on_2(plan, one)),
        plan.scenarios().iter().any(|one| own(&one)),
    ) {
        (false, _) => "",
        (true, true) => ", or connections = \"shared\" if the target speaks HTTP/2",
        (true, false) => ", or version = \"2\" in `http` if the target speaks HTTP/2",
    }
}

fn insists_on_2(scenario: &Scenario) -> bool {
    scenario.transport().version.insists_on_2()
}

/// Whether a TLS handshake may end with HTTP/2.
fn agrees_on_2(plan: &Plan, scenario: &Scenario) -> bool {
    let mut urls = plan.base_urls().peekable();
    let secure = urls.peek().is_none() || urls.any(|url| url.scheme() == "https");
    scenario.transport().version == Version::Auto && secure
}

/// Over HTTP/2 all that is under way goes over one; over HTTP/1.1 each call of a batch has its own.
fn connections_of_user(scenario: &Scenario, batches: bool) -> u64 {
    match batches && !insists_on_2(scenario) {
        true => u64::from(scenario.http().max_parallel).max(1),
        false => 1,
    }
}

/// Iterations per second, where the plan says how many.
fn rate_of(scenario: &Scenario) -> f64 {
    match scenario.load() {
        Load::Open(open) => open.profile().peak(),
        load => scenario.pace().map_or(0.0, |pace| load.peak_vus() as f64 / pace.as_secs_f64()),
    }
}
