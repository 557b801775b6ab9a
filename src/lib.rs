//! loadtool: load tests whose scenarios are Lua scripts.
//!
//! The way of the data, top to bottom; a module uses only those above it (`tests/tidy.rs`).
//!
//! ```text
//! cli ─▶ Script ─▶ Draft ─▶ Plan ─▶ run ─▶ [ workers: engine ─▶ lua ─▶ http ─▶ Recorder ] ─▶ Window
//!     ─▶ Aggregator ─▶ Tick ─▶ outputs ─▶ Summary ─▶ Verdict ─▶ report, exit code
//! ```

// vocabulary
pub mod secrets;
pub mod diagnostic;
pub mod share;
pub mod stop;
pub mod units;

// numbers: pure, no clock, no I/O
pub mod metrics;
pub mod pace;
pub mod compare;

// capabilities, no Lua in them
pub mod http;
pub mod extract;
pub mod check;
pub mod data;
pub mod shared;

// the plan
pub mod plan;

// Lua
pub mod lua;

// driving: knows no output
pub mod engine;

// results: knows no Lua and no engine
pub mod results;
pub mod aggregator;
pub mod output;

// parts a run may use
pub mod demo;
pub mod store;

// composition
pub mod run;
pub mod limit;

// commands
pub mod cli;
