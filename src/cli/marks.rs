//! What every sample and request carries, and what of it nobody may read.

use clap::Args;

use super::script::pair;
use crate::plan::draft::Flags;

#[derive(Args, Debug)]
pub struct MarkArgs {
    /// A tag on every sample (repeatable)
    #[arg(long = "tag", value_name = "K=V", value_parser = pair, help_heading = "Output")]
    tags: Vec<(String, String)>,

    /// Give each request a `traceparent` (W3C), by which a tracing backend finds it
    #[arg(long, help_heading = "Output")]
    trace: bool,

    /// Mask the values of this header or field in everything written (repeatable)
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub redact: Vec<String>,
}

impl MarkArgs {
    /// The flags of a run with tags and traces.
    pub fn on(&self, flags: Flags) -> Flags {
        Flags { tags: self.tags.clone(), trace: self.trace, ..flags }
    }
}
