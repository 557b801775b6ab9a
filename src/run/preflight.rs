//! Whether this machine can carry the load, asked before any of it: descriptors, ephemeral ports
//! and memory, the last by making a few users and looking what they weigh.
//!
//! What is sure to fail is refused, with the cure; what may fail, because `max_vus` may never be
//! reached or other addresses may be asked, is a warning. So is a [data pool](pools) that seems too
//! small, and a request that [nothing says where to send](relative).

mod addresses;
mod batches;
mod crowd;
mod descriptors;
mod machine;
mod pools;
mod relative;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::crowd::{Crowd, sharing};
pub use self::machine::Machine;
pub use self::relative::without_base;
use super::prepare::Prepared;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::worker::SERIES_CAP;
use crate::lua::host::Host;
use crate::lua::vm::{UserSpec, Vm};
use crate::metrics::Recorder;
use crate::plan::{Plan, Scenario};
use crate::results::format::{bytes, count, counted};

/// Users that are made to see what one weighs; fewer, once that has taken so long, or that part of
/// the heap.
const SAMPLE: u64 = 16;
const LONG: Duration = Duration::from_millis(20);
const PART: u64 = 4;

/// What a user weighs outside Lua, and a connection while it is being made, when it takes most
/// [bytes].
const USER: u64 = 2 << 10;
const CONNECTION: u64 = 40 << 10;

/// A port that a connection was closed at rests so long (TIME_WAIT).
const REST: Duration = Duration::from_secs(60);

/// What one user costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// In Lua's heap.
    pub bytes: u64,
    /// To make it.
    pub time: Duration,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// May fail.
    pub warnings: Vec<Diagnostic>,
    /// Will fail.
    pub refusals: Vec<Diagnostic>,
}

/// Warns of what may fail.
///
/// # Errors
/// What will.
pub async fn preflight(prepared: &Prepared) -> Result<(), Diagnostics> {
    let plan = &prepared.plan;
    let users: u64 = plan.scenarios().iter().map(|scenario| scenario.load().peak_vus()).sum();
    // One alone is weighed by being made, and what goes wrong in that is told then.
    let others = users.saturating_sub(1);
    let cost = (others > 0).then(|| weigh(prepared, SAMPLE.min(others)).ok()).flatten();
    let asks = Asks { cost, batches: batches::are_sent(prepared.program.text()) };
    let crowd = Crowd::of(plan, asks.batches);
    let machine = Machine::here();
    let many = crowd.wants_many_ports(&machine);
    let addresses = if many { addresses::of_target(plan).await } else { 1 };
    let room = Room { heap: prepared.host.memory_limit() as u64, addresses, machine };
    let mut findings = look(plan, asks, &room);
    findings.warnings.extend(pools::too_small(prepared));
    findings.refusals.extend(without_base(prepared));
    findings.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    match findings.refusals.is_empty() {
        true => Ok(()),
        false => Err(Diagnostics(findings.refusals)),
    }
}

/// What a user of the first scenario costs, by making so many, or less if they are heavy.
///
/// # Errors
/// The script's, at top level.
pub fn weigh(prepared: &Prepared, sample: u64) -> Result<Cost, Diagnostic> {
    let vm = &aside(prepared)?;
    let user = |id| vm.user(UserSpec { id, number: id, scenario: 0, variant: 0, agent: 1 });
    // What the first one brings along, such as modules, is shared by all; garbage costs nobody.
    let first = user(1)?;
    vm.collect();
    let before = vm.used_memory();
    let began = Instant::now();
    let most = before + (prepared.host.memory_limit() as u64).saturating_sub(before) / PART;
    let is_enough = || began.elapsed() >= LONG || vm.used_memory() >= most;
    let users = vm.bulk(|| {
        let mut users = vec![user(2)?];
        for id in 3..sample + 2 {
            if is_enough() {
                break;
            }
            users.push(user(id)?);
        }
        Ok(users)
    })?;
    let time = began.elapsed() / u32::try_from(users.len()).unwrap_or(u32::MAX);
    vm.collect();
    let bytes = vm.used_memory().saturating_sub(before) / users.len() as u64;
    drop((first, users));
    Ok(Cost { bytes, time })
}

/// A state of its own, so that what users do at top level is done before nobody.
fn aside(prepared: &Prepared) -> Result<Vm, Diagnostic> {
    let names = prepared.plan.scenarios().iter().map(|scenario| scenario.name().clone());
    let recorder =
        Recorder::new(names.collect(), SERIES_CAP).masking(prepared.shared.secrets.clone());
    let shared = Arc::new(prepared.shared.scratch());
    let host = Host::new(Rc::new(RefCell::new(recorder)), prepared.host.transport(), shared);
    let vm = Vm::new(prepared.program.clone(), host)?;
    vm.bind(&prepared.plan, &[])?;
    Ok(vm)
}

