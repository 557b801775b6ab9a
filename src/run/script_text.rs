//! A script as it may be told: where a name says that something is secret, the literals that it is
//! given are struck out.
//!
//! [`Redactor::source`] knows fields, queries, URLs and what looks like a key; here is what has to
//! be read as Lua: values that are put together (`"a" .. "b"`, `lt.env.X or "a"`), several at once
//! (`local user, password = "ada", "a"`), arguments of a function whose parameter is called so, keys
//! of `lt.jwt` and `lt.crypto`, and comments. What is given to other functions stays: `"$.token"`
//! of `token = r:json "$.token"` is no secret. It errs on the side of striking out too much.

pub(super) mod tokens;

use std::collections::BTreeMap;

use regex::{Captures, Regex};

use self::tokens::{Kind, Token, tokens};
use crate::http::redact::Redactor;
use crate::secrets::STRUCK;

/// What variables and parameters are called that hold a secret, in part.
const NAMES: [&str; 8] =
    ["pass", "pwd", "secret", "api_key", "apikey", "private_key", "credential", "token"];

/// Functions that give back what they are given, in another form.
const OPEN: [&str; 6] = ["encode", "string", "format", "tostring", "base64", "rep"];

/// Functions that are given a key.
const KEYED: [&str; 4] = ["jwt.sign", "jwt.decode", "crypto.hmac", "jwt.verify"];

/// Names of algorithms and forms are no keys.
const PUBLIC: &str = r#"^["'](?i:md5|sha\d+|[hrpe]s\d+|eddsa|hex|base64(url)?|raw)["']$"#;

/// `password: x` and `password = x` in a comment.
const REMARK: &str = r#"([A-Za-z_][A-Za-z0-9_-]*)(\s*[:=]\s*)([^\s"'`,;]+)"#;

/// A key in base64: long, with letters of both cases, digits and slashes, and no path.
const SLASHED: &str = r#"^["'][A-Za-z0-9+][A-Za-z0-9+/]{19,}={0,2}["']$"#;

/// A script's text without its secrets.
pub fn told(redactor: &Redactor, text: &str) -> String {
    let all = tokens(text);
    let code: Vec<Token> = all.iter().filter(|one| one.kind != Kind::Comment).cloned().collect();
    let mut reader = Reader { redactor, text, struck: vec![false; code.len()], code };
    reader.assignments();
    reader.calls();
    reader.keys();
    let struck = |token: &Token| {
        let at = reader.code.binary_search_by_key(&token.range.start, |one| one.range.start);
        at.is_ok_and(|at| reader.struck[at])
    };
    let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
    for token in &all {
        shown.push_str(&text[from..token.range.start]);
        from = token.range.end;
        match &text[token.range.clone()] {
            remark if token.kind == Kind::Comment => shown.push_str(&reader.remark(remark)),
            _ if struck(token) => shown.extend(["\"", STRUCK, "\""]),
            other => shown.push_str(other),
        }
    }
    redactor.source(&(shown + &text[from..]))
}

struct Reader<'t> {
    redactor: &'t Redactor,
    text: &'t str,
    /// All but comments.
    code: Vec<Token>,
    /// Which of them are not to be told.
    struck: Vec<bool>,
}

