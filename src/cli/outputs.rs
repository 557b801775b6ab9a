//! `--out`, for every command that runs a load.

use clap::Args;

use crate::output::sink::spec::Wanted;

#[derive(Args, Debug)]
pub struct OutputArgs {
    /// Write results elsewhere too (repeatable): json=FILE, csv=DIR/, junit=FILE, samples=FILE,
    /// prometheus=PORT, influx=URL, statsd=HOST:PORT
    #[arg(long = "out", value_name = "KIND=DEST", value_parser = Wanted::parse, help_heading = "Output")]
    pub wanted: Vec<Wanted>,
}
