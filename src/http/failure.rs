//! Why there is no whole answer: how far a hop had come, and the causes that an error carries
//! inside, make the category and a message that names the peer.
//!
//! | stage | category |
//! | --- | --- |
//! | resolving, connecting, handshake | `dns`, `connect`, `tls` |
//! | queued, sending, waiting | `reset` if the connection or the stream went away, `protocol` if what came is no HTTP |
//! | reading | `body` |
//! | any | `timeout`; `resource` if the machine ran out of descriptors, ports or memory |
//!
//! A file that cannot be sent is `resource` too.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustix::io::Errno;
use url::{Position, Url};

use super::payload::FileError;
use super::{Category, SendError};
use crate::units::print_duration;

/// A connection took longer than the call allows.
#[derive(Debug, thiserror::Error)]
#[error("connect_timeout")]
pub struct ConnectTimeout(pub Duration);

/// How far a hop had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    Resolving,
    /// TCP.
    Connecting,
    /// TLS.
    Handshake,
    /// For a connection that another exchange opens, or for its turn on one.
    Queued,
    /// The request's body was not taken whole.
    Sending,
    /// For the response's head.
    Waiting,
    /// The body; so many bytes arrived.
    Reading(u64),
}

impl Stage {
    fn doing(self, peer: &str) -> String {
        match self {
            Stage::Resolving => format!("resolving {peer}"),
            Stage::Connecting => format!("connecting to {peer}"),
            Stage::Handshake => format!("in the TLS handshake with {peer}"),
            Stage::Queued => format!("waiting for a connection to {peer}"),
            Stage::Sending => format!("sending the request to {peer}"),
            Stage::Waiting => format!("waiting for the response head from {peer}"),
            Stage::Reading(bytes) => {
                format!("reading the body from {peer} ({bytes} bytes arrived)")
            }
        }
    }
}

/// `host:port` as the URL says them.
pub fn peer_of(url: &Url) -> String {
    let host = &url[Position::BeforeHost..Position::AfterHost];
    format!("{host}:{}", url.port_or_known_default().unwrap_or(0))
}

/// `limit` ran out.
pub fn timeout(limit: Duration, stage: Stage, peer: &str) -> SendError {
    let message = format!("timeout after {} while {}", print_duration(limit), stage.doing(peer));
    SendError { category: Category::Timeout, message }
}

/// What `error` at `stage` means.
pub fn broken(error: &(dyn Error + 'static), stage: Stage, peer: &str) -> SendError {
    let reason = reason(error);
    if let Some(&ConnectTimeout(limit)) = chain(error).find_map(|error| error.downcast_ref()) {
        return timeout(limit, stage, peer);
    }
    if chain(error).any(is_timeout) {
        let message = format!("timeout of the system while {}: {reason}", stage.doing(peer));
        return SendError { category: Category::Timeout, message };
    }
    if chain(error).any(is_exhaustion) {
        let message = format!("out of resources while {}: {reason}", stage.doing(peer));
        return SendError { category: Category::Resource, message };
    }
    if let Some(file) = chain(error).find_map(|error| error.downcast_ref::<FileError>()) {
        return SendError { category: Category::Resource, message: file.to_string() };
    }
    let (category, message) = match stage {
        Stage::Resolving => (Category::Dns, format!("cannot resolve {peer}: {reason}")),
        Stage::Connecting => (Category::Connect, format!("cannot connect to {peer}: {reason}")),
        Stage::Handshake => {
            (Category::Tls, format!("the TLS handshake with {peer} failed: {reason}"))
        }
        Stage::Reading(_) => {
            (Category::Body, format!("broken off while {}: {reason}", stage.doing(peer)))
        }
        Stage::Queued | Stage::Sending | Stage::Waiting if chain(error).any(is_loss) => {
            (Category::Reset, format!("connection lost while {}: {reason}", stage.doing(peer)))
        }
        Stage::Queued | Stage::Sending | Stage::Waiting => {
            (Category::Protocol, format!("no valid HTTP while {}: {reason}", stage.doing(peer)))
        }
    };
    SendError { category, message }
}

/// The errors inside `error`, outermost first; those that an `io::Error` or one of HTTP/2 wraps
/// too.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        if let Some(inside) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            return Some(inside as &(dyn Error + 'static));
        }
        match error.downcast_ref::<h2::Error>().and_then(h2::Error::get_io) {
            Some(inside) => Some(inside),
            None => error.source(),
        }
    })
}

