//! The body of `multipart`: a form of values and of files, which are read while they are sent.

use std::fmt::Write;
use std::path::Path;

use bytes::Bytes;
use http::HeaderValue;
use mlua::Value;

use super::read;
use super::told::{needs, unknown};
use crate::http::payload::{Piece, Pieces};
use crate::lua::sandbox::system::inside;

const FIELDS: [&str; 5] = ["content_type", "file", "filename", "name", "value"];
const USAGE: &str = "a list of { name = …, value = … } or { name = …, file = … }";

/// The body that an author's list makes; `boundary` stands between its parts, files are sought in
/// `folder`.
pub fn read(list: &Value, boundary: &str, folder: &Path) -> Result<Pieces, String> {
    let Value::Table(table) = list else { return Err(needs("multipart", USAGE, list)) };
    let items = read::list("multipart", USAGE, table)?;
    let mut pieces = Pieces::default();
    for (n, item) in (1..).zip(&items) {
        let part = Part::read(item).and_then(|part| part.write(boundary, folder, &mut pieces));
        part.map_err(|what| format!("multipart, part {n}: {what}"))?;
    }
    pieces.push(Piece::Bytes(format!("--{boundary}--\r\n").into()));
    Ok(pieces)
}

/// One part, as the author wrote it.
#[derive(Default)]
struct Part {
    name: Option<String>,
    value: Option<Bytes>,
    file: Option<String>,
    filename: Option<String>,
    content_type: Option<String>,
}

impl Part {
    fn read(item: &Value) -> Result<Part, String> {
        let Value::Table(table) = item else {
            return Err(needs("it", "to be a table like { name = …, value = … }", item));
        };
        let mut part = Part::default();
        read::each(table, |key, value| {
            let Value::String(key) = &key else { return Err(needs("a part", "names", &key)) };
            let key = key.to_string_lossy();
            let text = || read::text(&key, &value).map(Some);
            match key.as_str() {
                "name" => part.name = text()?,
                "file" => part.file = text()?,
                "filename" => part.filename = text()?,
                "content_type" => part.content_type = text()?,
                "value" => part.value = Some(content(&value)?),
                other => return Err(unknown("field of a part", other, FIELDS)),
            }
            Ok(())
        })?;
        Ok(part)
    }

    fn write(self, boundary: &str, folder: &Path, pieces: &mut Pieces) -> Result<(), String> {
        let name = self.name.as_deref().ok_or("it needs a name")?;
        let (body, filename) = match (self.value, self.file) {
            (Some(value), None) => (Piece::Bytes(value), self.filename),
            (None, Some(file)) => {
                let own = || Path::new(&file).file_name()?.to_str().map(str::to_owned);
                let filename = self.filename.or_else(own);
                (found(folder, &file)?, filename)
            }
            (Some(_), Some(_)) => return Err("it has both a value and a file".into()),
            (None, None) => return Err("it needs a value or a file".into()),
        };
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; ");
        push(&mut head, "name", name);
        if let Some(filename) = &filename {
            head.push_str("; ");
            push(&mut head, "filename", filename);
        }
        let kind = match (&self.content_type, &filename) {
            (Some(kind), _) => Some(kind.as_str()),
            (None, Some(_)) => Some("application/octet-stream"),
            (None, None) => None,
        };
        if let Some(kind) = kind {
            HeaderValue::from_str(kind)
                .map_err(|_| "content_type: the text cannot stand in a header".to_owned())?;
            let _ = write!(head, "\r\nContent-Type: {kind}");
        }
        head.push_str("\r\n\r\n");
        pieces.push(Piece::Bytes(head.into()));
        pieces.push(body);
        pieces.push(Piece::Bytes(Bytes::from_static(b"\r\n")));
        Ok(())
    }
}

/// `key="text"`, with what would end it or its line escaped as browsers do.
fn push(head: &mut String, key: &str, text: &str) {
    let text = text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let _ = write!(head, "{key}=\"{text}\"");
}

fn content(value: &Value) -> Result<Bytes, String> {
    match value {
        Value::String(text) => Ok(Bytes::copy_from_slice(&text.as_bytes())),
        Value::Integer(_) | Value::Number(_) | Value::Boolean(_) => {
            read::scalar("multipart", "value", value).map(Bytes::from)
        }
        other => Err(needs("value", "a string, number or boolean", other)),
    }
}

/// A file of the script's folder, as large as it is now.
fn found(folder: &Path, file: &str) -> Result<Piece, String> {
    let failed = |error: std::io::Error| format!("cannot read {file}: {error}");
    let path = inside(folder, Path::new(file))?.map_err(failed)?;
    let about = path.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(format!("{file} is not a file"));
    }
    // Whoever may not read it is told now, not while the request is on its way.
    std::fs::File::open(&path).map_err(failed)?;
    Ok(Piece::File(path, about.len()))
}
