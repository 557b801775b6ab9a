//! Lua, cut into tokens. A text that is no Lua has tokens too.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Name,
    Keyword,
    /// In quotes or long brackets, these included.
    Literal,
    Number,
    Comment,
    /// A bracket, an operator, a separator.
    Sign,
}

/// Where it stands.
#[derive(Debug, Clone)]
pub struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

const KEYWORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

const SIGNS: [&str; 9] = ["...", "==", "~=", "<=", ">=", "..", "::", "//", ">>"];

/// All of a text, in order; blanks are between them.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) = token(&text[at..], first);
        tokens.push(Token { kind, range: at..at + length });
        at += length;
    }
    tokens
}

/// The token that a text begins with, and how long it is.
fn token(rest: &str, first: char) -> (Kind, usize) {
    if let Some(remark) = rest.strip_prefix("--") {
        let line = || remark.find('\n').unwrap_or(remark.len());
        return (Kind::Comment, 2 + long(remark).unwrap_or_else(line));
    }
    if let Some(length) = long(rest) {
        return (Kind::Literal, length);
    }
    let run = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
    match first {
        '"' | '\'' => (Kind::Literal, quoted(rest, first)),
        '0'..='9' => (Kind::Number, run(|c| c.is_ascii_alphanumeric() || c == '.')),
        'A'..='Z' | 'a'..='z' | '_' => {
            let length = run(|c| c.is_ascii_alphanumeric() || c == '_');
            let is_keyword = KEYWORDS.contains(&&rest[..length]);
            (if is_keyword { Kind::Keyword } else { Kind::Name }, length)
        }
        _ => {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            (Kind::Sign, sign.map_or(first.len_utf8(), |sign| sign.len()))
        }
    }
}

/// The length of `[==[ … ]==]`, if it begins here; one that is not closed goes to the end.
fn long(rest: &str) -> Option<usize> {
    let level = rest.strip_prefix('[')?.find(|c| c != '=')?;
    rest[1 + level..].starts_with('[').then_some(())?;
    let close = format!("]{}]", "=".repeat(level));
    Some(rest.find(&close).map_or(rest.len(), |at| at + close.len()))
}

/// The length of a literal in quotes; one that is not closed ends with its line.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return at,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
