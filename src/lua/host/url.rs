//! URLs as scripts write them: joined with the base URL, `{name}` filled, parsed once.
//!
//! A literal in a script is the same text at every call, so its parsed form and its name in the
//! report are kept per worker, up to [`KEPT`] of them.

use std::cell::RefCell;
use std::rc::Rc;

use percent_encoding::utf8_percent_encode;
use rustc_hash::FxHashMap;
use url::Url;

use super::encode::COMPONENT;
use crate::http::{Request, name};

/// Most texts that are kept; when there are more, scripts build URLs by hand, and all are dropped.
const KEPT: usize = 1024;

/// A URL as written in a script.
pub struct Template {
    /// Absolute; may have `{name}` in it.
    text: String,
    /// If the first of these is behind the host: what stands before the path, parsed, and how long
    /// it is in the text.
    origin: Option<(Url, usize)>,
    /// Parsed, unless there is something to fill.
    whole: Option<Rc<Url>>,
    /// What the report calls it, unless the call says otherwise.
    pub name: Rc<str>,
    /// The last request without options; the next one is the same.
    pub plain: RefCell<Option<Rc<Request>>>,
}

impl Template {
    /// Joins with the base URL and parses. The error is the message for the author.
    fn parse(written: &str, base: Option<&Url>) -> Result<Template, String> {
        let text = joined(written, base)?;
        let whole = match text.contains('{') {
            true => None,
            false => Some(Rc::new(parsed(&text, written)?)),
        };
        let origin = if whole.is_none() { origin(&text) } else { None };
        let name = name::template(written, base).as_ref().into();
        Ok(Template { text, origin, whole, name, plain: RefCell::default() })
    }

    /// The URL with every `{name}` filled from `path`, which must have exactly those names.
    pub fn fill(&self, path: &[(String, String)]) -> Result<Rc<Url>, String> {
        if let (Some(whole), []) = (&self.whole, path) {
            return Ok(whole.clone());
        }
        let (mut text, mut used) = (String::with_capacity(self.text.len() + 16), 0);
        let mut rest = self.text.as_str();
        while let Some((before, name, after)) = placeholder(rest) {
            let value = path.iter().find(|(key, _)| key == name).map(|(_, value)| value);
            let value = value.ok_or_else(|| {
                format!(
                    "the URL `{}` has no value for {{{name}}}; give it as path = {{ {name} = … }}",
                    self.text
                )
            })?;
            text.push_str(before);
            text.extend(utf8_percent_encode(value, COMPONENT));
            (rest, used) = (after, used + 1);
        }
        text.push_str(rest);
        if used < path.len() {
            self.all_used(path)?;
        }
        self.parsed(&text).map(Rc::new)
    }

    /// A text that was filled. What stands before the path is known and need not be read again,
    /// unless the path begins as if it named another host.
    fn parsed(&self, text: &str) -> Result<Url, String> {
        let path = self.origin.as_ref().map(|(origin, length)| (origin, &text[*length..]));
        match path.map(|(origin, path)| (origin, path, path.as_bytes())) {
            None | Some((_, _, [_, 0..=b' ' | b'/' | b'\\', ..])) => parsed(text, &self.text),
            Some((origin, path, _)) => {
                origin.join(path).map_err(|error| invalid(&self.text, error))
            }
        }
    }

    fn all_used(&self, path: &[(String, String)]) -> Result<(), String> {
        match path.iter().find(|(name, _)| !self.text.contains(&format!("{{{name}}}"))) {
            Some((name, _)) => Err(format!(
                "path gives a value for `{name}`, but the URL `{}` has no {{{name}}}",
                self.text
            )),
            None => Ok(()),
        }
    }
}

/// What stands before the path, parsed, and its length, if there is nothing to fill in it.
fn origin(text: &str) -> Option<(Url, usize)> {
    let host = text.find("://")? + 3;
    let length = host + text[host..].find(['/', '?', '#', '\\', '{'])?;
    let origin = &text[..length];
    text[length..].starts_with('/').then(|| parsed(origin, text).ok().map(|url| (url, length)))?
}

/// The text before the first `{name}`, the name, and the text after it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

fn joined(written: &str, base: Option<&Url>) -> Result<String, String> {
    match base {
        _ if !written.starts_with('/') => Ok(written.to_owned()),
        Some(base) => Ok(format!("{}{written}", base.as_str().trim_end_matches('/'))),
        None => Err(format!(
            "the URL `{written}` is relative, and there is no base URL: set base_url in the \
             definition, or pass --base-url URL"
        )),
    }
}

/// A URL without anything to fill, joined with the base URL.
pub fn absolute(written: &str, base: Option<&Url>) -> Result<Url, String> {
    parsed(&joined(written, base)?, written)
}