/// What the innermost error says, without its number.
fn reason(error: &(dyn Error + 'static)) -> String {
    let innermost = chain(error).last().unwrap_or(error).to_string();
    let text = innermost.split(" (os error ").next().unwrap_or(&innermost);
    let wrappings = ["failed to lookup address information: ", "tunnel error: ", "SOCKS error: "];
    let text = wrappings.iter().find_map(|wrapping| text.strip_prefix(wrapping)).unwrap_or(text);
    let text = if text == "unsuccessful" { "the proxy refused the tunnel" } else { text };
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// Descriptors, ports, buffers or memory ran out here.
fn is_exhaustion(error: &(dyn Error + 'static)) -> bool {
    let exhausted = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::ADDRNOTAVAIL,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::AGAIN,
    ];
    let errno = |error: &io::Error| error.raw_os_error().map(Errno::from_raw_os_error);
    error.downcast_ref().and_then(errno).is_some_and(|errno| exhausted.contains(&errno))
}

/// The kernel gave up.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::TimedOut)
}

/// The other end went away.
fn is_loss(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        // GOAWAY or RST_STREAM, for whatever reason; our own ones mean that what came is no HTTP/2.
        return error.is_remote();
    }
    let lost = |kind| {
        matches!(
            kind,
            ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::NotConnected
                | ErrorKind::UnexpectedEof
        )
    };
    error.downcast_ref::<io::Error>().is_some_and(|error| lost(error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer words")]
    struct Outer(#[source] io::Error);

    fn of(error: io::Error, stage: Stage) -> (Category, String) {
        let SendError { category, message } = broken(&Outer(error), stage, "h:80");
        (category, message)
    }

    #[test]
    fn stages_and_causes_make_categories() {
        let refused = || io::Error::from_raw_os_error(Errno::CONNREFUSED.raw_os_error());
        assert_eq!(
            of(refused(), Stage::Connecting),
            (Category::Connect, "cannot connect to h:80: connection refused".to_owned())
        );
        assert_eq!(of(refused(), Stage::Resolving).0, Category::Dns);
        assert_eq!(of(refused(), Stage::Handshake).0, Category::Tls);
        assert_eq!(
            of(ErrorKind::ConnectionReset.into(), Stage::Waiting),
            (
                Category::Reset,
                "connection lost while waiting for the response head from h:80: connection reset"
                    .to_owned()
            )
        );
        assert_eq!(of(ErrorKind::ConnectionReset.into(), Stage::Reading(7)).0, Category::Body);
        assert_eq!(of(io::Error::other("?"), Stage::Waiting).0, Category::Protocol);
    }

    #[test]
    fn a_machine_that_ran_out_is_to_blame_at_any_stage() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL] {
            let error = || io::Error::from_raw_os_error(errno.raw_os_error());
            for stage in [Stage::Resolving, Stage::Connecting, Stage::Reading(0)] {
                assert_eq!(of(error(), stage).0, Category::Resource);
            }
            assert_eq!(of(io::Error::other(error()), Stage::Connecting).0, Category::Resource);
        }
    }

    #[test]
    fn a_timeout_names_its_limit_the_phase_and_the_peer() {
        let url = Url::parse("https://[::1]/x").unwrap();
        let error = timeout(Duration::from_secs(30), Stage::Waiting, &peer_of(&url));
        assert_eq!(
            error.message,
            "timeout after 30s while waiting for the response head from [::1]:443"
        );
    }
}
