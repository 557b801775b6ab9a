//! Requests that cannot be sent because nothing says where to: a literal URL that begins with `/`,
//! in a script without a base URL. It is found in the script's text, before anything runs, where the
//! function is `lt.http.get` or, after `http = lt.http`, `http.get`; what is put together from
//! variables, or asked for by a module, is not.

use crate::diagnostic::Diagnostic;
use crate::run::prepare::Prepared;
use crate::run::script_text::tokens::{Kind, Token, tokens};

/// Functions of `lt.http` whose first argument is a URL.
const METHODS: [&str; 7] = ["get", "head", "options", "delete", "post", "put", "patch"];

/// The first such request of a script that needs a base URL and has none.
pub fn without_base(prepared: &Prepared) -> Option<Diagnostic> {
    if prepared.plan.base_urls().next().is_some() {
        return None;
    }
    let text = prepared.program.text();
    let line = 1 + text[..first_relative(text)?].matches('\n').count();
    let mut fault = Diagnostic::new(
        "this URL begins with `/`, and there is no base URL to join it with: the call will fail",
    )
    .at(prepared.program.path(), u32::try_from(line).ok())
    .hint("give --base-url URL, or base_url in the definition");
    fault.source = text.lines().nth(line - 1).map(str::to_owned);
    Some(fault)
}

/// Where the first URL that begins with `/` stands, as an offset.
fn first_relative(text: &str) -> Option<usize> {
    let code: Vec<Token> =
        tokens(text).into_iter().filter(|token| token.kind != Kind::Comment).collect();
    let word = |at: usize| code.get(at).map_or("", |token| &text[token.range.clone()]);
    let is = |at: usize, words: &[&str]| (at..).zip(words).all(|(at, given)| word(at) == *given);
    let has_name = (0..code.len()).any(|at| is(at, &["http", "=", "lt", ".", "http"]));
    let url_of = |at: usize| {
        let full = at >= 2 && is(at - 2, &["lt", "."]);
        let alone = has_name && (at == 0 || !is(at - 1, &["."]));
        let called = is(at, &["http", "."]) && (full || alone);
        let given = if word(at + 3) == "(" { at + 4 } else { at + 3 };
        match word(at + 2) {
            "request" if called => Some(given + 2), // behind the method and a comma
            method if called && METHODS.contains(&method) => Some(given),
            _ => None,
        }
    };
    let relative = |at: &usize| {
        let is_text = code.get(*at).is_some_and(|token| token.kind == Kind::Literal);
        is_text && word(*at).trim_start_matches(['"', '\'', '[', '=']).starts_with('/')
    };
    (0..code.len()).filter_map(url_of).find(relative).map(|at| code[at].range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_url_is_found_where_it_is_a_literal() {
        for (text, found) in [
            ("lt.http.get '/a'", Some("'/a'")),
            ("local http = lt.http local r = http.post(\"/login\", {})", Some("\"/login\"")),
            ("local http = lt.http http.request('GET', '/x')", Some("'/x'")),
            ("lt.http.get [[/long]]", Some("[[/long]]")),
            ("lt.http.get(\"http://shop.test/\") -- lt.http.get '/a'", None),
            ("lt.http.get(base .. '/a')", None),
            ("lt.http.cookies:get('/', 'a')", None),
            ("router.get '/a'", None),
            ("local http = require 'mine' http.get '/a'", None),
            ("local http = lt.http mine.http.get '/a'", None),
        ] {
            let rest = first_relative(text).map(|at| &text[at..]);
            assert_eq!(rest.is_some(), found.is_some(), "{text}");
            assert!(rest.zip(found).is_none_or(|(rest, found)| rest.starts_with(found)), "{text}");
        }
    }
}
