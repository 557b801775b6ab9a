//! Whether a script sends several calls of a user at once, by `http.batch`: over HTTP/1.1 each of
//! them has a connection of its own. It is found in the script's text; what a module does is not.

use crate::run::script_text::tokens::{Kind, Token, tokens};

/// Whether `http.batch` is named, or something else's `batch` called.
pub fn are_sent(text: &str) -> bool {
    let code: Vec<Token> =
        tokens(text).into_iter().filter(|token| token.kind != Kind::Comment).collect();
    let words: Vec<&str> = code.iter().map(|token| &text[token.range.clone()]).collect();
    words.windows(3).any(|three| three == ["http", ".", "batch"])
        || words.windows(3).any(|three| matches!(three, [".", "batch", "(" | "{"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_found_where_it_is_sent() {
        for (text, sent) in [
            ("lt.http.batch { '/a', '/b' }", true),
            ("local batch = lt.http.batch", true),
            ("local h = lt.http h.batch(calls)", true),
            ("local batch = {} for i = 1, 2 do batch[i] = i end", false),
            ("-- lt.http.batch { '/a' }", false),
            ("print 'lt.http.batch { }'", false),
            ("lt.http.get('/batch')", false),
        ] {
            assert_eq!(are_sent(text), sent, "{text}");
        }
    }
}
