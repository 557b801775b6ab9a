//! Who may look and who may steer. A page of somebody else's, open in the same browser, must do
//! neither: names of hosts are checked against those that bind to loopback (a name that was made to
//! point here is none of them), origins against the host, and only the token's holder steers. At any
//! address but loopback the token is needed to look, too.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use rand::TryRng;
use rand::rngs::SysRng;

/// Decides for one dashboard.
#[derive(Debug, Clone)]
pub struct Guard {
    token: String,
    loopback: bool,
}

/// Why somebody was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// By the wrong name, or from a page of somebody else's.
    Stranger,
    /// Without the token.
    NoToken,
}

impl Guard {
    /// For a dashboard at this address, with a token of its own.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(address: SocketAddr) -> std::io::Result<Guard> {
        let mut random = [0; 16];
        SysRng.try_fill_bytes(&mut random).map_err(std::io::Error::other)?;
        let token = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Guard { token, loopback: address.ip().is_loopback() })
    }

    /// To be written behind the address, where servers never see it: `#…`.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether the page itself may be had: it holds nothing of the run.
    ///
    /// # Errors
    /// Why not.
    pub fn page(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.loopback && !host(headers).is_some_and(is_local) {
            return Err(Refusal::Stranger);
        }
        let foreign = headers.get(ORIGIN).is_some_and(|origin| {
            let origin = origin.to_str().unwrap_or_default();
            origin.strip_prefix("http://") != host(headers)
        });
        if foreign { Err(Refusal::Stranger) } else { Ok(()) }
    }

    /// Whether somebody may look.
    ///
    /// # Errors
    /// Why not.
    pub fn look(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.page(headers)?;
        if self.loopback || self.holds(headers) { Ok(()) } else { Err(Refusal::NoToken) }
    }

    /// Whether somebody may steer.
    ///
    /// # Errors
    /// Why not.
    pub fn steer(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.page(headers)?;
        if self.holds(headers) { Ok(()) } else { Err(Refusal::NoToken) }
    }

    /// In constant time for tokens of one length.
    fn holds(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let differs = self.token.bytes().zip(given.bytes()).fold(0, |bits, (a, b)| bits | (a ^ b));
        given.len() == self.token.len() && differs == 0
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

/// Whether a `Host` is one that no name server can point elsewhere, or here.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (axum::http::HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn at_loopback_all_look_by_its_own_names_and_the_token_steers() {
        let guard = Guard::new(([127, 0, 0, 1], 8).into()).unwrap();
        for host in ["localhost:8", "127.0.0.1:8", "[::1]:8", "localhost"] {
            assert_eq!(guard.look(&headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in ["rebound.example:8", "127.0.0.1.example", "localhost.:8", "127.0.0.1:8x"] {
            assert_eq!(guard.look(&headers(&[("host", host)])), Err(Refusal::Stranger), "{host}");
        }
        assert_eq!(guard.look(&headers(&[])), Err(Refusal::Stranger));
        let mine = format!("Bearer {}", guard.token());
        let asked = |token: &str, origin: &str| {
            guard.steer(&headers(&[
                ("host", "127.0.0.1:8"),
                ("authorization", token),
                ("origin", origin),
            ]))
        };
        assert_eq!(asked(&mine, "http://127.0.0.1:8"), Ok(()));
        assert_eq!(asked(&mine, "http://evil.example"), Err(Refusal::Stranger));
        assert_eq!(asked(&mine[..mine.len() - 1], "http://127.0.0.1:8"), Err(Refusal::NoToken));
        assert_eq!(asked("Bearer ", "http://127.0.0.1:8"), Err(Refusal::NoToken));
    }

    #[test]
    fn elsewhere_nobody_looks_without_the_token() {
        let guard = Guard::new(([0, 0, 0, 0], 8).into()).unwrap();
        let host = ("host", "build-7:8");
        assert_eq!(guard.page(&headers(&[host])), Ok(()));
        assert_eq!(guard.look(&headers(&[host])), Err(Refusal::NoToken));
        let mine = format!("Bearer {}", guard.token());
        assert_eq!(guard.look(&headers(&[host, ("authorization", &mine)])), Ok(()));
        assert_ne!(guard.token(), Guard::new(([0, 0, 0, 0], 8).into()).unwrap().token());
    }
}
