//! Error messages with what varies folded away, so that a thousand timeouts are one kind of error.
//!
//! `user 17 not found` and `user 18 not found` both become `user # not found`; UUIDs, hashes and
//! other long tokens become `<id>`, and so do quoted ids, long or short. A line of a script
//! (`shop.lua:12:`) is no accident of the data and stays.

/// More of a message than this says nothing about its kind.
const LONGEST: usize = 300;
/// A quoted text is an id only up to this.
const LONGEST_QUOTED: usize = 64;
/// Hexadecimal digits in a row that are an id rather than a word.
const SHORTEST_HEX: usize = 8;
/// Letters and digits mixed that are a token rather than a name.
const SHORTEST_TOKEN: usize = 16;

/// Writes `message` into `folded`, which is emptied first. About a nanosecond a byte.
pub(super) fn fold(message: &str, folded: &mut String) {
    folded.clear();
    let mut rest = cut(message, LONGEST);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => fold_quoted(rest, first, folded),
            _ if is_word(first) => fold_word(rest, folded),
            _ => {
                folded.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
}

/// The start of `text`, at most `most` bytes of whole characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let boundary = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..boundary.unwrap_or(0)]
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// Folds the quote that `rest` begins with if an id is in it; else writes the quote sign alone.
fn fold_quoted(rest: &str, quote: char, folded: &mut String) -> usize {
    let opens = !folded.ends_with(|c: char| c.is_ascii_alphanumeric());
    folded.push(quote);
    let inside = &rest[1..];
    let Some(end) = cut(inside, LONGEST_QUOTED).find(quote) else { return 1 };
    let id = |c: char| is_word(c) || c == '.' || c == ':';
    if !opens || !inside[..end].chars().all(id) || !has_digit(&inside[..end]) {
        return 1;
    }
    folded.push_str("<id>");
    folded.push(quote);
    end + 2
}

/// Folds the word that `rest` begins with; its length.
fn fold_word(rest: &str, folded: &mut String) -> usize {
    let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let word = &rest[..length];
    let is_line = folded.ends_with(".lua:") && word.bytes().all(|b| b.is_ascii_digit());
    if is_line || !has_digit(word) {
        folded.push_str(word);
    } else if is_id(word) {
        folded.push_str("<id>");
    } else {
        fold_digits(word, folded);
    }
    length
}

/// Whether a word with a digit in it is a UUID, a hash or a random token.
fn is_id(word: &str) -> bool {
    let hex = word.strip_prefix("0x").unwrap_or(word);
    let has_letter = hex.bytes().any(|b| b.is_ascii_alphabetic());
    let is_hex = hex.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let is_token = !word.contains('-') && !word.contains('_');
    let is_uuid = hex.len() == 36 && hex.bytes().filter(|&b| b == b'-').count() == 4;
    let is_hash = has_letter && hex.len() >= SHORTEST_HEX;
    (is_hex && (is_uuid || is_hash))
        || word.len() > hex.len()
        || (is_token && has_letter && word.len() >= SHORTEST_TOKEN)
}

/// Each run of digits as one `#`.
fn fold_digits(word: &str, folded: &mut String) {
    let mut in_digits = false;
    for c in word.chars() {
        let digit = c.is_ascii_digit();
        if !digit {
            folded.push(c);
        } else if !in_digits {
            folded.push('#');
        }
        in_digits = digit;
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(message: &str) -> String {
        let mut folded = String::from("left over");
        fold(message, &mut folded);
        folded
    }

    #[test]
    fn what_varies_is_folded_and_the_rest_stays() {
        for (message, expected) in [
            ("", ""),
            ("connection refused", "connection refused"),
            ("user 17 not found", "user # not found"),
            ("10.0.0.1:8080 timed out after 30000 ms", "#.#.#.#:# timed out after # ms"),
            ("order 3f2504e0-4f89-11d3-9a0c-0305e82c3301 gone", "order <id> gone"),
            ("commit deadbeef12 is not 0x7ffe", "commit <id> is not <id>"),
            ("token eyJhbGciOiJIUzI1NiJ9 expired", "token <id> expired"),
            ("no product \"a17\" and no 'b-2'", "no product \"<id>\" and no '<id>'"),
            ("expected \"ok\", got \"no\"", "expected \"ok\", got \"no\""),
            ("can't read item5's name", "can't read item#'s name"),
            ("step-2 failed", "step-# failed"),
            ("shop.lua:12: item 7 is nil", "shop.lua:12: item # is nil"),
            ("naïve 9 \u{1f600}", "naïve # \u{1f600}"),
        ] {
            assert_eq!(folded(message), expected, "{message}");
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "é".repeat(1000);
        assert_eq!(folded(&long), "é".repeat(LONGEST / 2));
    }

    proptest! {
        #[test]
        fn messages_that_differ_in_numbers_alone_fold_alike(
            words in prop::collection::vec("[a-z]{1,8}", 1..6), a: u32, b: u32,
        ) {
            let with = |n: u32| format!("{} {n} {}", words.join(" "), words.concat());
            prop_assert_eq!(folded(&with(a)), folded(&with(b)));
        }

        #[test]
        fn folding_never_panics_and_leaves_no_digit(message in ".{0,400}") {
            prop_assume!(!message.contains(".lua:"));
            prop_assert!(!has_digit(&folded(&message)));
        }

        #[test]
        fn what_is_folded_folds_to_itself(message in "[a-f0-9 '\":.-]{0,60}") {
            let once = folded(&message);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
