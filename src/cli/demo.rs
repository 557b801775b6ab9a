//! `loadtool demo`: the built-in target.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::load::duration;
use crate::demo::null::Null;
use crate::demo::{Demo, Options, ROUTES, serve};

#[derive(Args, Debug)]
#[command(after_help = ROUTES)]
pub struct DemoArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = address, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Answer so many requests per second, one after the other: a target whose limit is known
    #[arg(long, value_name = "RATE", value_parser = super::limit::level)]
    capacity: Option<f64>,

    /// Answer each request so much later than it could be: a target that is slower by a known time
    #[arg(long, value_name = "D", value_parser = duration)]
    delay: Option<Duration>,

    /// Answer every request without a body alike, with nothing, as fast as one thread can: what a
    /// generator reaches against it is its own ceiling
    #[arg(long, conflicts_with_all = ["capacity", "delay"])]
    null: bool,
}

impl DemoArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.null {
            let null = Null::at(self.listen).with_context(|| cannot_listen(self.listen))?;
            return until_interrupted("null target", &null.url());
        }
        let options = Options {
            capacity: self.capacity,
            delay: self.delay.unwrap_or_default(),
            ..Options::default()
        };
        let demo = open_with(self.listen, &options)?;
        until_interrupted("demo shop", &demo.url())
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port, as in 127.0.0.1:8080".to_owned())
}

fn until_interrupted(what: &str, url: &str) -> anyhow::Result<ExitCode> {
    super::print(&format!("{what} on {url}  (Ctrl-C ends it)\n"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::signal::ctrl_c().await })?;
    Ok(ExitCode::SUCCESS)
}

fn cannot_listen(address: SocketAddr) -> String {
    format!("cannot listen on {address}")
}

/// Opens the shop at `address`.
pub fn open(address: SocketAddr) -> anyhow::Result<Demo> {
    open_with(address, &Options::default())
}

fn open_with(address: SocketAddr, options: &Options) -> anyhow::Result<Demo> {
    std::net::TcpListener::bind(address)
        .and_then(|listener| serve(listener, options))
        .with_context(|| cannot_listen(address))
}
