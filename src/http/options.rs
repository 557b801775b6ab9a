//! What a call may be told: defaults of the definition, of the scenario, of the call itself.

use std::time::Duration;

use http::HeaderMap;

/// Every option that does not make the request itself. `Default` holds the documented defaults.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// Headers on every request; the call's own win.
    pub headers: HeaderMap,
    /// The whole call, to the last hop's last byte.
    pub timeout: Duration,
    /// A new connection.
    pub connect_timeout: Duration,
    /// How many redirects to follow.
    pub redirects: u8,
    /// Decoded bytes to keep.
    pub body_limit: u64,
    /// Read and count only.
    pub discard_body: bool,
    /// Accept and decode gzip, br, zstd and deflate.
    pub compression: bool,
    /// What counts as expected.
    pub expect_status: ExpectStatus,
}

impl Default for CallOptions {
    fn default() -> Self {
        CallOptions {
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            redirects: 10,
            body_limit: 64 << 20,
            discard_body: false,
            compression: true,
            expect_status: ExpectStatus::default(),
        }
    }
}

/// Which statuses count as expected: inclusive ranges; the default is 200–399.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectStatus(pub Vec<(u16, u16)>);

impl Default for ExpectStatus {
    fn default() -> Self {
        ExpectStatus(vec![(200, 399)])
    }
}

impl ExpectStatus {
    /// Whether `status` is expected.
    pub fn accepts(&self, status: u16) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&status))
    }
}
