//! JSON objects as rows: the items of an array, or one on each line.
//!
//! The text stays as it is. Every row is checked when the text is read, by the rules of what
//! decodes it later; from then on a row is found by its braces alone.

use std::path::Path;
use std::sync::Arc;

use memchr::{memchr, memchr2, memchr3};

use self::walk::{Rows, Walker};
use super::text::Text;
use crate::diagnostic::Diagnostic;
use crate::extract::JsonPath;

mod walk;

/// Why it cannot fail to take a row apart.
const CHECKED: &str = "a row was checked when the text was read";

/// A text's rows.
#[derive(Debug)]
pub(super) struct Documents {
    text: Arc<String>,
    rows: Rows,
}

impl Documents {
    /// The items of the array at `path`, or of the one that is the whole text.
    pub(super) fn of_array(
        text: &Arc<String>,
        file: Option<&Path>,
        path: Option<&str>,
    ) -> Result<Documents, Diagnostic> {
        let source = Text { file, text };
        let mut rows = Rows::default();
        let (start, end) = find_array(&source, path)?;
        let mut walker = Walker::new(source, start, end);
        walker.array(&mut rows).map_err(|fault| walker.told(fault))?;
        Documents::checked(&source, text, rows)
    }

    /// The objects on the lines of a text; blank lines are left out.
    pub(super) fn of_lines(text: &Arc<String>, file: &Path) -> Result<Documents, Diagnostic> {
        let source = Text { file: Some(file), text };
        let mut rows = Rows::default();
        let mut start = source.mark();
        while start < text.len() {
            let end = memchr(b'\n', &text.as_bytes()[start..]).map_or(text.len(), |n| start + n);
            if !text[start..end].trim_ascii().is_empty() {
                let mut walker = Walker::new(source, start, end);
                walker.line(&mut rows).map_err(|fault| walker.told(fault))?;
            }
            start = end + 1;
        }
        Documents::checked(&source, text, rows)
    }

    fn checked(
        source: &Text<'_>,
        text: &Arc<String>,
        mut rows: Rows,
    ) -> Result<Documents, Diagnostic> {
        if rows.blocks.rows() == 0 {
            return Err(source.fault_of_all("there are no rows").hint("a pool needs at least one"));
        }
        rows.blocks.close();
        Ok(Documents { text: text.clone(), rows })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.blocks.rows()
    }

    pub(super) fn columns(&self) -> &[String] {
        self.rows.columns()
    }

    /// Whether a row may have that field.
    pub(super) fn may_have(&self, column: &str) -> bool {
        self.rows.may_have(column)
    }

    /// The text of row `index`.
    pub(super) fn row(&self, index: usize) -> Option<&str> {
        let text = self.text.as_bytes();
        let (mut start, more) = self.rows.blocks.find(index)?;
        for _ in 0..more {
            let end = object_end(text, start);
            // only blanks and a comma lie between two rows
            start = end + memchr(b'{', &text[end..]).expect(CHECKED);
        }
        Some(&self.text[start..object_end(text, start)])
    }
}

/// Where the object ends that begins at `start`.
fn object_end(text: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    loop {
        at += memchr3(b'"', b'{', b'}', &text[at..]).expect(CHECKED) + 1;
        match text[at - 1] {
            b'"' => at = string_end(text, at),
            b'{' => depth += 1,
            _ if depth == 1 => return at,
            _ => depth -= 1,
        }
    }
}

/// Where the string ends whose first character is at `start`.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', &text[at..]).expect(CHECKED) + 1;
        match text[at - 1] {
            b'"' => return at,
            _ => at += 1,
        }
    }
}

