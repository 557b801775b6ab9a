//! Calls over real sockets, against servers that do right and servers that do wrong.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bodies;
mod calls;
mod connections;
mod failures;
mod http2;
mod simulated;
mod stage;
mod tls;
