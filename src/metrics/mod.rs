//! What is counted and timed: pure numbers, no clock, no I/O, no thread.
//!
//! A worker's [`Recorder`] turns samples into a [`Window`] a second; Windows merge (associative,
//! commutative) into totals. Everything downstream (thresholds, reports, outputs, store) reads
//! rows of a Window: one row per distinct set of tags, with the metrics that its samples feed.

pub mod histogram;
pub mod metric;
pub mod names;
pub mod recorder;
pub mod sample;
pub mod selector;
pub mod tags;
pub mod window;

pub use histogram::Histogram;
pub use metric::{Kind, MetricId, Unit};
pub use names::NameId;
pub use recorder::Recorder;
pub use sample::{CallSample, IterationSample, Outcome, Phase, Place, RequestSample, StepSample};
pub use tags::TagSet;
pub use window::{Row, Value, Window};
