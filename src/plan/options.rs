//! The `http` table of the definition and of a scenario: defaults of every call.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::connections::OPTIONS;
use super::draft::Node;
use super::read::{Fields, Shown, count, scalar};
use super::retry::retry;
use crate::diagnostic::Diagnostic;
use crate::http::{CallOptions, ExpectStatus};

/// Options that hold for many calls.
const CALL: [&str; 12] = [
    "auth",
    "body_limit",
    "compression",
    "connect_timeout",
    "discard_body",
    "expect_status",
    "headers",
    "max_parallel",
    "redirects",
    "retry",
    "timeout",
    "user_agent",
];

/// Options that make a request what it is.
const REQUEST: [&str; 9] =
    ["body", "form", "json", "method", "multipart", "name", "path", "query", "url"];

/// A bare number above this was meant as milliseconds.
const LONGEST_BARE_SECONDS: f64 = 600.0;

/// `defaults`, changed by the `http` table that `owner` may have, and by the command line.
pub(super) fn call_options(owner: &Fields<'_, '_>, defaults: &CallOptions) -> CallOptions {
    let mut options = from_script(owner, defaults);
    if let Some(agent) = &owner.report.draft.flags.connections.user_agent {
        match HeaderValue::from_str(agent) {
            Ok(agent) => drop(options.headers.insert(USER_AGENT, agent)),
            Err(_) => owner.report.note(
                Diagnostic::new("--user-agent: the text cannot stand in a header")
                    .hint("leave out line ends and control characters"),
            ),
        }
    }
    options
}

fn from_script(owner: &Fields<'_, '_>, defaults: &CallOptions) -> CallOptions {
    let mut options = defaults.clone();
    let Some(http) = table(owner, &CALL) else { return options };
    if let Some(headers) = http.get("headers") {
        read_headers(&http, headers, &mut options.headers);
    }
    if let Some(auth) = http.get("auth") {
        read_auth(&http, auth, &mut options.headers);
    }
    if let Some(agent) = http.text("user_agent") {
        insert(&http, "user_agent", USER_AGENT, agent, &mut options.headers);
    }
    let timeout = |name| bounded_seconds(&http, name).then(|| http.positive_duration(name))?;
    options.timeout = timeout("timeout").unwrap_or(options.timeout);
    options.connect_timeout = timeout("connect_timeout").unwrap_or(options.connect_timeout);
    options.redirects = redirects(&http).unwrap_or(options.redirects);
    options.body_limit = http.bytes("body_limit").unwrap_or(options.body_limit);
    options.discard_body = http.flag("discard_body").unwrap_or(options.discard_body);
    options.compression = http.flag("compression").unwrap_or(options.compression);
    if let Some(status) = http.get("expect_status") {
        options.judged = *status == Node::Function;
        if !options.judged {
            options.expect_status = expect_status(&http, status).unwrap_or(options.expect_status);
        }
    }
    options.max_parallel = max_parallel(&http).unwrap_or(options.max_parallel);
    if let Some(node) = http.get("retry") {
        match retry(&http.name("retry"), node) {
            Ok(retry) => options.retry = retry.map(Box::new),
            Err(wrong) => http.fault("retry", wrong.message, wrong.hint),
        }
    }
    options
}

/// The owner's `http`, with a fault for each option that cannot stand there.
fn table<'r, 'd>(owner: &Fields<'r, 'd>, known: &[&str]) -> Option<Fields<'r, 'd>> {
    let http = Fields::any(owner.report, owner.path.field("http"), owner.get("http")?)?;
    for (name, _) in http.iter() {
        if known.contains(&name) || OPTIONS.contains(&name) {
            continue;
        }
        if REQUEST.contains(&name) {
            let message = format!("`{name}` belongs to one request, not to {}", http.path);
            http.fault(name, message, "give it where the request is made");
        } else if name == "tags" {
            let message = format!("tags do not belong into {}", http.path);
            http.fault(name, message, "put `tags = { … }` beside `http`");
        } else {
            let names: Vec<&str> = known.iter().chain(&OPTIONS).copied().collect();
            http.unknown(name, &names);
        }
    }
    Some(http)
}

