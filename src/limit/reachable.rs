//! Whether the target is there at all, by what the requests of the rehearsal came to. Where every
//! one of them failed, and none because the target was overloaded, no load would tell more.

use super::LimitSpec;
use crate::diagnostic::Diagnostic;
use crate::http::proxy::masked;
use crate::plan::Plan;
use crate::run::rehearsal::Reply;

/// Replies that are told.
const TOLD: usize = 3;

impl LimitSpec {
    /// The fault, if there is one.
    pub(super) fn unreachable(plan: &Plan, replies: &[Reply]) -> Option<Diagnostic> {
        if replies.is_empty() || !replies.iter().all(is_dead_end) {
            return None;
        }
        let mut told: Vec<String> = Vec::new();
        for line in replies.iter().map(told_of) {
            if !told.contains(&line) {
                told.push(line);
            }
        }
        let more = if told.len() > TOLD { ", …" } else { "" };
        told.truncate(TOLD);
        let message = format!(
            "no request of the rehearsal was answered as expected: {}{more}",
            told.join(", ")
        );
        let once = format!("`loadtool once {}`", plan.script().display());
        let hint = match plan.base_url() {
            Some(url) => format!(
                "`curl -i {}` tells whether it is there, {once} what was asked for",
                masked(url.as_str())
            ),
            None => format!("{once} shows what was asked for"),
        };
        Some(Diagnostic::new(message).hint(hint + "; nothing was started"))
    }
}

/// Neither an answer that was expected nor one of a target that has too much to do.
fn is_dead_end(reply: &Reply) -> bool {
    reply.error.is_some() && reply.status != 429 && reply.status < 500
}

/// `GET /login (status 404)`.
fn told_of(reply: &Reply) -> String {
    let why = match (reply.status, &reply.error) {
        (0, error) => error.clone().unwrap_or_default(),
        (status, _) => format!("status {status}"),
    };
    format!("{} ({why})", reply.call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_answers_or_has_too_much_to_do_is_there() {
        let reply = |status, error: Option<&str>| Reply {
            call: "GET /".to_owned(),
            status,
            error: error.map(str::to_owned),
        };
        for (status, error, dead) in [
            (200, None, false),
            (404, None, false), // as expected
            (404, Some("client_error"), true),
            (0, Some("connect"), true),
            (429, Some("client_error"), false),
            (503, Some("server_error"), false),
        ] {
            assert_eq!(is_dead_end(&reply(status, error)), dead, "{status}");
        }
        assert_eq!(told_of(&reply(0, Some("connect"))), "GET / (connect)");
        assert_eq!(told_of(&reply(404, Some("client_error"))), "GET / (status 404)");
    }
}
