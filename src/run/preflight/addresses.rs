//! How many addresses a load's connections are spread over: those of the hosts of base URLs, given or
//! looked up, where they are taken in turn. A proxy is one.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use crate::http::TransportOptions;
use crate::http::dns::Names;
use crate::http::settings::Pick;
use crate::plan::{Plan, Scenario};

/// A resolver that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// At least 1; of several scenarios or variants, of the one that has fewest.
pub async fn of_target(plan: &Plan) -> u64 {
    let mut fewest = None;
    for base in plan.base_urls() {
        for options in plan.scenarios().iter().map(Scenario::transport) {
            let found = of_host(base, options).await;
            fewest = Some(fewest.map_or(found, |fewest: u64| fewest.min(found)));
        }
    }
    fewest.unwrap_or(1)
}

async fn of_host(base: &Url, options: &TransportOptions) -> u64 {
    if options.dns.pick != Pick::RoundRobin || options.proxy.is_some() {
        return 1;
    }
    let (Some(name), Some(port)) = (base.host_str(), base.port_or_known_default()) else {
        return 1;
    };
    let names = Names::new(options.dns.clone(), &options.resolve);
    match timeout(PATIENCE, names.lookup(name, port)).await {
        Ok(Ok(found)) => (found.collect::<HashSet<_>>().len() as u64).max(1),
        _ => 1, // what cannot be resolved is told by the load
    }
}