/// Whether a bare number may be seconds; above ten minutes it was meant as milliseconds.
fn bounded_seconds(http: &Fields<'_, '_>, name: &str) -> bool {
    let seconds = match http.get(name) {
        Some(Node::Int(seconds)) => *seconds as f64,
        Some(Node::Float(seconds)) => *seconds,
        _ => return true,
    };
    if seconds > LONGEST_BARE_SECONDS {
        let message = format!("{} = {seconds} is more than 600 seconds", http.name(name));
        http.fault(name, message, format!("for milliseconds write \"{seconds}ms\""));
    }
    seconds <= LONGEST_BARE_SECONDS
}

fn redirects(http: &Fields<'_, '_>) -> Option<u8> {
    let redirects = http.count("redirects")?;
    let few = u8::try_from(redirects).ok();
    if few.is_none() {
        let message = format!("{} = {redirects} is more than 255", http.name("redirects"));
        http.fault("redirects", message, "the default is 10");
    }
    few
}

fn max_parallel(http: &Fields<'_, '_>) -> Option<u16> {
    let most = http.count("max_parallel")?;
    let fits = u16::try_from(most).ok().filter(|most| *most > 0);
    if fits.is_none() {
        let message = format!("{} = {most} is not from 1 to 65535", http.name("max_parallel"));
        http.fault("max_parallel", message, "the default is 6");
    }
    fits
}

/// A number, a text like `"2xx"`, or a list of them.
fn expect_status(http: &Fields<'_, '_>, node: &Node) -> Option<ExpectStatus> {
    let items = match node {
        Node::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut ranges = Vec::new();
    for item in items {
        let text = match item {
            Node::Text(text) => Some(text.clone()),
            item => count(item).and_then(Result::ok).map(|status| status.to_string()),
        };
        match text.map(|text| ExpectStatus::parse(&text)) {
            Some(Ok(status)) => ranges.extend(status.0),
            _ => {
                let message = format!("{} cannot be {}", http.name("expect_status"), Shown(item));
                let hint = "write a status like 200, a class like \"2xx\", or a list of them";
                http.fault("expect_status", message, hint);
                return None;
            }
        }
    }
    Some(ExpectStatus(ranges))
}

fn read_headers(http: &Fields<'_, '_>, node: &Node, headers: &mut HeaderMap) {
    let Some(given) = Fields::any(http.report, http.path.field("headers"), node) else { return };
    for (name, node) in given.iter() {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            given.fault(name, format!("`{name}` is no header name"), "use letters, digits and `-`");
            continue;
        };
        headers.remove(&header);
        let values = match node {
            Node::List(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            match scalar(value).and_then(|text| HeaderValue::from_str(&text).ok()) {
                Some(value) => drop(headers.append(&header, value)),
                None => {
                    let message = format!("{} cannot be {}", given.name(name), Shown(value));
                    given.fault(name, message, "a header is a text of one line, or a list of them");
                }
            }
        }
    }
}

fn read_auth(http: &Fields<'_, '_>, node: &Node, headers: &mut HeaderMap) {
    let Some(auth) = Fields::of(http.report, http.path.field("auth"), node, &["basic", "bearer"])
    else {
        return;
    };
    let text = match (auth.get("basic"), auth.get("bearer")) {
        (Some(Node::List(pair)), None) => match pair.as_slice() {
            [Node::Text(user), Node::Text(password)] => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            _ => None,
        },
        (None, Some(Node::Text(token))) => Some(format!("Bearer {token}")),
        _ => None,
    };
    match text {
        Some(text) => insert(http, "auth", AUTHORIZATION, &text, headers),
        None => http.fault(
            "auth",
            format!("{} has neither a user nor a token", auth.path),
            "write { basic = { user, password } } or { bearer = token }",
        ),
    }
}

fn insert(
    http: &Fields<'_, '_>,
    option: &str,
    name: HeaderName,
    text: &str,
    headers: &mut HeaderMap,
) {
    match HeaderValue::from_str(text) {
        Ok(mut value) => {
            value.set_sensitive(name == AUTHORIZATION);
            headers.insert(name, value);
        }
        Err(_) => {
            let message = format!("{} cannot stand in a header", http.name(option));
            http.fault(option, message, "leave out line ends and control characters");
        }
    }
}
