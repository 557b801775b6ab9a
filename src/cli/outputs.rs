//! Where results go, for every command that runs a load.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::store::KeepArgs;
use crate::output::sink::spec::Wanted;

#[derive(Args, Debug)]
pub struct OutputArgs {
    /// Write the report as one HTML page
    #[arg(long, value_name = "FILE", value_parser = html, help_heading = "Output")]
    pub html: Option<PathBuf>,

    /// Serve a live dashboard; who has the whole address that is told may also stop the run, and
    /// steer it where nothing else does
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:5680",
        help_heading = "Output"
    )]
    pub dashboard: Option<SocketAddr>,

    /// Write results elsewhere too (repeatable): json=FILE, csv=DIR/, junit=FILE, samples=FILE,
    /// prometheus=PORT, prometheus-rw=URL, otlp=URL, influx=URL, statsd=HOST:PORT
    #[arg(long = "out", value_name = "KIND=DEST", value_parser = Wanted::parse, help_heading = "Output")]
    pub wanted: Vec<Wanted>,

    #[command(flatten)]
    pub keep: KeepArgs,
}

fn html(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("stdout is the text report's; `loadtool report -o -` writes to stdout".into()),
        "" => Err("expected a file".into()),
        file => Ok(file.into()),
    }
}
