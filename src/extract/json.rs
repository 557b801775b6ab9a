//! Walking over the bytes of a JSON document without building it.
//!
//! What is JSON is decided as `serde_json` decides it: UTF-8, at most 127 levels, numbers that fit
//! a float. Levels are counted, not recursed into, so that no document can exhaust the stack.

use jiter::{Jiter, Peek};

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
    jiter: Jiter<'d>,
    text: &'d str,
    depth: u32,
}

impl<'d> Scanner<'d> {
    /// At the first value of a document.
    pub(super) fn new(document: &'d [u8]) -> Result<Self, Invalid> {
        let text = std::str::from_utf8(document).map_err(|_| Invalid)?;
        Ok(Scanner { jiter: Jiter::new(document), text, depth: 0 })
    }

    /// At a value that was scanned before.
    pub(super) fn at(&self, start: usize) -> Scanner<'d> {
        let text = &self.text[start..];
        Scanner { jiter: Jiter::new(text.as_bytes()), text, depth: self.depth }
    }

    /// What kind of value comes next.
    pub(super) fn peek(&mut self) -> Result<Peek, Invalid> {
        Ok(self.jiter.peek()?)
    }

    /// Where the value begins that was peeked at.
    pub(super) fn position(&self) -> usize {
        self.jiter.current_index()
    }

    /// The text from `start` up to here.
    pub(super) fn since(&self, start: usize) -> &'d str {
        &self.text[start..self.jiter.current_index()]
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

    /// Over a string, a number, a boolean or a null.
    pub(super) fn skip_scalar(&mut self, peek: Peek) -> Result<(), Invalid> {
        match peek {
            Peek::Null => self.jiter.known_null()?,
            Peek::True | Peek::False => drop(self.jiter.known_bool(peek)?),
            Peek::String => drop(self.jiter.known_bytes()?),
            _ if overflows(self.jiter.known_number_bytes(peek)?) => return Err(Invalid),
            _ => {}
        }
        Ok(())
    }

    /// Over a value of any kind.
    pub(super) fn skip(&mut self, peek: Peek) -> Result<(), Invalid> {
        let floor = self.depth;
        let mut objects = 0u128; // bit n: level n is an object
        let mut next = peek;
        loop {
            let inside = match next {
                Peek::Array => self.enter_array()?,
                Peek::Object => match self.jiter.next_object_bytes()?.is_some() {
                    true => {
                        self.descend(true)?;
                        objects |= 1 << self.depth;
                        Some(self.peek()?)
                    }
                    false => None,
                },
                _ => {
                    self.skip_scalar(next)?;
                    None
                }
            };
            next = match inside {
                Some(first) => first,
                None => match self.climb(floor, &mut objects)? {
                    Some(sibling) => sibling,
                    None => return Ok(()),
                },
            };
        }
    }

    /// The next value of the innermost level that has one; `None` once `floor` is reached.
    fn climb(&mut self, floor: u32, objects: &mut u128) -> Result<Option<Peek>, Invalid> {
        while self.depth > floor {
            let level = 1 << self.depth;
            if *objects & level == 0 {
                if let Some(next) = self.next_value()? {
                    return Ok(Some(next));
                }
            } else if self.jiter.next_key_bytes()?.is_some() {
                return Ok(Some(self.peek()?));
            } else {
                *objects &= !level;
                self.depth -= 1;
            }
        }
        Ok(None)
    }

    /// Nothing but white space may follow.
    pub(super) fn finish(&mut self) -> Result<(), Invalid> {
        Ok(self.jiter.finish()?)
    }

    fn descend(&mut self, entered: bool) -> Result<(), Invalid> {
        self.depth += u32::from(entered);
        if self.depth > MAX_DEPTH { Err(Invalid) } else { Ok(()) }
    }
}

/// Whether a number is beyond a float's range.
fn overflows(number: &[u8]) -> bool {
    let suspicious = number.len() > 300 || number.iter().any(|b| matches!(b, b'e' | b'E'));
    suspicious
        && std::str::from_utf8(number)
            .is_ok_and(|text| text.parse::<f64>().is_ok_and(f64::is_infinite))
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
    use super::*;

    fn accepts(document: &str) -> bool {
        let scan = |mut scanner: Scanner<'_>| {
            let peek = scanner.peek()?;
            scanner.skip(peek)?;
            scanner.finish()
        };
        Scanner::new(document.as_bytes()).and_then(scan).is_ok()
    }

    #[test]
    fn what_is_json_is_what_serde_json_reads() {
        let nested = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let objects = |levels| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        let mut documents = vec![nested(127), nested(128), objects(127), objects(128)];
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

    #[test]
    fn ten_thousand_levels_and_ten_megabytes_end_in_an_answer() {
        assert!(!accepts(&"[".repeat(10_000)));
        assert!(!accepts(&r#"{"a":"#.repeat(10_000)));
        assert!(accepts(&format!("[{}1]", "[1,2],".repeat(1 << 20))));
        assert_eq!(not_json(b" \n"), "body is not JSON: it is empty");
        assert!(not_json("[".repeat(10_000).as_bytes()).contains("recursion limit"));
    }
}