fn parsed(text: &str, written: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            Err(format!("the URL `{written}` begins neither with / nor with http:// or https://"))
        }
        Ok(url) => Err(format!(
            "the URL `{written}` has the scheme {}, but only http and https can be sent",
            url.scheme()
        )),
        Err(error) => Err(invalid(written, error)),
    }
}

fn invalid(written: &str, error: url::ParseError) -> String {
    format!("the URL `{written}` is not valid: {error}")
}

/// The templates of one worker.
#[derive(Default)]
pub struct Templates(RefCell<FxHashMap<Box<str>, Rc<Template>>>);

impl Templates {
    /// The template of a text; `base` is the same at every call. About 30 ns when known.
    pub fn of(&self, written: &str, base: Option<&Url>) -> Result<Rc<Template>, String> {
        if let Some(known) = self.0.borrow().get(written) {
            return Ok(known.clone());
        }
        let template = Rc::new(Template::parse(written, base)?);
        let mut all = self.0.borrow_mut();
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(written.into(), template.clone());
        Ok(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(written: &str, base: Option<&str>, path: &[(&str, &str)]) -> Result<String, String> {
        let base = base.map(|base| Url::parse(base).unwrap());
        let path: Vec<_> = path.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        Ok(Template::parse(written, base.as_ref())?.fill(&path)?.to_string())
    }

    #[test]
    fn relative_urls_are_appended_to_the_base() {
        let base = Some("http://h:1/api/");
        assert_eq!(filled("/x?y=1", base, &[]).unwrap(), "http://h:1/api/x?y=1");
        assert_eq!(filled("/", Some("http://h"), &[]).unwrap(), "http://h/");
        assert_eq!(filled("https://o/x", base, &[]).unwrap(), "https://o/x");
    }

    #[test]
    fn placeholders_are_filled_and_encoded() {
        let path = [("id", "a/b c"), ("n", "7")];
        let url = filled("/cart/{id}/items/{n}", Some("http://h"), &path).unwrap();
        assert_eq!(url, "http://h/cart/a%2Fb%20c/items/7");
    }

    #[test]
    fn what_is_filled_is_parsed_as_a_whole_url_is() {
        let values = ["", "7", "..", "a/b?c#d", "ä €", "//x", "\\", "%2e%2e"];
        for base in ["http://h", "https://user:pw@H.example:8443/api/../v1", "http://[::1]:80"] {
            for written in
                ["/a/{x}", "/{x}", "/../{x}/./b", "/a?q={x}#{x}", "/\t/a/{x}", "//{x}", "/{x}/b"]
            {
                for value in values {
                    let text = joined(written, Some(&Url::parse(base).unwrap())).unwrap();
                    let filling = utf8_percent_encode(value, COMPONENT).to_string();
                    let whole = Url::parse(&text.replace("{x}", &filling)).unwrap();
                    assert_eq!(
                        filled(written, Some(base), &[("x", value)]).unwrap(),
                        whole.as_str()
                    );
                }
            }
        }
        assert_eq!(filled("http://{x}/a", None, &[("x", "h")]).unwrap(), "http://h/a");
        assert_eq!(filled("http://h:80{x}", None, &[("x", "80")]).unwrap(), "http://h:8080/");
    }

    #[test]
    fn mistakes_are_told() {
        let cases = [
            ("/x", None, "the URL `/x` is relative, and there is no base URL"),
            ("x/y", Some("http://h"), "the URL `x/y` begins neither with /"),
            ("ftp://h/", None, "the URL `ftp://h/` has the scheme ftp"),
            ("http://:0/", None, "the URL `http://:0/` is not valid: empty host"),
            ("/a/{id}", Some("http://h"), "the URL `http://h/a/{id}` has no value for {id}"),
        ];
        for (written, base, message) in cases {
            let fault = filled(written, base, &[]).unwrap_err();
            assert!(fault.starts_with(message), "{fault}");
        }
        let fault = filled("/a/{id}", Some("http://h"), &[("id", "1"), ("ib", "2")]).unwrap_err();
        assert!(fault.starts_with("path gives a value for `ib`"), "{fault}");
    }

    #[test]
    fn a_text_is_parsed_once_and_the_number_of_texts_is_bounded() {
        let templates = Templates::default();
        let first = templates.of("http://h/0", None).unwrap();
        assert!(Rc::ptr_eq(&first, &templates.of("http://h/0", None).unwrap()));
        for n in 0..3 * KEPT {
            templates.of(&format!("http://h/{n}"), None).unwrap();
        }
        assert!(templates.0.borrow().len() <= KEPT);
    }
}
