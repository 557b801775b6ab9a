//! `retry`, which the definition, a scenario and a single call can have.

use super::draft::Node;
use super::read::{Shown, count, duration};
use crate::diagnostic::did_you_mean;
use crate::http::retry::{Cause, Retry};
use crate::http::{Category, ExpectStatus};
use crate::units::{Misread, print_duration};

/// Most tries after the first.
const MOST: u64 = 100;

/// A bare number of seconds above this was meant as milliseconds.
const LONGEST_BARE_SECONDS: f64 = 600.0;

const FIELDS: [&str; 3] = ["times", "on", "backoff"];

/// Failures that may be over at the next try, as reports spell them.
const FAILURES: [Category; 7] = [
    Category::Dns,
    Category::Connect,
    Category::Tls,
    Category::Timeout,
    Category::Reset,
    Category::Protocol,
    Category::Body,
];

/// The `retry` that `node` is, called `name` in messages; `None` is `false`: no other try.
pub fn retry(name: &str, node: &Node) -> Result<Option<Retry>, Misread> {
    let fields = match node {
        Node::Bool(false) => return Ok(None),
        Node::Map(fields) => fields,
        other => {
            let what = format!("{name} must be a table or false, not {}", Shown(other));
            return Err(misread(
                what,
                "write { times = 2, on = { \"connect\", 503 }, backoff = \"100ms\" }",
            ));
        }
    };
    let mut retry = Retry::default();
    for (field, node) in fields {
        let name = format!("{name}.{field}");
        match field.as_str() {
            "times" => retry.times = times(&name, node)?,
            "on" => retry.on = Some(causes(&name, node)?),
            "backoff" => retry.backoff = backoff(&name, node)?,
            _ => {
                let hint = did_you_mean(field, FIELDS)
                    .unwrap_or_else(|| format!("known fields: {}", FIELDS.join(", ")));
                return Err(misread(format!("unknown field `{name}`"), hint));
            }
        }
    }
    Ok(Some(retry))
}

fn misread(message: impl Into<String>, hint: impl Into<String>) -> Misread {
    Misread { message: message.into(), hint: hint.into() }
}

fn times(name: &str, node: &Node) -> Result<u8, Misread> {
    let refused = || {
        let message = format!("{name} must be a whole number up to {MOST}, not {}", Shown(node));
        misread(message, "the default is 2: three tries in all")
    };
    let times = count(node).and_then(Result::ok).filter(|times| *times <= MOST);
    times.and_then(|times| u8::try_from(times).ok()).ok_or_else(refused)
}

fn backoff(name: &str, node: &Node) -> Result<std::time::Duration, Misread> {
    let bare = match node {
        Node::Int(seconds) => Some(*seconds as f64),
        Node::Float(seconds) => Some(*seconds),
        _ => None,
    };
    if let Some(seconds) = bare.filter(|seconds| *seconds > LONGEST_BARE_SECONDS) {
        let longest = print_duration(std::time::Duration::from_secs_f64(LONGEST_BARE_SECONDS));
        let message = format!("{name} = {seconds} is more than {longest}");
        return Err(misread(message, format!("for milliseconds write \"{seconds}ms\"")));
    }
    match duration(node) {
        Some(Ok(backoff)) => Ok(backoff),
        Some(Err(wrong)) => Err(misread(format!("{name}: {}", wrong.message), wrong.hint)),
        None => {
            let message = format!("{name} must be seconds or a text, not {}", Shown(node));
            Err(misread(message, "write a duration like \"100ms\""))
        }
    }
}

/// A category, a status, a class of statuses, or a list of such.
fn causes(name: &str, node: &Node) -> Result<Vec<Cause>, Misread> {
    let items = match node {
        Node::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items.iter().map(|item| cause(name, item)).collect()
}

fn cause(name: &str, node: &Node) -> Result<Cause, Misread> {
    let text = match node {
        Node::Text(text) => Some(text.clone()),
        Node::Int(status) => Some(status.to_string()),
        _ => None,
    };
    let refused = |hint: Option<String>| {
        let message = format!("{name} cannot be {}", Shown(node));
        let words = FAILURES.map(Category::as_str).join(", ");
        misread(
            message,
            hint.unwrap_or_else(|| format!("write statuses like 503 or \"5xx\", and {words}")),
        )
    };
    let Some(text) = text else { return Err(refused(None)) };
    if let Some(category) = FAILURES.into_iter().find(|known| known.as_str() == text) {
        return Ok(Cause::Failed(category));
    }
    match ExpectStatus::parse(&text) {
        Ok(status) => Ok(Cause::Status(status)),
        Err(_) => Err(refused(did_you_mean(&text, FAILURES.map(Category::as_str)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, Node)]) -> Node {
        Node::Map(fields.iter().map(|(name, node)| ((*name).to_owned(), node.clone())).collect())
    }

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        assert_eq!(retry("retry", &Node::Bool(false)), Ok(None));
        assert_eq!(retry("retry", &map(&[])), Ok(Some(Retry::default())));
        let node = map(&[
            ("times", Node::Int(0)),
            ("on", Node::List(vec![text("connect"), Node::Int(503), text("4xx")])),
            ("backoff", Node::Float(0.5)),
        ]);
        let status = |text| Cause::Status(ExpectStatus::parse(text).unwrap());
        let expected = Retry {
            times: 0,
            on: Some(vec![Cause::Failed(Category::Connect), status("503"), status("4xx")]),
            backoff: std::time::Duration::from_millis(500),
        };
        assert_eq!(retry("retry", &node), Ok(Some(expected)));
        let one = retry("retry", &map(&[("on", Node::Int(503))])).unwrap().unwrap();
        assert_eq!(one.on, Some(vec![status("503")]));
    }

    #[test]
    fn mistakes_are_told() {
        for (node, message, hint) in [
            (Node::Int(2), "retry must be a table or false, not 2", "write { times = 2"),
            (map(&[("tims", Node::Int(1))]), "unknown field `retry.tims`", "did you mean `times`?"),
            (
                map(&[("times", Node::Int(-1))]),
                "retry.times must be a whole number up to 100, not -1",
                "the default is 2",
            ),
            (map(&[("times", Node::Int(101))]), "retry.times must be", ""),
            (map(&[("times", Node::Float(0.5))]), "retry.times must be", ""),
            (
                map(&[("backoff", Node::Int(700))]),
                "retry.backoff = 700 is more than 10m",
                "for milliseconds write \"700ms\"",
            ),
            (
                map(&[("backoff", text("1 s"))]),
                "retry.backoff: `1 s` is no duration",
                "did you mean",
            ),
            (map(&[("backoff", Node::Int(-1))]), "retry.backoff: ", ""),
            (map(&[("backoff", Node::Bool(true))]), "retry.backoff must be seconds or a text", ""),
            (
                map(&[("on", text("conect"))]),
                "retry.on cannot be \"conect\"",
                "did you mean `connect`?",
            ),
            (map(&[("on", Node::Int(99))]), "retry.on cannot be 99", "write statuses like 503"),
            (map(&[("on", Node::Function)]), "retry.on cannot be a function", ""),
        ] {
            let fault = retry("retry", &node).unwrap_err();
            assert!(fault.message.starts_with(message), "{fault}");
            assert!(fault.hint.starts_with(hint), "{fault}");
        }
    }
}
