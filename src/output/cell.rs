//! Text in a cell of CSV that no spreadsheet takes for a formula.

use std::borrow::Cow;

/// What makes a spreadsheet compute what follows.
const ACTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A text that somebody else had a hand in, as a cell: what begins like a formula gets an
/// apostrophe before it. Quoting is the writer's business.
pub fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(ACTS) { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_made_a_text_and_all_else_stays() {
        for (given, expected) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("-1+1", "'-1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("/cart/{id}", "/cart/{id}"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(cell(given), expected);
        }
    }
}
