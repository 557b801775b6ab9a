//! Text for a terminal: made harmless, measured in columns, shortened in the middle.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// One line without anything that a terminal would act upon: line breaks and tabs become spaces,
/// other control and direction characters are spelled (`\x1b`). Borrows what is harmless already.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => safe.push(' '),
            c if !acts(c) => safe.push(c),
            c if c.is_ascii() => {
                write!(safe, "\\x{:02x}", u32::from(c))
                    .expect("a String takes all that is written");
            }
            c => write!(safe, "{}", c.escape_unicode()).expect("a String takes all"),
        }
    }
    Cow::Owned(safe)
}

/// Whether a terminal would do something else with it than show it.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || c == '\u{feff}'
}

/// The text in at most `columns` columns: what does not fit is taken out of its middle, since
/// names differ at their ends.
pub fn shorten(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let (head, tail) = (room - room / 2, room / 2);
    let mut short = prefix(text.chars(), head);
    let end = prefix(text.chars().rev(), tail);
    short.push('…');
    short.extend(end.chars().rev());
    Cow::Owned(short)
}

/// The text in at most `columns` columns, cut at its end.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut short = prefix(text.chars(), room);
    short.push('…');
    Cow::Owned(short)
}

/// As many characters as fit.
fn prefix(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect()
}

/// Lines of at most `columns` columns, broken at spaces where there are any.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word.to_owned();
        loop {
            let line = lines.last_mut().expect("there is always a line");
            let gap = usize::from(!line.is_empty());
            if width(line) + gap + width(&word) <= columns {
                if gap > 0 {
                    line.push(' ');
                }
                line.push_str(&word);
                break;
            }
            if line.is_empty() {
                let head = prefix(word.chars(), columns.max(2));
                word.drain(..head.len());
                line.push_str(&head);
            }
            lines.push(String::new());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_direction_marks_are_spelled_and_line_breaks_are_spaces() {
        for (text, safe) in [
            ("plain ünïcode 漢字", "plain ünïcode 漢字"),
            ("red \x1b[31m and \x07bell", "red \\x1b[31m and \\x07bell"),
            ("two\r\nlines\tand a tab", "two  lines and a tab"),
            ("\u{202e}gnp.exe\u{9b}1m", "\\u{202e}gnp.exe\\u{9b}1m"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
        ] {
            assert_eq!(harmless(text), safe);
        }
    }

    #[test]
    fn long_names_lose_their_middle_and_never_pass_the_width() {
        assert_eq!(shorten("/cart/{id}/items", 16), "/cart/{id}/items");
        assert_eq!(shorten("/api/v1/customers/{id}/orders", 15), "/api/v1…/orders");
        for columns in 0..12 {
            for text in ["漢字漢字漢字漢字", "abcdefghijklmnop", "e\u{301}e\u{301}e\u{301}e\u{301}"]
            {
                assert!(width(&shorten(text, columns)) <= columns);
                assert!(width(&cut(text, columns)) <= columns);
            }
        }
    }

    #[test]
    fn wrapping_keeps_every_word_and_breaks_what_is_too_long() {
        let lines = wrap("a request to the shop failed: connectionrefusedbythepeer", 12);
        assert_eq!(
            lines,
            ["a request to", "the shop", "failed:", "connectionre", "fusedbythepe", "er"]
        );
        assert_eq!(wrap("", 12), [""]);
    }
}
