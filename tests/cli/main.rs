//! The built binary as a user meets it: exit codes, what goes where, flags, signals, mistakes.

#[path = "../common/mod.rs"]
mod common;

mod ab;
mod arrivals;
mod browser;
mod calibrate;
mod clock;
mod compare;
mod dashboard;
mod data;
mod examples;
mod exits;
mod flags;
mod hook;
mod insight;
mod keys;
mod libraries;
mod limit_claims;
mod limit_faults;
mod limit_search;
mod limits;
mod mistakes;
mod once;
mod output;
mod outputs;
mod own_metrics;
mod preflight;
mod report;
mod secrets;
mod signals;
mod store;
mod store_faults;
mod trend;
mod wire;
