//! Calls over real sockets, against servers that do right and servers that do wrong.

mod bodies;
mod calls;
mod connections;
mod failures;
mod simulated;
mod stage;
mod tls;