/// What a script asks of each user's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asks {
    /// Of memory, where it could be weighed.
    pub cost: Option<Cost>,
    /// Whether it sends several calls of a user at once.
    pub batches: bool,
}

/// What a load has to make do with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// What Lua may have on each worker [bytes].
    pub heap: u64,
    /// Addresses that connections are spread over.
    pub addresses: u64,
    /// This machine.
    pub machine: Machine,
}

/// Holds a plan against the room that it has.
pub fn look(plan: &Plan, asks: Asks, room: &Room) -> Findings {
    let mut findings = Findings::default();
    let (crowd, machine) = (Crowd::of(plan, asks.batches), &room.machine);
    descriptors::look(plan, &crowd, machine, &mut findings);
    ports(plan, &crowd, room, &mut findings);
    if let Some(cost) = asks.cost {
        memory(&crowd, cost, machine, &mut findings);
        heaps(plan, &crowd, cost, room.heap, &mut findings);
    }
    findings
}

/// A connection takes a port from one range, and connections to different addresses may have the
/// same one.
fn ports(plan: &Plan, crowd: &Crowd, room: &Room, findings: &mut Findings) {
    let Some(free) = room.machine.ports else { return };
    let free = free * room.addresses.max(1);
    let addresses = |scenario: &Scenario| scenario.transport().local_addresses.is_empty();
    if !plan.scenarios().iter().all(addresses) {
        return; // who gives addresses has thought of ports
    }
    const WIDER: &str = "widen net.ipv4.ip_local_port_range, or send from several addresses \
                         (--local-address)";
    if crowd.most_kept > free {
        let users = up_to(crowd.most_kept, false);
        let message = format!(
            "{users} with a connection each need a port each, and {} are free for {}",
            count(free),
            targets(room.addresses)
        );
        let hint = format!("{WIDER}{}", sharing(plan));
        findings.add(Diagnostic::new(message).hint(hint), false);
    }
    let lasting = free as f64 / REST.as_secs_f64();
    if crowd.fresh_per_s > lasting {
        let message = format!(
            "fresh connections for {} iterations a second use up {} ports, each of which rests \
             for {} s: about {} a second can last",
            count(crowd.fresh_per_s.ceil() as u64),
            count(free),
            REST.as_secs(),
            count(lasting as u64)
        );
        let hint = format!("{WIDER}, or connections = \"shared\"");
        findings.add(Diagnostic::new(message).hint(hint), false);
    }
}

/// Users, and their connections when they take most.
fn memory(crowd: &Crowd, cost: Cost, machine: &Machine, findings: &mut Findings) {
    let Some(free) = machine.memory else { return };
    let need = |users: u64, connected: u64| users * (cost.bytes + USER) + connected * CONNECTION;
    let (least, most) = (need(crowd.sure, 0), need(crowd.most, crowd.most_connected));
    let sure = least > free;
    if !sure && most <= free {
        return;
    }
    let (users, need) = if sure { (crowd.sure, least) } else { (crowd.most, most) };
    let message = format!(
        "{} of {} each need about {}, and {} are free",
        up_to(users, sure),
        bytes((cost.bytes + USER) as f64),
        bytes(need as f64),
        bytes(free as f64)
    );
    findings.add(Diagnostic::new(message).hint(LIGHTER), sure);
}

const LIGHTER: &str = "fewer users, or lighter ones: what all need only once belongs into \
                       lt.data, or into functions rather than tables at top level";

/// Lua's heap of a worker is bounded.
fn heaps(plan: &Plan, crowd: &Crowd, cost: Cost, heap: u64, findings: &mut Findings) {
    let of_worker = |users: u64| users.div_ceil(plan.threads().max(1) as u64) * cost.bytes;
    let sure = of_worker(crowd.sure) > heap;
    if heap == 0 || of_worker(crowd.most) <= heap {
        return;
    }
    let users = if sure { crowd.sure } else { crowd.most };
    let message = format!(
        "{} of {} each, on {}, do not fit the {} of Lua memory of a worker",
        up_to(users, sure),
        bytes(cost.bytes as f64),
        counted(users.min(plan.threads() as u64), "worker"),
        bytes(heap as f64)
    );
    let limit = of_worker(users).div_ceil(64 << 20) * 64 * 2;
    let hint = format!("--script-memory-limit {limit}MiB, or {LIGHTER}");
    findings.add(Diagnostic::new(message).hint(hint), sure);
}

fn targets(addresses: u64) -> String {
    match addresses {
        0 | 1 => "one target address".to_owned(),
        several => format!("the {} target addresses", count(several)),
    }
}

fn up_to(users: u64, sure: bool) -> String {
    let users = counted(users, "user");
    if sure { users } else { format!("up to {users}") }
}

impl Findings {
    fn add(&mut self, finding: Diagnostic, refuse: bool) {
        if refuse { self.refusals.push(finding) } else { self.warnings.push(finding) }
    }
}

#[cfg(test)]
mod tests;
