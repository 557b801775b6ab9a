//! Plans held against machines that are too small for them.

use super::*;
use crate::lua::script::node;
use crate::plan::draft::{Draft, Flags};
use crate::plan::validate::validate;

fn plan(scenario: &str, more: &str) -> Plan {
    let source =
        format!("return {{ {more} scenarios = {{ a = {{ run = function() end, {scenario} }} }} }}");
    let lua = mlua::Lua::new();
    let draft = Draft {
        script: "a.lua".into(),
        source: source.as_str().into(),
        definition: node(&lua.load(&source).eval::<mlua::Value>().expect("it runs")),
        metrics: Default::default(),
        flags: Flags { threads: Some(2), ..Flags::default() },
    };
    validate(&draft, &|_, _| unreachable!("there is no curve"))
        .unwrap_or_else(|faults| panic!("{faults}"))
}

const CLOSED: &str = "load = { vus = 5000, duration = '1m' }";
const OPEN: &str = "load = { rate = 500, duration = '1m', max_vus = 5000 }";
const WITH_URL: &str = "base_url = 'http://127.0.0.1:1',";

/// Warnings and refusals, as texts.
fn found(plan: &Plan, bytes: u64, machine: Machine) -> (Vec<String>, Vec<String>) {
    let cost = Some(Cost { bytes, time: Duration::ZERO });
    told(look(plan, Asks { cost, batches: false }, &Room { heap: 64 << 20, addresses: 1, machine }))
}

fn told(found: Findings) -> (Vec<String>, Vec<String>) {
    let told = |findings: Vec<Diagnostic>| findings.iter().map(Diagnostic::to_string).collect();
    (told(found.warnings), told(found.refusals))
}

#[test]
fn a_machine_that_is_large_enough_says_nothing() {
    let large = Machine { descriptors: Some(9_000), ports: Some(9_000), memory: Some(1 << 30) };
    for scenario in [CLOSED, OPEN] {
        let plan = plan(scenario, WITH_URL);
        assert_eq!(found(&plan, 4 << 10, large), (vec![], vec![]));
        assert_eq!(found(&plan, 4 << 10, Machine::default()), (vec![], vec![]), "it tells nothing");
    }
}

#[test]
fn users_that_are_sure_to_lack_a_descriptor_are_refused_and_others_warned_of() {
    let few = Machine { descriptors: Some(1_024), ..Machine::default() };
    let (warnings, refusals) = found(&plan(CLOSED, WITH_URL), 0, few);
    assert!(warnings.is_empty());
    let expected = "5,000 users with a connection each need 5,048 descriptors, and this process may \
                    have 1,024\n  hint: `ulimit -n 6000`";
    assert!(refusals[0].starts_with(expected), "{refusals:?}");
    for (scenario, more) in [(OPEN, WITH_URL), (CLOSED, "")] {
        let (warnings, refusals) = found(&plan(scenario, more), 0, few);
        assert_eq!((warnings.len(), refusals.len()), (1, 0), "{scenario}");
    }
}

#[test]
fn users_with_fresh_or_shared_connections_may_need_one_each_unless_http_2_carries_all_calls() {
    let few = Machine { descriptors: Some(1_024), ..Machine::default() };
    const H2C: &str = "http = { version = 'h2c' }";
    const NEEDED: &str = "up to 5,000 users with a connection each need 5,048 descriptors";
    let with = |connections: &str, http: &str| {
        let scenario = format!("{CLOSED}, connections = '{connections}', {http}");
        found(&plan(&scenario, WITH_URL), 0, few)
    };
    for (connections, http) in [("fresh", ""), ("shared", ""), ("fresh", H2C)] {
        let (warnings, refusals) = with(connections, http);
        assert_eq!((warnings.len(), refusals.len()), (1, 0), "{connections} {http}");
        assert!(warnings[0].starts_with(NEEDED), "{warnings:?}");
    }
    assert_eq!(with("shared", H2C), (vec![], vec![]), "one for each worker");
}

#[test]
fn sharing_connections_is_a_cure_over_http_2_alone() {
    let few = Machine { descriptors: Some(1_024), ports: Some(3_000), ..Machine::default() };
    const IF: &str = " if the target speaks HTTP/2";
    let (secure, plain) = ("base_url = 'https://127.0.0.1:1',", WITH_URL);
    for (scenario, base, cure) in [
        ("", plain, String::new()),
        ("http = { version = '1.1' }", secure, String::new()),
        ("", secure, format!(", or connections = \"shared\"{IF}")),
        ("connections = 'shared'", secure, format!(", or version = \"2\" in `http`{IF}")),
        ("http = { version = 'h2c' }", plain, ", or connections = \"shared\"".to_owned()),
    ] {
        let (warnings, refusals) = found(&plan(&format!("{CLOSED}, {scenario}"), base), 0, few);
        let hints = [&warnings[..], &refusals[..]].concat();
        assert!(!hints.is_empty(), "{scenario}");
        for hint in hints {
            assert!(
                hint.ends_with(&format!("fewer users{cure}"))
                    || hint.ends_with(&format!("(--local-address){cure}")),
                "{scenario}: {hint}"
            );
        }
    }
}

