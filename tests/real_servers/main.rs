//! The built binary against servers that were not written here: nginx, httpbin and proxies.
//! `tests/run.sh` installs them; without them a test says so and is skipped, except where `CI` is set.

#[path = "../common/mod.rs"]
mod common;

mod backends;
mod connections;
mod http2;
mod httpbin;
mod install;
mod nginx;
mod proxies;
mod tls;
