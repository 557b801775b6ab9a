//! When a call is tried again, and after what pause.
//!
//! Pause before try k (from 1): backoff · 2^(k−1) · u, u drawn evenly from 0.5 to 1.5, so that users
//! who failed together do not come back together; at least what the answer's `retry-after` asks
//! for. A pause that would outlast the call's timeout is not begun: the answer stands as it is.

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Method};

use super::{Category, Exchange, ExpectStatus, SendError};

/// How often and on what grounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first.
    pub times: u8,
    /// What is tried again; `None`: a request that could not be sent, and what failed in
    /// transport if sending it twice does no harm.
    pub on: Option<Vec<Cause>>,
    /// The first pause.
    pub backoff: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { times: 2, on: None, backoff: Duration::from_millis(100) }
    }
}

/// A reason to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A failure of that category; a connection that took too long also counts as `connect`.
    Failed(Category),
    /// An answer with one of these statuses.
    Status(ExpectStatus),
}

impl Retry {
    /// The pause before try `attempt` (from 1), or `None` if what came of the last one stands.
    /// `chance` draws from 0 to 1.
    pub fn pause(
        &self,
        attempt: u8,
        method: &Method,
        done: &Exchange,
        error: Option<&SendError>,
        chance: impl FnOnce() -> f64,
    ) -> Option<Duration> {
        if attempt > self.times || !self.applies(method, done, error) {
            return None;
        }
        let doubled = self.backoff.as_secs_f64() * 2f64.powi(i32::from(attempt) - 1);
        let pause = Duration::try_from_secs_f64(doubled * (0.5 + chance()));
        let asked = retry_after(&done.headers, SystemTime::now()).unwrap_or_default();
        Some(pause.unwrap_or(Duration::MAX).max(asked))
    }

    fn applies(&self, method: &Method, done: &Exchange, error: Option<&SendError>) -> bool {
        let category = error.map(|error| error.category);
        let unsent = done.status == 0 && done.bytes_sent == 0;
        match (&self.on, category) {
            (Some(causes), category) => causes.iter().any(|cause| match cause {
                Cause::Status(status) => category.is_none() && status.accepts(done.status),
                Cause::Failed(Category::Connect)
                    if unsent && category == Some(Category::Timeout) =>
                {
                    true
                }
                Cause::Failed(failed) => category == Some(*failed),
            }),
            (None, None) => false,
            (None, Some(category)) => match category {
                Category::Dns | Category::Connect | Category::Tls => true,
                Category::Timeout => unsent || method.is_idempotent(),
                Category::Reset | Category::Protocol | Category::Body => method.is_idempotent(),
                _ => false,
            },
        }
    }
}

/// What `retry-after` asks for, in seconds or as a date (by the server's own clock if it tells
/// it); `None` if it is neither.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let told = headers.get(DATE).and_then(|value| date(value.to_str().ok()?));
    date(value)?.duration_since(told.unwrap_or(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(category: Category, bytes_sent: u64) -> Exchange {
        let error = Some(SendError { category, message: String::new() });
        Exchange { error, bytes_sent, ..Exchange::default() }
    }

    fn retried(on: Option<Vec<Cause>>, method: &Method, done: &Exchange) -> bool {
        let retry = Retry { on, ..Retry::default() };
        retry.pause(1, method, done, done.error.as_ref(), || 0.5).is_some()
    }

    #[test]
    fn by_default_only_what_does_no_harm_is_tried_again() {
        let cases = [
            (failed(Category::Connect, 0), true, true),
            (failed(Category::Dns, 0), true, true),
            (failed(Category::Tls, 0), true, true),
            (failed(Category::Timeout, 0), true, true),
            (failed(Category::Timeout, 99), true, false),
            (failed(Category::Reset, 99), true, false),
            (failed(Category::Body, 99), true, false),
            (failed(Category::BodyTooLarge, 99), false, false),
            (failed(Category::Redirect, 99), false, false),
            (Exchange::answer(503, ""), false, false),
        ];
        for (done, idempotent, other) in cases {
            let found = [Method::PUT, Method::POST].map(|method| retried(None, &method, &done));
            assert_eq!(found, [idempotent, other], "{done:?}");
        }
    }

    #[test]
    fn what_is_named_is_tried_again_and_nothing_else() {
        let status = |text| Cause::Status(ExpectStatus::parse(text).unwrap());
        let on = Some(vec![Cause::Failed(Category::Connect), status("503"), status("4xx")]);
        let cases = [
            (Exchange::answer(503, ""), true),
            (Exchange::answer(429, ""), true),
            (Exchange::answer(500, ""), false),
            (Exchange::answer(200, ""), false),
            (failed(Category::Connect, 0), true),
            (failed(Category::Timeout, 0), true),
            (failed(Category::Timeout, 99), false),
            (failed(Category::Reset, 99), false),
            (Exchange { status: 503, ..failed(Category::Body, 99) }, false),
        ];
        for (done, expected) in cases {
            assert_eq!(retried(on.clone(), &Method::POST, &done), expected, "{done:?}");
        }
    }

    #[test]
    fn pauses_double_and_never_fall_short_of_what_the_server_asks_for() {
        let retry = Retry { times: 40, ..Retry::default() };
        let mut done = failed(Category::Connect, 0);
        let pause = |attempt, done: &Exchange, chance| {
            let pause = retry.pause(attempt, &Method::GET, done, done.error.as_ref(), || chance);
            pause.map(|pause| pause.as_millis())
        };
        assert_eq!([0.0, 0.5, 1.0].map(|u| pause(1, &done, u)), [50, 100, 150].map(Some));
        assert_eq!([2, 3, 4].map(|k| pause(k, &done, 0.5)), [200, 400, 800].map(Some));
        assert_eq!(pause(41, &done, 0.5), None);
        done.headers.insert(RETRY_AFTER, "2".parse().unwrap());
        assert_eq!([1, 10].map(|k| pause(k, &done, 0.5)), [2000, 51_200].map(Some));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nonsense_is_nothing() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let (early, late) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:47 GMT");
        for (value, date, expected) in [
            ("0", None, Some(0)),
            (" 120 ", None, Some(120)),
            ("99999999999999999999999", None, Some(u64::MAX)),
            (late, None, Some(10)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", None, Some(10)),
            (late, Some(late), Some(0)),
            (late, Some("yesterday"), Some(10)),
            (early, Some(late), None),
            ("Sun, 06 Nov 1894 08:49:47 GMT", None, None),
            ("-5", None, None),
            ("1.5", None, None),
            ("soon", None, None),
            ("", None, None),
            ("Sun, 32 Nov 1994 25:49:47 GMT", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            let found = retry_after(&headers, now).map(|pause| pause.as_secs());
            assert_eq!(found, expected, "{value:?} {date:?}");
        }
    }
}
