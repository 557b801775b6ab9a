//! A connection takes a descriptor. Users that keep theirs need one each for sure; those with fresh
//! or shared ones may need as many, when all of them call at once.

use super::crowd::{Crowd, sharing};
use super::machine::Machine;
use super::{Findings, up_to};
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::results::format::{count, counted};

/// Descriptors of the tool itself, and of each of its threads.
const OWN: u64 = 32;
const OF_THREAD: u64 = 8;

/// Holds the connections of a plan against the descriptors there are.
pub fn look(plan: &Plan, crowd: &Crowd, machine: &Machine, findings: &mut Findings) {
    let Some(allowed) = machine.descriptors else { return };
    let own = OWN + OF_THREAD * plan.threads() as u64;
    let lacks = |connections: u64| connections > 0 && connections + own > allowed;
    let sure = lacks(crowd.sure_kept);
    if !sure && !lacks(crowd.most_connections) {
        return;
    }
    let (users, connections) = match sure {
        true => (crowd.sure_kept, crowd.sure_kept),
        false => (crowd.most_connected, crowd.most_connections),
    };
    let each = match connections > users {
        true => format!("up to {} each (http.batch)", counted(crowd.of_user, "connection")),
        false => "a connection each".to_owned(),
    };
    let fault = Diagnostic::new(format!(
        "{} with {each} need {} descriptors, and this process may have {}",
        up_to(users, sure),
        count(connections + own),
        count(allowed)
    ));
    let fault = fault.hint(format!(
        "`ulimit -n {}` in the shell before, or fewer users{}",
        (connections + own).next_multiple_of(1_000),
        sharing(plan)
    ));
    // A script that has no base URL may send nothing.
    findings.add(fault, sure && plan.base_urls().next().is_some());
}
