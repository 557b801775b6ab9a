//! What a run came to: its summary and its verdict. Knows no Lua, no engine and no output.
//!
//! [`summary`] is the contract with everything that reads results (measurement.md, section 7; its
//! JSON Schema is `docs/summary.schema.json`); the other files compute it from a merged
//! [`Window`](crate::metrics::Window). Nothing here reads a clock.

pub mod advice;
pub mod anomalies;
pub mod baseline;
pub mod build;
pub mod course;
mod deliveries;
pub mod fitness;
pub mod format;
pub mod heat;
pub mod journey;
pub mod limit;
mod masked;
mod origin;
mod own;
pub mod reading;
pub mod remarks;
pub mod rising;
pub mod run_info;
pub mod scalability;
pub mod scenarios;
pub mod series;
pub mod so_far;
pub mod summary;
pub mod tables;
pub mod tail;
pub mod thresholds;
pub mod tick;
pub mod timeline;
pub mod variants;
pub mod verdict;
pub mod watch;

#[cfg(test)]
pub mod example;
#[cfg(test)]
mod fixture;

pub use build::Sources;
pub use run_info::{RunInfo, ScenarioInfo};
pub use so_far::SoFar;
pub use summary::Summary;
pub use tick::Tick;
pub use verdict::Verdict;
pub use watch::Watch;
