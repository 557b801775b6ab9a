//! The built binary against servers that were not written here: nginx and httpbin. `tests/run.sh`
//! installs them; without them a test says so and is skipped, except where `CI` is set.

#[path = "../common/mod.rs"]
mod common;

mod httpbin;
mod install;
mod nginx;
mod tls;
