//! Walking over the bytes of a JSON document without building it.
//!
//! What is JSON is decided as `serde_json` decides it: UTF-8, at most 127 levels, numbers that fit
//! a float. Levels are counted, not recursed into, so that no document can exhaust the stack.

use jiter::{Jiter, Peek};

use super::skim::skim;

/// Most levels of arrays and objects within each other; `serde_json` has the same limit.
const MAX_DEPTH: u32 = 127;

/// The document is not JSON; [`not_json`] says why.
#[derive(Debug)]
pub(super) struct Invalid;

impl From<jiter::JiterError> for Invalid {
    fn from(_: jiter::JiterError) -> Self {
        Invalid
    }
}

/// A position in a document.
pub(super) struct Scanner<'d> {
    /// At the text from `base` on.
    jiter: Jiter<'d>,
    text: &'d str,
    base: usize,
    depth: u32,
}

impl<'d> Scanner<'d> {
    /// At the first value of a document.
    pub(super) fn new(document: &'d [u8]) -> Result<Self, Invalid> {
        let text = std::str::from_utf8(document).map_err(|_| Invalid)?;
        Ok(Scanner { jiter: Jiter::new(document), text, base: 0, depth: 0 })
    }

    /// At a value that was scanned before.
    pub(super) fn at(&self, start: usize) -> Scanner<'d> {
        let jiter = Jiter::new(&self.text.as_bytes()[start..]);
        Scanner { jiter, base: start, ..*self }
    }

    /// What kind of value comes next.
    pub(super) fn peek(&mut self) -> Result<Peek, Invalid> {
        Ok(self.jiter.peek()?)
    }

    /// Where the value begins that was peeked at.
    pub(super) fn position(&self) -> usize {
        self.base + self.jiter.current_index()
    }

    /// The text from `start` up to here.
    pub(super) fn since(&self, start: usize) -> &'d str {
        &self.text[start..self.position()]
    }

    /// Into an array: its first value, or `None` if it is empty (and over).
    pub(super) fn enter_array(&mut self) -> Result<Option<Peek>, Invalid> {
        let first = self.jiter.known_array()?;
        self.descend(first.is_some())?;
        Ok(first)
    }

    /// The array's next value, or `None` at its end.
    pub(super) fn next_value(&mut self) -> Result<Option<Peek>, Invalid> {
        let next = self.jiter.array_step()?;
        self.depth -= u32::from(next.is_none());
        Ok(next)
    }

    /// Into an object: `read` gets its first key, decoded; `None` if it is empty (and over).
    pub(super) fn enter_object<T>(
        &mut self,
        read: impl FnOnce(&str) -> T,
    ) -> Result<Option<T>, Invalid> {
        let first = self.jiter.known_object()?.map(read);
        self.descend(first.is_some())?;
        Ok(first)
    }

    /// `read` gets the object's next key, decoded; `None` at its end.
    pub(super) fn next_key<T>(
        &mut self,
        read: impl FnOnce(&str) -> T,
    ) -> Result<Option<T>, Invalid> {
        let next = self.jiter.next_key()?.map(read);
        self.depth -= u32::from(next.is_none());
        Ok(next)
    }

    /// A string, decoded.
    pub(super) fn string(&mut self) -> Result<&str, Invalid> {
        Ok(self.jiter.known_str()?)
    }

    /// Over a value of any kind, which was peeked at.
    pub(super) fn skip(&mut self) -> Result<(), Invalid> {
        let start = self.position();
        self.base = start + skim(&self.text[start..], MAX_DEPTH - self.depth)?;
        self.jiter = Jiter::new(&self.text.as_bytes()[self.base..]);
        Ok(())
    }

    /// Nothing but white space may follow.
    pub(super) fn finish(&mut self) -> Result<(), Invalid> {
        Ok(self.jiter.finish()?)
    }

    /// One level down, if there was anything to enter.
    fn descend(&mut self, entered: bool) -> Result<(), Invalid> {
        if self.depth == MAX_DEPTH {
            return Err(Invalid);
        }
        self.depth += u32::from(entered);
        Ok(())
    }
}

