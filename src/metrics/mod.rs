//! What is counted and timed: pure numbers, no clock, no I/O, no thread.
//!
//! A worker's [`Recorder`] turns samples into a [`Window`] a second; Windows merge (associative,
//! commutative) into totals. Everything downstream (thresholds, reports, outputs, store) reads
//! rows of a Window: one row per distinct set of tags, with the metrics that its samples feed.

// what is said about a sample
pub mod metric;
pub mod own;
pub mod names;
pub mod sample;
pub mod tags;
pub mod span;
pub mod trace;

// what samples add up to
mod hdr_text;
pub mod readings;
pub mod varint;
pub mod histogram;
pub mod value;
pub mod lifecycle;
mod fold;
pub mod errors;
pub mod slowest;
pub mod exemplar;
pub mod ledger;
pub mod window;

// where they are recorded
pub mod request_log;
mod table;
mod slots;
pub mod recorder;

// how they are read
mod glob;
mod selector_text;
pub mod selector;
pub mod query;

// how they are judged
pub mod statistics;

pub use exemplar::{Exemplar, Traced};
pub use histogram::Histogram;
pub use ledger::{Chosen, Ledger};
pub use metric::{Kind, MetricId, Unit};
pub use names::NameId;
pub use recorder::{Recorder, Traits};
pub use sample::{CallSample, IterationSample, Outcome, Phase, Place, RequestSample, StepSample};
pub use selector::{Foreign, Selector};
pub use slowest::{Journey, Pass, Slowest};
pub use span::{Span, SpanId, TraceId};
pub use tags::TagSet;
pub use trace::{Event, Mark, Sent, Trace, What};
pub use window::{Row, Value, Window};
