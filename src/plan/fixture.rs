//! A plan of one scenario that does nothing, for tests of what reads plans.

use super::Plan;
use super::draft::{Draft, Flags, Node};
use super::validate::validate;

/// What flags make of it.
pub fn plan(flags: Flags) -> Plan {
    let map = |name: &str, node| Node::Map(vec![(name.to_owned(), node)]);
    let draft = Draft {
        script: "shop.lua".into(),
        source: "".into(),
        definition: map("scenarios", map("default", map("run", Node::Function))),
        metrics: Default::default(),
        flags,
    };
    let no_curve = |_: &[&str], _: &[f64]| unreachable!("there is no curve");
    validate(&draft, &no_curve).unwrap_or_else(|faults| panic!("{faults}"))
}