/// Why `body` is not JSON: `body is not JSON: expected value at line 1 column 1`.
pub(super) fn not_json(body: &[u8]) -> String {
    if body.iter().all(u8::is_ascii_whitespace) {
        return "body is not JSON: it is empty".to_owned();
    }
    match serde_json::from_slice::<serde_json::Value>(body) {
        Err(error) => format!("body is not JSON: {error}"),
        Ok(_) => "body is not JSON".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A document that has something of everything.
    const WHOLE: &str = concat!(
        r#"{"a b": [ 1, -2.5e+3 ,[true,{}] ], "\u00e9\ud834\udd1e": {"c\n":[]}, "#,
        r#""é":"long enough for words","n":-0.1E-2,"":false, "z\\": null}"#,
    );

    /// What it is broken with, or not.
    const BREAKS: &[&str] = &[
        "", " ", "\"", "\\", "{", "}", "[", "]", ":", ",", "0", "9", "-", "+", ".", "e", "\t",
        "\n", "\u{1}", "\u{7f}", "é", "u", "n", "/", "d8", "[]", "{}", "1,", "\\u", "e999",
    ];

    fn accepts(document: &str) -> bool {
        let scan = |mut scanner: Scanner<'_>| {
            scanner.peek()?;
            scanner.skip()?;
            scanner.finish()
        };
        Scanner::new(document.as_bytes()).and_then(scan).is_ok()
    }

    #[test]
    fn what_is_json_is_what_serde_json_reads() {
        let nested =
            |levels, inmost| format!("{}{inmost}{}", "[".repeat(levels), "]".repeat(levels));
        let objects = |levels| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        let mut documents = vec![nested(127, "1"), nested(128, "1"), objects(127), objects(128)];
        documents.extend(["", "[]", "{}"].map(|inmost| nested(127, inmost)));
        documents.extend(
            [
                "",
                " ",
                "1",
                "-",
                "-0",
                "01",
                "1.",
                "1e400",
                "-1e400",
                "0e400",
                "1e-400",
                "tru",
                "nul",
                "NaN",
                "Infinity",
                "-Infinity",
                "[]",
                "[ ]",
                "{}",
                "{ }",
                "[1,]",
                "[,1]",
                "[1 2]",
                r#"{"a"}"#,
                r#"{"a":}"#,
                r#"{"a":1,}"#,
                r#"{a:1}"#,
                "[1]x",
                "[1] ",
                r#""a"#,
                r#""\x""#,
                r#""\ud800""#,
                r#""\udc00""#,
                r#""\ud834\udd1e""#,
                "\"\t\"",
                "\u{feff}1",
                r#"[{"a":[{}],"b":{"c":[]}},[[]],2]"#,
                "[",
                "{",
                "[[]",
                "]",
            ]
            .map(str::to_owned),
        );
        documents.push(format!("1{}", "0".repeat(400)));
        for document in documents {
            let truth = serde_json::from_str::<serde_json::Value>(&document).is_ok();
            assert_eq!(accepts(&document), truth, "{document}");
        }
    }

    proptest! {
        #[test]
        fn a_broken_document_is_as_broken_as_serde_json_says(
            at in 0..WHOLE.chars().count(),
            broken in prop::sample::select(BREAKS),
            instead in any::<bool>(),
        ) {
                        let (at, there) = WHOLE.char_indices().nth(at).expect("it is as long");
            let behind = at + if instead { there.len_utf8() } else { 0 };
            let document = [&WHOLE[..at], broken, &WHOLE[behind..]].concat();
            let truth = serde_json::from_str::<serde_json::Value>(&document).is_ok();
            prop_assert_eq!(accepts(&document), truth, "{}", document);
        }
    }

    #[test]
    fn ten_thousand_levels_and_ten_megabytes_end_in_an_answer() {
        assert!(!accepts(&"[".repeat(10_000)));
        assert!(!accepts(&r#"{"a":"#.repeat(10_000)));
        assert!(accepts(&format!("[{}1]", "[1,2],".repeat(1 << 20))));
        assert_eq!(not_json(b" \n"), "body is not JSON: it is empty");
        assert!(not_json("[".repeat(10_000).as_bytes()).contains("recursion limit"));
    }
}
