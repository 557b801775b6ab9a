//! What a call may be told: defaults of the definition, of the scenario, of the call itself.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;

use super::retry::Retry;

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
    /// Whether a function of the script decides instead, once the answer is there.
    pub judged: bool,
    /// When to try again; boxed, for few calls have it.
    pub retry: Option<Box<Retry>>,
    /// Calls of a batch under way to one host.
    pub max_parallel: u16,
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
            judged: false,
            retry: None,
            max_parallel: 6,
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
    /// `"2xx"`, `"204"` or `"200-204"`.
    pub fn parse(text: &str) -> Result<ExpectStatus, String> {
        let code = |text: &str| text.parse().ok().filter(|code| (100..=599).contains(code));
        let range = match text.split_once('-') {
            Some((low, high)) => code(low).zip(code(high)).filter(|(low, high)| low <= high),
            None => match text.as_bytes() {
                [class @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                    let low = u16::from(class - b'0') * 100;
                    Some((low, low + 99))
                }
                _ => code(text).map(|code| (code, code)),
            },
        };
        let rule = "a status is 100 to 599, a class like `2xx` or a range like `200-204`";
        range.map(|range| ExpectStatus(vec![range])).ok_or_else(|| format!("`{text}`: {rule}"))
    }

    /// Whether `status` is expected.
    pub fn accepts(&self, status: u16) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&status))
    }
}

impl fmt::Display for ExpectStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, &(low, high)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match low / 100 {
                _ if low == high => write!(f, "{comma}{low}")?,
                class if low % 100 == 0 && high == low + 99 => write!(f, "{comma}{class}xx")?,
                _ => write!(f, "{comma}{low}-{high}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_and_printed_as_people_write_them() {
        for text in ["200", "2xx", "200-204"] {
            assert_eq!(ExpectStatus::parse(text).map(|status| status.to_string()), Ok(text.into()));
        }
        for text in ["", "2x", "6xx", "99", "204-200", "200-", "-", "twenty"] {
            assert!(ExpectStatus::parse(text).is_err(), "{text}");
        }
        let both = ExpectStatus(vec![(200, 299), (404, 404)]);
        assert!(both.accepts(250) && both.accepts(404) && !both.accepts(403));
        assert_eq!(both.to_string(), "2xx, 404");
    }
}
