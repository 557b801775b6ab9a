//! Extraction from HTML and XML.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Lua, Value};

use super::extract::{Args, Extract, Found, Source, fault, found};
use super::read;
use super::told::needs;
use crate::extract::xpath::{Answer, Prefix, Refusal};
use crate::extract::{Page, Part, XPath};
use crate::lua::value::Json;

/// The page that was read last: several extractions from one response read it once.
#[derive(Default)]
pub(super) struct Pages(RefCell<Option<Last>>);

struct Last {
    text: Box<[u8]>,
    page: Rc<Page>,
}

/// Longest text whose page is kept; a worker keeps one, of ten times that.
const KEPT: usize = 1 << 20;

impl Pages {
    /// The tree of a text. The error: it is too deep, or too much work.
    pub(super) fn of(&self, text: &[u8]) -> Result<Rc<Page>, String> {
        if let Some(last) = &*self.0.borrow()
            && *last.text == *text
        {
            return Ok(last.page.clone());
        }
        self.0.take();
        let page = Rc::new(Page::parse(text)?);
        if text.len() <= KEPT {
            *self.0.borrow_mut() = Some(Last { text: text.into(), page: page.clone() });
        }
        Ok(page)
    }
}

impl Extract {
    pub(super) fn css(
        &self,
        lua: &Lua,
        s: &Source<'_>,
        [css, of, _]: &Args,
    ) -> mlua::Result<Found> {
        let (css, attribute) = match self.compiled.css(css).and_then(|css| Ok((css, name(of)?))) {
            Ok(what) => what,
            Err(message) => return Ok(fault(message)),
        };
        let page = self.pages.of(s.body());
        let first = page.and_then(|page| page.first(&css, part(attribute.as_deref())));
        Ok(match first {
            Ok(Some(text)) => found(Value::String(lua.create_string(text)?)),
            Ok(None) => {
                let with = attribute.map_or(String::new(), |name| format!(" with `{name}`"));
                self.missing(s, &format!("no match of `{}`{with}", css.as_str()))
            }
            Err(why) => self.missing(s, &format!("no match of `{}`: {why}", css.as_str())),
        })
    }

    pub(super) fn css_all(
        &self,
        lua: &Lua,
        s: &Source<'_>,
        [css, of, _]: &Args,
    ) -> mlua::Result<Found> {
        let (css, attribute) = match self.compiled.css(css).and_then(|css| Ok((css, name(of)?))) {
            Ok(what) => what,
            Err(message) => return Ok(fault(message)),
        };
        let page = self.pages.of(s.body());
        match page.and_then(|page| page.all(&css, part(attribute.as_deref()))) {
            Ok(texts) => Ok(found(list(lua, &self.json, texts)?)),
            Err(why) => {
                let what = format!("no match of `{}`: {why}", css.as_str());
                self.none(lua, s, &what)
            }
        }
    }

    pub(super) fn xpath(
        &self,
        lua: &Lua,
        s: &Source<'_>,
        [path, prefixes, _]: &Args,
    ) -> mlua::Result<Found> {
        let (path, answer) = match self.evaluate(s, path, prefixes, 1) {
            Ok(answer) => answer,
            Err(message) => return Ok(fault(message)),
        };
        Ok(match answer {
            Ok(Answer::Nodes(nodes)) => match nodes.first() {
                Some(text) => found(Value::String(lua.create_string(text)?)),
                None => self.missing(s, &format!("nothing at {}{}", path.as_str(), why_empty(s))),
            },
            Ok(answer) => found(scalar(lua, answer)?),
            Err(why) => self.missing(s, &unread(s, &path, &why)),
        })
    }

    pub(super) fn xpath_all(
        &self,
        lua: &Lua,
        s: &Source<'_>,
        [path, prefixes, _]: &Args,
    ) -> mlua::Result<Found> {
        let (path, answer) = match self.evaluate(s, path, prefixes, usize::MAX) {
            Ok(answer) => answer,
            Err(message) => return Ok(fault(message)),
        };
        match answer {
            Ok(Answer::Nodes(nodes)) => Ok(found(list(lua, &self.json, nodes)?)),
            Ok(answer) => {
                let list = lua.create_sequence_from([scalar(lua, answer)?])?;
                self.json.mark(&list)?;
                Ok(found(Value::Table(list)))
            }
            Err(why) => self.none(lua, s, &unread(s, &path, &why)),
        }
    }

    /// The outer error is the author's mistake, the inner one the document's.
    fn evaluate(
        &self,
        s: &Source<'_>,
        path: &Value,
        prefixes: &Value,
        most: usize,
    ) -> Result<(Rc<XPath>, Result<Answer, String>), String> {
        let path = self.compiled.xpath(path)?;
        let prefixes: Vec<Prefix> = match prefixes {
            Value::Nil => Vec::new(),
            given => read::pairs("the prefixes of an XPath", given)?,
        };
        match path.evaluate(s.body(), &prefixes, most) {
            Ok(answer) => Ok((path, Ok(answer))),
            Err(Refusal::Document(why)) => Ok((path, Err(why))),
            Err(Refusal::Expression(message)) => Err(message),
        }
    }

    /// An empty list, and why.
    fn none(&self, lua: &Lua, s: &Source<'_>, what: &str) -> mlua::Result<Found> {
        let (_, _, why) = self.missing(s, what);
        Ok((None, list(lua, &self.json, Vec::new())?, why))
    }
}

/// An attribute's name, or nil.
fn name(of: &Value) -> Result<Option<String>, String> {
    match of {
        Value::Nil => Ok(None),
        Value::String(name) => Ok(Some(name.to_string_lossy())),
        other => Err(needs("css", "the name of an attribute, or nothing for the text", other)),
    }
}

fn part(attribute: Option<&str>) -> Part<'_> {
    attribute.map_or(Part::Text, Part::Attribute)
}

fn list(lua: &Lua, json: &Json, texts: Vec<String>) -> mlua::Result<Value> {
    let texts = texts.into_iter().map(|text| lua.create_string(text));
    let list = lua.create_sequence_from(texts.collect::<mlua::Result<Vec<_>>>()?)?;
    json.mark(&list)?;
    Ok(Value::Table(list))
}

/// A body that is empty is said to be so by whoever tells of it.
fn unread(s: &Source<'_>, path: &XPath, why: &str) -> String {
    match s.body().is_empty() {
        true => format!("nothing at {}", path.as_str()),
        false => format!("nothing at {}: {why}", path.as_str()),
    }
}

/// What is no node; whole numbers are Lua's integers.
fn scalar(lua: &Lua, answer: Answer) -> mlua::Result<Value> {
    Ok(match answer {
        Answer::Boolean(flag) => Value::Boolean(flag),
        #[expect(clippy::cast_possible_truncation, reason = "whole, and exact as a float")]
        Answer::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Value::Integer(number as i64)
        }
        Answer::Number(number) => Value::Number(number),
        Answer::Text(text) => Value::String(lua.create_string(text)?),
        Answer::Nodes(_) => Value::Nil,
    })
}

/// The usual reason why a path that looks right finds nothing.
fn why_empty(s: &Source<'_>) -> &'static str {
    match memchr::memmem::find(s.body(), b"xmlns=").is_some() {
        true => {
            " (the document has a default namespace: its elements need a prefix, as in \
             xpath(\"//x:item\", { x = \"urn:…\" }))"
        }
        false => "",
    }
}