#[test]
fn calls_of_a_batch_may_need_a_connection_each() {
    let room = |descriptors| Room {
        machine: Machine { descriptors: Some(descriptors), ..Machine::default() },
        ..Room::default()
    };
    let found = |scenario: &str, descriptors| {
        let asks = Asks { cost: None, batches: true };
        told(look(&plan(scenario, WITH_URL), asks, &room(descriptors)))
    };
    let (warnings, refusals) = found(CLOSED, 6_000);
    assert!(refusals.is_empty(), "a connection each there is for sure: {refusals:?}");
    let needed = "up to 5,000 users with up to 6 connections each (http.batch) need 30,048";
    assert!(warnings[0].starts_with(needed), "{warnings:?}");
    assert_eq!(found(CLOSED, 31_000), (vec![], vec![]));
    let (warnings, _) = found(&format!("{CLOSED}, http = {{ max_parallel = 20 }}"), 31_000);
    assert!(warnings[0].contains("up to 20 connections each"), "{warnings:?}");
    let one = format!("{CLOSED}, http = {{ version = 'h2c' }}");
    assert_eq!(found(&one, 6_000), (vec![], vec![]), "HTTP/2 needs one");
}

#[test]
fn ports_are_for_connections_kept_and_for_those_that_rest() {
    let few = Machine { ports: Some(3_000), ..Machine::default() };
    let (warnings, _) = found(&plan(CLOSED, WITH_URL), 0, few);
    let told = "a port each, and 3,000 are free for one target address";
    assert!(warnings[0].contains(told), "{warnings:?}");
    let several = |addresses| {
        let room = Room { heap: 64 << 20, addresses, machine: few };
        look(&plan(CLOSED, WITH_URL), Asks::default(), &room).warnings
    };
    assert_eq!(several(2), [], "6,000 ports for 5,000 users");
    assert_eq!(several(1).len(), 1);
    let (warnings, _) = found(&plan(&format!("{OPEN}, connections = 'fresh'"), ""), 0, few);
    assert!(warnings[0].contains("500 iterations a second use up 3,000 ports"), "{warnings:?}");
    assert!(warnings[0].contains("about 50 a second can last"), "{warnings:?}");
}

#[test]
fn users_that_are_too_heavy_for_the_machine_or_for_a_worker_are_refused() {
    let small = Machine { memory: Some(100 << 20), ..Machine::default() };
    let (warnings, refusals) = found(&plan(CLOSED, ""), 21 << 10, small);
    assert_eq!((warnings.len(), refusals.len()), (0, 1), "{warnings:?} {refusals:?}");
    assert!(refusals[0].contains("5,000 users of 23.0 KiB each need about"), "{refusals:?}");
    let (warnings, refusals) = found(&plan(OPEN, ""), 21 << 10, small);
    assert_eq!((warnings.len(), refusals.len()), (1, 0), "{warnings:?} {refusals:?}");
    let (_, refusals) = found(&plan(CLOSED, ""), 40 << 10, Machine::default());
    assert!(refusals[0].contains("do not fit the 64.0 MiB of Lua memory of a worker"));
    assert!(refusals[0].contains("--script-memory-limit 256MiB"), "{refusals:?}");
}

#[tokio::test]
async fn addresses_that_are_taken_in_turn_have_ports_of_their_own() {
    let of = |http: &str| {
        let base = "base_url = 'http://shop.test:8080',";
        plan(CLOSED, &format!("{base} http = {{ {http} }},"))
    };
    const RESOLVE: &str = "resolve = { ['shop.test'] = { '127.0.0.2', '127.0.0.3' } }";
    let in_turn = format!("{RESOLVE}, dns = {{ pick = 'round_robin' }}");
    assert_eq!(addresses::of_target(&of(&in_turn)).await, 2);
    assert_eq!(
        addresses::of_target(&of(RESOLVE)).await,
        1,
        "the second is for when the first fails"
    );
    let proxied = format!("{in_turn}, proxy = 'http://127.0.0.1:3128'");
    assert_eq!(addresses::of_target(&of(&proxied)).await, 1);
    assert_eq!(addresses::of_target(&plan(CLOSED, "")).await, 1);
}