/// Where the array of the rows begins and ends.
fn find_array(source: &Text<'_>, path: Option<&str>) -> Result<(usize, usize), Diagnostic> {
    let text = source.text;
    let Some(path) = path else { return Ok((source.mark(), text.len())) };
    let compiled = JsonPath::compile(path).map_err(|what| source.fault_of_all(what))?;
    let start = source.mark();
    let mut walker = Walker::new(*source, start, text.len());
    walker.whole().map_err(|fault| walker.told(fault))?;
    let found = compiled.first(&text.as_bytes()[start..]);
    let found = found.map_err(|what| source.fault_of_all(what.replace("body is ", "")))?;
    let Some(array) = found else {
        let message = format!("there is nothing at {path}");
        return Err(source.fault_of_all(message).hint(walk::arrays_of(text)));
    };
    let at = array.as_ptr() as usize - text.as_ptr() as usize;
    Ok((at, at + array.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const FILE: &str = "users.json";

    fn array(text: &str, path: Option<&str>) -> Result<Documents, String> {
        Documents::of_array(&Arc::new(text.to_owned()), Some(Path::new(FILE)), path)
            .map_err(|fault| fault.to_string())
    }

    fn lines(text: &str) -> Result<Documents, String> {
        Documents::of_lines(&Arc::new(text.to_owned()), Path::new(FILE))
            .map_err(|fault| fault.to_string())
    }

    fn rows(documents: &Documents) -> Vec<Value> {
        let row = |index| serde_json::from_str(documents.row(index).unwrap()).unwrap();
        (0..documents.len()).map(row).collect()
    }

    #[test]
    fn rows_are_the_items_of_an_array_or_stand_on_lines() {
        let want = [json!({ "a": "}\"{", "b": { "c": [{}] } }), json!({ "a": null, "d": 1.5 })];
        let text =
            "\u{feff} [ {\"a\":\"}\\\"{\",\"b\":{\"c\":[{}]}} ,\n\n {\"a\":null,\"d\":1.5}] ";
        let whole = array(text, None).unwrap();
        assert_eq!(
            (rows(&whole), whole.columns()),
            (want.to_vec(), &["a", "b", "d"].map(String::from)[..])
        );
        assert!(whole.may_have("d") && !whole.may_have("c") && whole.row(2).is_none());
        let text = "{\"page\":1,\"x\":[0],\"users\":{\"é\":[{\"n\":1},{\"n\":2}]}}";
        let inner = array(text, Some("$.users['é']")).unwrap();
        assert_eq!(rows(&inner), [json!({ "n": 1 }), json!({ "n": 2 })]);
        let text = "\u{feff}\r\n{\"n\": 1} \r\n\n  {\"n\":2}";
        assert_eq!(rows(&lines(text).unwrap()), [json!({ "n": 1 }), json!({ "n": 2 })]);
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let deep = format!("[{{\"a\":{}1{}}}]", "[".repeat(128), "]".repeat(128));
        let array = |text, path| array(text, path).unwrap_err();
        let lines = |text| lines(text).unwrap_err();
        for (told, want) in [
            (
                lines("{\"a\":1}\n\n{\"é\" 1}\n"),
                "users.json:3: not JSON: expected `:` (at column 6)\n     3 | {\"é\" 1}",
            ),
            (lines("{\"a\":1} x"), "users.json:1: not JSON: trailing characters (at column 9)"),
            (
                lines("{\"a\":1} {\"a\":2}"),
                "users.json:1: not JSON: trailing characters (at column 9)",
            ),
            (
                lines("{\"a\":\n1}"),
                "users.json:1: not JSON: EOF while parsing a value (at column 6)",
            ),
            (
                lines("[1]"),
                "users.json:1: row 1 is an array where an object is needed (at column 1)",
            ),
            (
                lines("{}\n7"),
                "users.json:2: row 2 is a number where an object is needed (at column 1)",
            ),
            (lines(" \n"), "users.json:1: there are no rows\n  hint: a pool needs at least one"),
            (array("", None), "users.json:1: not JSON: EOF while parsing a value (at column 1)"),
            (array("[]", None), "users.json:1: there are no rows"),
            (array("[{},\n 'x']", None), "users.json:2: not JSON: expected value (at column 2)"),
            (
                array("[{},\n \"x\"]", None),
                "users.json:2: row 2 is a string where an object is needed (at column 2)",
            ),
            (array("[{}", None), "users.json:1: not JSON: EOF while parsing a list (at column 4)"),
            (array("[{}]]", None), "users.json:1: not JSON: trailing characters (at column 5)"),
            (
                array("7", None),
                "users.json:1: a number where an array of rows is needed (at column 1)\n     1 | 7\n  hint: rows are the objects of an array",
            ),
            (
                array("{\"a\":1,\"b\":[{}],\"c\":[]}", None),
                "users.json:1: an object where an array of rows is needed (at column 1)\n     1 | {\"a\":1,\"b\":[{}],\"c\":[]}\n  hint: give path = \"$.b\" or path = \"$.c\"",
            ),
            (
                array("{\"b\":[]}", Some("$.a")),
                "users.json:1: there is nothing at $.a\n  hint: give path = \"$.b\"",
            ),
            (
                array("{\"b\":7}", Some("$.b")),
                "users.json:1: a number where an array of rows is needed (at column 6)",
            ),
            (
                array("{\"b\":[{}]", Some("$.b")),
                "users.json:1: not JSON: EOF while parsing an object (at column 10)",
            ),
            (array(&deep, None), "users.json:1: nested deeper than 127 levels (at column "),
        ] {
            assert!(told.starts_with(want), "want {want}\ngot  {told}");
        }
    }

    #[test]
    fn of_very_many_fields_any_may_be_there() {
        let text: String = (0..1_200).map(|n| format!("{{\"f{n}\":1}}\n")).collect();
        let documents = lines(&text).unwrap();
        assert_eq!(documents.columns().len(), walk::MAX_COLUMNS);
        assert!(documents.may_have("f1199"));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a{}\\[\\]\"\\\\,:\n é]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
            prop_oneof![list, object(inner)]
        })
    }

    fn object(field: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        let fields = prop::collection::vec(("[a-c{}\"\\\\]{0,3}", field), 0..5);
        fields.prop_map(|fields| Value::Object(fields.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn every_row_is_found_again(objects in prop::collection::vec(object(value()), 1..60)) {
            let whole = Value::from(objects.clone());
            let lined: String = objects.iter().map(|row| format!("{row}\n")).collect();
            let wide = serde_json::to_string_pretty(&whole).unwrap();
            for documents in [array(&whole.to_string(), None), array(&wide, None), lines(&lined)] {
                prop_assert_eq!(&rows(&documents.unwrap()), &objects);
            }
        }

        #[test]
        fn any_text_is_rows_or_a_fault(text in "[{}\\[\\]\":,a1\n\\\\é ]{0,40}") {
            let read = [array(&text, None), lines(&text), array(&text, Some("$.a"))];
            for documents in read.into_iter().flatten() {
                rows(&documents);
            }
        }
    }
}
