//! Parse, run, print one error chain, exit.

use std::process::ExitCode;

use loadtool::cli::{Cli, tell, tell_bug};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let run = || Cli::typed().run().unwrap_or_else(|error| tell(&error));
    std::panic::catch_unwind(run).unwrap_or_else(|_| tell_bug())
}
