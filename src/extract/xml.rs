//! XML whose reading ends: bounds that the parser below does not have, looked at before it runs.
//!
//! `roxmltree` does not recurse over the document, but its time grows with the square of a tag's
//! attributes and its memory with depth times namespaces. In XML a tag's extent is certain, so one
//! pass over the bytes counts both; where that pass loses its way, so does the parser, and says so.

use memchr::memmem;
use roxmltree::{Document, ParsingOptions};

use super::budget::MAX_DEPTH;

/// Most attributes of one element.
const MAX_ATTRIBUTES: usize = 256;
/// Most namespace declarations in force at a place.
const MAX_NAMESPACES: usize = 256;
/// Most nodes of a document, of about 80 bytes each.
const MAX_NODES: u32 = 4_000_000;

/// Reads a document. The error: `the body is not XML: …`, or what is too much in it.
pub(super) fn parse(body: &[u8]) -> Result<Document<'_>, String> {
    let text = str::from_utf8(body).map_err(|_| "the body is not XML: it is not UTF-8")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("the body is not XML: it is empty".to_owned());
    }
    bounded(text.as_bytes())?;
    let options = ParsingOptions { allow_dtd: true, nodes_limit: MAX_NODES, ..Default::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => format!("the XML has over {MAX_NODES} nodes"),
        error => format!("the body is not XML: {error}"),
    })
}

/// One pass over the tags.
fn bounded(text: &[u8]) -> Result<(), String> {
    let mut open: Vec<usize> = Vec::new(); // namespaces in force within each open element
    let mut at = 0;
    while let Some(next) = memchr::memchr(b'<', &text[at..]) {
        let tag = &text[at + next..];
        at += next
            + match tag {
                [b'<', b'!', b'-', b'-', ..] => through(tag, b"-->"),
                [b'<', b'!', b'[', ..] => through(tag, b"]]>"),
                [b'<', b'?', ..] => through(tag, b"?>"),
                [b'<', b'!', ..] => doctype(tag)?,
                [b'<', b'/', ..] => {
                    open.pop();
                    through(tag, b">")
                }
                _ => element(tag, &mut open)?,
            };
    }
    Ok(())
}

fn through(tag: &[u8], end: &[u8]) -> usize {
    memmem::find(tag, end).map_or(tag.len(), |found| found + end.len())
}

/// Entities are the one way in which a short document becomes a long one, and are declared in a
/// subset of its own; nobody needs that.
fn doctype(tag: &[u8]) -> Result<usize, String> {
    let mut quote = None;
    for (at, &byte) in tag.iter().enumerate() {
        match (quote, byte) {
            (Some(mark), _) => quote = Some(mark).filter(|mark| *mark != byte),
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'[') => {
                return Err("the XML has a DTD in it, whose entities are not expanded".to_owned());
            }
            (None, b'>') => return Ok(at + 1),
            (None, _) => {}
        }
    }
    Ok(tag.len())
}

/// A start tag: its length, counted in `open` unless it is empty.
fn element(tag: &[u8], open: &mut Vec<usize>) -> Result<usize, String> {
    let (mut attributes, mut namespaces) = (0, 0);
    let mut at = 1;
    while let Some(next) = memchr::memchr3(b'"', b'\'', b'>', &tag[at..]) {
        let quote = tag[at + next];
        if quote == b'>' {
            namespaces += open.last().copied().unwrap_or(0);
            if tag[at + next - 1] != b'/' {
                open.push(namespaces);
            }
            return match () {
                () if open.len() > MAX_DEPTH => {
                    Err(format!("the XML nests deeper than {MAX_DEPTH} levels"))
                }
                () if namespaces > MAX_NAMESPACES => {
                    Err(format!("the XML has over {MAX_NAMESPACES} namespaces at a place"))
                }
                () => Ok(at + next + 1),
            };
        }
        attributes += 1;
        namespaces += usize::from(name_before(&tag[at..at + next]).starts_with(b"xmlns"));
        if attributes > MAX_ATTRIBUTES {
            return Err(format!("an element of the XML has over {MAX_ATTRIBUTES} attributes"));
        }
        let value = at + next + 1;
        at = match memchr::memchr(quote, &tag[value..]) {
            Some(end) => value + end + 1,
            None => break,
        };
    }
    Ok(tag.len())
}

