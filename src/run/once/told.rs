//! Connections that tell of each hop: what was sent, as it was sent, and what came.

use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::HeaderMap;
use http::header::SET_COOKIE;

use super::story::Story;
use crate::http::redact::Redactor;
use crate::http::{Exchange, Hop, Transport, Wire};
use crate::output::text::harmless;
use crate::results::format;

/// Columns of a waterfall.
const WIDTH: f64 = 30.0;

/// Most lines of a body.
const LINES: usize = 60;

/// A transport whose hops are told.
pub struct ToldTransport {
    inner: Rc<dyn Transport>,
    teller: Rc<Teller>,
}

struct ToldWire {
    inner: Rc<dyn Wire>,
    teller: Rc<Teller>,
}

struct Teller {
    story: Rc<Story>,
    redactor: Redactor,
}

impl ToldTransport {
    /// Over `inner`; what `redactor` knows to be secret is not told.
    pub fn new(inner: Rc<dyn Transport>, story: Rc<Story>, redactor: Redactor) -> Self {
        ToldTransport { inner, teller: Rc::new(Teller { story, redactor }) }
    }
}

impl Transport for ToldTransport {
    fn open(&self, scenario: Option<usize>) -> Rc<dyn Wire> {
        Rc::new(ToldWire { inner: self.inner.open(scenario), teller: self.teller.clone() })
    }
}

impl Wire for ToldWire {
    fn fresh(&self) -> Rc<dyn Wire> {
        Rc::new(ToldWire { inner: self.inner.fresh(), teller: self.teller.clone() })
    }

    fn send<'a>(&'a self, hop: Hop) -> LocalBoxFuture<'a, Exchange> {
        async move {
            let since = self.teller.story.now();
            let sent = hop.clone();
            let done = self.inner.send(hop).await;
            self.teller.story.call(since, done.error.is_some(), &self.teller.lines(&sent, &done));
            done
        }
        .boxed_local()
    }
}

impl Teller {
    fn lines(&self, hop: &Hop, done: &Exchange) -> Vec<String> {
        let mut lines = vec![self.headline(hop, done)];
        self.head(">", &hop.headers, &mut lines);
        match hop.body.bytes() {
            Some(body) => self.body(">", &hop.headers, body, &mut lines),
            None => lines.push(format!("> (a form of {})", format::bytes(hop.body.size() as f64))),
        }
        self.head("<", &done.headers, &mut lines);
        lines.extend(cookies(&done.headers));
        self.body("<", &done.headers, &done.body, &mut lines);
        lines.extend(waterfall(done));
        lines
    }

    /// `POST http://127.0.0.1:8080/login: 200 over HTTP/1.1, 3.21 ms, 120 B, new connection`.
    fn headline(&self, hop: &Hop, done: &Exchange) -> String {
        let mut line = format!("{} {}: ", hop.method, self.redactor.url(&hop.url));
        if done.status > 0 {
            line += &format!("{} over HTTP/{}, ", done.status, done.proto);
        }
        let took = done.timings.blocked + done.timings.duration();
        line += &format!("{}, {}", format::length(took), format::bytes(done.size as f64));
        if done.opened > 0 && done.status > 0 {
            line += ", new connection";
        }
        if let Some(error) = &done.error {
            line += &format!("; {}: {}", error.category.as_str(), error.message);
        }
        line
    }

    fn head(&self, mark: &str, headers: &HeaderMap, lines: &mut Vec<String>) {
        for (name, value) in headers.iter().filter(|(name, _)| *name != SET_COOKIE) {
            let value = String::from_utf8_lossy(value.as_bytes());
            lines.push(format!("{mark} {name}: {}", self.redactor.header(name.as_str(), &value)));
        }
    }

    fn body(&self, mark: &str, headers: &HeaderMap, body: &[u8], lines: &mut Vec<String>) {
        if !self.story.bodies() || body.is_empty() {
            return;
        }
        if body.contains(&0)
            || str::from_utf8(&body[..body.len().min(512)]).is_err_and(|e| e.error_len().is_some())
        {
            lines.push(format!("{mark} ({} that are no text)", format::bytes(body.len() as f64)));
            return;
        }
        let mut text = String::new();
        self.redactor.body(headers, body, &mut text);
        let all = text.trim().lines().count();
        let shown = text.trim().lines().take(LINES);
        lines.extend(shown.map(|line| format!("{mark} {line}")));
        if all > LINES {
            lines.push(format!("{mark} … ({} more lines)", all - LINES));
        }
    }
}

/// `sets cookie sid (Path=/; HttpOnly)`; the value is a secret.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers.get_all(SET_COOKIE).iter().map(|cookie| {
        let cookie = String::from_utf8_lossy(cookie.as_bytes());
        let (pair, attributes) = cookie.split_once(';').unwrap_or((&cookie, ""));
        let name = pair.split('=').next().unwrap_or(pair);
        match attributes.trim() {
            "" => format!("sets cookie {name}"),
            attributes => format!("sets cookie {name} ({attributes})"),
        }
    })
}

/// The phases one after another, each a bar in the place and of the length that it had; those that
/// took no time are left out.
fn waterfall(done: &Exchange) -> Vec<String> {
    let t = &done.timings;
    let waited = t.blocked.saturating_sub(t.dns + t.connect + t.tls);
    let phases = [
        ("blocked", waited),
        ("dns", t.dns),
        ("connect", t.connect),
        ("tls", t.tls),
        ("send", t.send),
        ("wait", t.wait),
        ("receive", t.receive),
    ];
    let total: f64 = phases.iter().map(|(_, took)| took.as_secs_f64()).sum();
    let mut before = 0.0;
    let mut lines = Vec::new();
    for (name, took) in phases.into_iter().filter(|(_, took)| !took.is_zero()) {
        let column = |at: f64| (at / total * WIDTH).round() as usize;
        let start = column(before).min(WIDTH as usize - 1);
        before += took.as_secs_f64();
        let length = column(before).saturating_sub(start).max(1);
        let bar = format!("{}{}", " ".repeat(start), "▆".repeat(length));
        lines.push(format!("{name:<8} {bar:<30} {}", format::length(took)));
    }
    lines.into_iter().map(|line| harmless(&line).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::Timings;

    #[test]
    fn phases_fall_one_after_another_and_none_is_invisible() {
        let ms = Duration::from_millis;
        let timings = Timings {
            blocked: ms(10),
            connect: ms(10),
            wait: ms(20),
            receive: Duration::from_micros(1),
            ..Timings::default()
        };
        let lines = waterfall(&Exchange { timings, ..Exchange::answer(200, "") });
        assert_eq!(
            lines,
            [
                format!("connect  {:<30} 10.0 ms", "▆".repeat(10)),
                format!("wait     {:<30} 20.0 ms", format!("{}{}", " ".repeat(10), "▆".repeat(20))),
                format!("receive  {:<30} 1.00 µs", format!("{}▆", " ".repeat(29))),
            ]
        );
        assert!(waterfall(&Exchange::answer(200, "")).is_empty());
    }

    #[test]
    fn cookies_are_told_by_name() {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, "sid=secret; Path=/; HttpOnly".parse().unwrap());
        headers.append(SET_COOKIE, "lang=en".parse().unwrap());
        let told: Vec<_> = cookies(&headers).collect();
        assert_eq!(told, ["sets cookie sid (Path=/; HttpOnly)", "sets cookie lang"]);
    }
}
