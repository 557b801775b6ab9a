//! A whole JSON document for the paths that need one. Each value remembers the text it came from.

use std::borrow::Cow;
use std::collections::HashMap;

use jiter::Peek;
use jsonpath_rust::query::queryable::Queryable;
use serde_json::{Number, Value};

use super::json::{Invalid, Scanner};

/// A JSON value and its text.
#[derive(Debug, Clone, Default)]
pub(super) struct Node<'d> {
    /// As it stands in the document; empty for a value that a function made.
    pub(super) text: &'d str,
    kind: Kind<'d>,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Kind<'d> {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'d, str>),
    Array(Vec<Node<'d>>),
    Object(Members<'d>),
}

/// Members in the order of their first appearance; of equal keys the last value holds.
#[derive(Debug, Clone, Default)]
struct Members<'d> {
    list: Vec<(String, Node<'d>)>,
    /// Where each key stands, once there are more than [`FEW`].
    places: HashMap<String, usize>,
}

/// Up to so many members, looking at each is quicker than hashing.
const FEW: usize = 16;

/// Reads a whole document.
pub(super) fn read(document: &[u8]) -> Result<Node<'_>, Invalid> {
    let mut scanner = Scanner::new(document)?;
    let peek = scanner.peek()?;
    let root = Node::read(&mut scanner, peek)?;
    scanner.finish()?;
    Ok(root)
}

impl<'d> Node<'d> {
    /// Recurses at most as deep as the scanner allows.
    fn read(scanner: &mut Scanner<'d>, peek: Peek) -> Result<Self, Invalid> {
        let start = scanner.position();
        let kind = match peek {
            Peek::Array => Kind::Array(read_array(scanner)?),
            Peek::Object => Kind::Object(read_object(scanner)?),
            Peek::String => {
                let decoded = scanner.string()?.to_owned();
                Kind::String(Cow::Owned(decoded))
            }
            _ => {
                scanner.skip()?;
                scalar(scanner.since(start))?
            }
        };
        Ok(Node { text: scanner.since(start), kind })
    }

    fn made(kind: Kind<'d>) -> Self {
        Node { text: "", kind }
    }

    fn value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(value) => Value::Number(value.clone()),
            Kind::String(value) => Value::String(value.clone().into_owned()),
            Kind::Array(list) => Value::Array(list.iter().map(Node::value).collect()),
            Kind::Object(members) => {
                Value::Object(members.list.iter().map(|(k, v)| (k.clone(), v.value())).collect())
            }
        }
    }
}

fn read_array<'d>(scanner: &mut Scanner<'d>) -> Result<Vec<Node<'d>>, Invalid> {
    let mut list = Vec::new();
    let mut next = scanner.enter_array()?;
    while let Some(peek) = next {
        list.push(Node::read(scanner, peek)?);
        next = scanner.next_value()?;
    }
    Ok(list)
}

fn read_object<'d>(scanner: &mut Scanner<'d>) -> Result<Members<'d>, Invalid> {
    let mut members = Members::default();
    let mut next = scanner.enter_object(str::to_owned)?;
    while let Some(key) = next {
        let peek = scanner.peek()?;
        let value = Node::read(scanner, peek)?;
        members.insert(key, value);
        next = scanner.next_key(str::to_owned)?;
    }
    Ok(members)
}

fn scalar(text: &str) -> Result<Kind<'_>, Invalid> {
    Ok(match text {
        "null" => Kind::Null,
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        _ => Kind::Number(serde_json::from_str(text).map_err(|_| Invalid)?),
    })
}

impl<'d> Members<'d> {
    fn insert(&mut self, key: String, value: Node<'d>) {
        if let Some(place) = self.place(&key) {
            self.list[place].1 = value;
            return;
        }
        self.list.push((key, value));
        if self.list.len() > FEW {
            let unplaced = self.places.len()..self.list.len();
            self.places.extend(unplaced.map(|place| (self.list[place].0.clone(), place)));
        }
    }

    fn place(&self, key: &str) -> Option<usize> {
        match self.places.is_empty() {
            true => self.list.iter().position(|(known, _)| known == key),
            false => self.places.get(key).copied(),
        }
    }

    fn get(&self, key: &str) -> Option<&Node<'d>> {
        self.place(key).map(|place| &self.list[place].1)
    }
}

/// Objects are equal whatever the order of their members, as in `serde_json`.
impl PartialEq for Members<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.list.len() == other.list.len()
            && self.list.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

/// By value, wherever they stand.
impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl From<&str> for Node<'_> {
    fn from(value: &str) -> Self {
        Node::from(value.to_owned())
    }
}

impl From<String> for Node<'_> {
    fn from(value: String) -> Self {
        Node::made(Kind::String(Cow::Owned(value)))
    }
}

impl From<bool> for Node<'_> {
    fn from(value: bool) -> Self {
        Node::made(Kind::Bool(value))
    }
}

impl From<i64> for Node<'_> {
    fn from(value: i64) -> Self {
        Node::made(Kind::Number(value.into()))
    }
}

impl From<f64> for Node<'_> {
    fn from(value: f64) -> Self {
        Node::made(Number::from_f64(value).map_or(Kind::Null, Kind::Number))
    }
}

impl<'d> From<Vec<Node<'d>>> for Node<'d> {
    fn from(value: Vec<Node<'d>>) -> Self {
        Node::made(Kind::Array(value))
    }
}

impl<'d> Queryable for Node<'d> {
    fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(members) => members.get(key),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<&Vec<Self>> {
        match &self.kind {
            Kind::Array(list) => Some(list),
            _ => None,
        }
    }

    fn as_object(&self) -> Option<Vec<(&str, &Self)>> {
        match &self.kind {
            Kind::Object(members) => {
                Some(members.list.iter().map(|(key, value)| (key.as_str(), value)).collect())
            }
            _ => None,
        }
    }

    fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(value) => Some(value),
            _ => None,
        }
    }

    fn as_i64(&self) -> Option<i64> {
        match &self.kind {
            Kind::Number(value) => value.as_i64(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match &self.kind {
            Kind::Number(value) => value.as_f64(),
            _ => None,
        }
    }

    fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn null() -> Self {
        Node::default()
    }

    fn extension_custom(name: &str, args: Vec<Cow<'_, Self>>) -> Self {
        let args = args.iter().map(|arg| Cow::Owned(arg.value())).collect();
        Value::extension_custom(name, args).as_bool().map_or_else(Node::default, Node::from)
    }
}