/// `x` of ` a x =`.
fn name_before(text: &[u8]) -> &[u8] {
    let is_joint = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'=';
    let end = text.iter().rposition(|byte| !is_joint(byte)).map_or(0, |last| last + 1);
    let start = text[..end].iter().rposition(is_joint).map_or(0, |joint| joint + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        parse(body.as_bytes()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn documents_with_everything_in_them_are_read() {
        let body = "\u{feff}<?xml version='1.0'?><!DOCTYPE a SYSTEM 'x[>'><!-- <b <!-->
            <a x='>' y=\"/>\" xmlns='u:1'><?pi <q?><![CDATA[<c><<]]><b/>&lt;&#65;</a>";
        let document = parse(body.as_bytes()).unwrap();
        assert_eq!(document.root_element().attributes().len(), 2);
        assert_eq!(document.descendants().filter(|node| node.is_element()).count(), 2);
        let deep = format!("{}x{}", "<a>".repeat(512), "</a>".repeat(512));
        assert!(parse(deep.as_bytes()).is_ok());
        assert!(parse(format!("<r>{}</r>", "<a b='c'/>".repeat(100_000)).as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_xml_is_told_with_its_place() {
        for (body, why) in [
            ("", "the body is not XML: it is empty"),
            ("{\"a\":1}", "the body is not XML: "),
            ("<a>", "the body is not XML: "),
            ("<a><b></a>", "at 1:7"),
            ("<a x='1' x='2'/>", "attribute 'x' at 1:10 is already defined"),
            ("<a b='", "the body is not XML: "),
            ("<a>&nope;</a>", "unknown entity reference 'nope'"),
            ("<p:a/>", "the body is not XML: "),
        ] {
            assert!(refusal(body).contains(why), "{body}: {}", refusal(body));
        }
        assert_eq!(parse(b"<a>\xff</a>").unwrap_err(), "the body is not XML: it is not UTF-8");
    }

    #[test]
    fn hostile_documents_end_in_an_error() {
        for levels in [513, 10_000, 1_000_000] {
            let body = format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
            assert_eq!(refusal(&body), "the XML nests deeper than 512 levels");
        }
        let laughs = "<!DOCTYPE a [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><a>&b;</a>";
        assert_eq!(refusal(laughs), "the XML has a DTD in it, whose entities are not expanded");
        let external = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>";
        assert_eq!(refusal(external), "the XML has a DTD in it, whose entities are not expanded");
        let attributes: String = (0..1_000_000).map(|n| format!(" a{n}=''")).collect();
        assert!(refusal(&format!("<a{attributes}/>")).contains("over 256 attributes"));
        let spaces: String = (0..400).map(|n| format!("<a xmlns:n{n}='u:{n}'>")).collect();
        assert!(refusal(&spaces).contains("over 256 namespaces"));
        assert!(refusal(&"<a/>".repeat(10)).contains("not XML"));
        for broken in ["<", "<!", "<!--", "<![CDATA[", "<?", "<a '", "<a \"'>", "</", "<!DOCTYPE ["]
        {
            refusal(&broken.repeat(1_000));
        }
    }

    #[test]
    fn ten_megabytes_end_in_a_document() {
        let items: String =
            (0..250_000).map(|id| format!("<item id='{id}'>Item {id}</item>\n")).collect();
        let body = format!("<items>{items}</items>");
        assert!(body.len() > 8_000_000);
        assert_eq!(parse(body.as_bytes()).unwrap().root_element().children().count(), 500_000);
    }
}