impl Reader<'_> {
    /// What a name that is secret is given: `a.password = …`, `["x-api-key"] = …`.
    fn assignments(&mut self) {
        for at in 0..self.code.len() {
            if self.word(at) == "=" {
                let names = self.targets(at);
                let mut secret: Vec<bool> = names.iter().map(|name| self.is_secret(name)).collect();
                // Of a table, where only the last one is a name.
                let last = secret.last() == Some(&true);
                secret.iter_mut().take(1).for_each(|first| *first |= last);
                self.expressions(at + 1, &secret);
            }
        }
    }

    /// What a parameter that is called like a secret is given.
    fn calls(&mut self) {
        let functions = self.functions();
        for at in 1..self.code.len() {
            let name = self.word(at - 1).to_owned();
            let is_call = self.word(at) == "(" && self.word(at.wrapping_sub(2)) != "function";
            if let Some(secret) = functions.get(&name).filter(|_| is_call) {
                self.expressions(at + 1, secret);
            }
        }
    }

    /// Keys of known functions, and whatever is a key by its looks.
    fn keys(&mut self) {
        let (public, slashed) = (pattern(PUBLIC), pattern(SLASHED));
        for at in 0..self.code.len() {
            let callee = if self.word(at) == "(" { self.callee(at) } else { None };
            if callee.is_some_and(|name| KEYED.iter().any(|keyed| name.ends_with(keyed))) {
                self.expressions(at + 1, &[true; 8]);
            }
            let word = self.word(at).to_owned();
            if self.kind(at) == Some(Kind::Literal) {
                let is_key = word.contains("PRIVATE KEY-----")
                    || slashed.is_match(&word)
                        && word.contains('/')
                        && [char::is_uppercase, char::is_lowercase, char::is_numeric]
                            .iter()
                            .all(|is| word.contains(is));
                self.struck[at] = is_key || self.struck[at] && !public.is_match(&word);
            }
        }
    }

    fn remark(&self, text: &str) -> String {
        let told = |found: &Captures<'_>| match self.is_secret(&found[1]) {
            true => format!("{}{}{STRUCK}", &found[1], &found[2]),
            false => found[0].to_owned(),
        };
        pattern(REMARK).replace_all(text, told).into_owned()
    }

    /// Which parameters of functions are secret, by the functions' last names.
    fn functions(&self) -> BTreeMap<String, Vec<bool>> {
        let mut functions = BTreeMap::new();
        for at in (0..self.code.len()).filter(|&at| self.word(at) == "function") {
            let open = (at..self.code.len()).find(|&at| self.word(at) == "(");
            let Some(open) = open else { continue };
            let name = match open - at {
                1 if self.word(at.wrapping_sub(1)) == "=" => self.word(at.wrapping_sub(2)),
                1 => continue,
                _ => self.word(open - 1),
            };
            let parameters = (open + 1..self.code.len()).take_while(|&at| self.word(at) != ")");
            let parameters = parameters.filter(|&at| self.kind(at) == Some(Kind::Name));
            let secret: Vec<bool> = parameters.map(|at| self.is_secret(self.word(at))).collect();
            if secret.contains(&true) {
                functions.insert(name.to_owned(), secret);
            }
        }
        functions
    }

    /// Strikes out the literals of those expressions of a list that are secret.
    fn expressions(&mut self, from: usize, secret: &[bool]) {
        let last = secret.iter().rposition(|secret| *secret);
        let mut place = 0;
        // Of each bracket that is open, whether what is in it becomes part of the value.
        let mut open = Vec::new();
        for at in from..self.code.len() {
            if Some(place) > last {
                return; // also where none is
            }
            let shows = open.last().copied().unwrap_or(true);
            match self.word(at) {
                "[" => open.push(false),
                "(" | "{" => open.push(shows && self.is_value(at)),
                ")" | "}" | "]" if open.pop().is_none() => return,
                "," if open.is_empty() => place += 1,
                ";" if open.is_empty() => return,
                "function" => return,
                _ if open.is_empty() && at > from && self.begins_statement(at) => return,
                _ if self.kind(at) == Some(Kind::Literal) => {
                    self.struck[at] |= shows && secret[place] && self.is_value(at);
                }
                _ => {}
            }
        }
    }

    /// Whether a literal or a bracket is no argument, or one that shows in what comes of it.
    fn is_value(&self, at: usize) -> bool {
        self.callee(at).is_none_or(|name| {
            KEYED.iter().any(|keyed| name.ends_with(keyed))
                || name.split('.').any(|part| OPEN.contains(&part))
        })
    }

    /// The function that a literal or a bracket is an argument of: `lt.encode.base64`.
    fn callee(&self, at: usize) -> Option<String> {
        let mut at = at.checked_sub(1)?;
        match (self.kind(at)?, self.word(at)) {
            (Kind::Name, _) => {}
            (Kind::Sign, ")" | "]") => return Some(String::new()),
            _ => return None,
        }
        let mut name = self.word(at).to_owned();
        while at >= 2 && [".", ":"].contains(&self.word(at - 1)) {
            at -= 2;
            name = format!("{}.{name}", self.word(at));
        }
        Some(name)
    }

    /// The names before this `=`, as far as they are one list.
    fn targets(&self, equals: usize) -> Vec<String> {
        let (mut at, mut names) = (equals, Vec::new());
        loop {
            if at >= 3 && self.word(at - 1) == ">" && self.word(at - 3) == "<" {
                at -= 3; // <const>
            }
            let before = |many: usize| at.checked_sub(many).map_or("", |at| self.word(at));
            let is_key = before(1) == "]" && before(3) == "[";
            let name = if is_key { before(2) } else { before(1) };
            let Some(next) = at.checked_sub(if is_key { 3 } else { 1 }) else { break };
            names.push(name.to_owned());
            at = next;
            while at >= 1 && (self.word(at - 1) == "." || self.follows_name(at)) {
                at -= if self.word(at - 1) == "." { 2.min(at) } else { 1 };
            }
            if at == 0 || self.word(at - 1) != "," {
                break;
            }
            at -= 1;
        }
        names.reverse();
        names
    }

    /// Whether this `[` is an index of the name before it.
    fn follows_name(&self, at: usize) -> bool {
        self.word(at) == "[" && self.kind(at - 1) == Some(Kind::Name)
    }

    fn begins_statement(&self, at: usize) -> bool {
        let (here, before) = (self.word(at), at.wrapping_sub(1));
        let is_value = match (self.kind(before), self.word(before)) {
            (Some(Kind::Name | Kind::Literal | Kind::Number), _) => true,
            (_, word) => [")", "]", "}", "nil", "true", "false", "end"].contains(&word),
        };
        match self.kind(at) {
            Some(Kind::Keyword) => !["and", "or", "not", "nil", "true", "false"].contains(&here),
            Some(Kind::Name) => is_value,
            _ => false,
        }
    }

    fn is_secret(&self, name: &str) -> bool {
        let name = name.trim_matches(['"', '\'']).to_lowercase();
        self.redactor.is_secret(&name) || NAMES.iter().any(|part| name.contains(part))
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.code.get(at).map(|token| token.kind)
    }

    /// A token's text; nothing where there is none.
    fn word(&self, at: usize) -> &str {
        self.code.get(at).map_or("", |token| &self.text[token.range.clone()])
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

#[cfg(test)]
mod tests;
