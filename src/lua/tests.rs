//! What authors may rely on: isolation, waiting anywhere, errors with their own place.

use super::error::Ended;
use super::testing::{Bench, block_on, failure, run};
use crate::metrics::Place;

#[test]
fn an_iteration_sleeps_and_completes() {
    assert_eq!(run("lt.sleep(0.5)"), Ended::Completed);
}

#[test]
fn a_nil_that_is_indexed_fails_the_iteration_with_its_line() {
    let failure = failure("local cart\nreturn cart.id");
    assert_eq!(failure.message, "script.lua:4: attempt to index a nil value (local 'cart')");
    assert_eq!((failure.category, failure.line), ("script", Some(4)));
    assert_eq!(failure.source.as_deref(), Some("return cart.id"));
}

#[test]
fn globals_locals_and_modules_of_one_user_are_not_seen_by_another() {
    let bench = Bench::new(
        "local m = require 'm'\nlocal mine = 0\nreturn function()
           mine = mine + 1; ours = (ours or 0) + 1; m.n = m.n + 1
           assert(mine == 1 and ours == 1 and m.n == 1)
         end",
        &[("m.lua", "return { n = 0 }")],
    );
    assert_eq!(bench.once(), Ended::Completed);
    assert_eq!(bench.once(), Ended::Completed);
}

#[test]
fn an_endless_loop_ends_its_iteration_and_no_other() {
    let bench = Bench::new(
        "local n = 0 return function() n = n + 1 if n == 1 then while true do end end end",
        &[],
    );
    bench.host.clock.set_limit(std::time::Duration::from_millis(50));
    let user = bench.user(1);
    let first = block_on(user.iterate(0, 0, Place::default()));
    let Ended::Failed(failure) = first else { panic!("{first:?}") };
    assert!(failure.message.starts_with("script.lua:1: the script computed"), "{failure}");
    assert_eq!(block_on(user.iterate(1, 0, Place::default())), Ended::Completed);
}
