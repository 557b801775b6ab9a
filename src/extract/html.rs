//! HTML as browsers read it, and CSS selectors over it.
//!
//! Parser and selectors are Servo's. Any bytes are a page; what bounds their cost is `budget.rs`:
//! the page is fed in pieces, and the tree's depth looked at after each.

use html5ever::driver::{self, ParseOpts};
use html5ever::tendril::TendrilSink;
use scraper::{ElementRef, Html, HtmlTreeSink, Selector};

use super::budget::{Budget, Exhausted, MAX_DEPTH, modest};

/// Bytes that are parsed between two looks at depth and clock.
const PIECE: usize = 4096;
/// Steps that matching one element counts for: looking at its ancestors or siblings, mostly.
const MATCH: u32 = 16;

/// The tree of a page. About ten times the size of its text.
#[derive(Debug)]
pub struct Page(pub(super) Html);

/// A compiled selector, or a list of them with commas.
#[derive(Debug)]
pub struct Css {
    text: String,
    selector: Selector,
}

/// What of an element is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Its text and that of all within it, white space at both ends taken off.
    Text,
    /// An attribute's value.
    Attribute(&'a str),
}

impl Css {
    /// Compiles a selector.
    pub fn compile(text: &str) -> Result<Css, String> {
        modest("the CSS selector", text)?;
        let selector = Selector::parse(text).map_err(|error| {
            let why = match error.to_string() {
                long if long.contains('\n') => "it uses what is not supported".to_owned(),
                short => short.to_lowercase(),
            };
            format!("`{text}` is not a CSS selector: {why}")
        })?;
        Ok(Css { text: text.to_owned(), selector })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Page {
    /// Reads a page as UTF-8; bytes that are not become `U+FFFD`. The error: it is too deep, or too
    /// much work.
    pub fn parse(body: &[u8]) -> Result<Page, String> {
        let text = String::from_utf8_lossy(body);
        let sink = HtmlTreeSink::new(Html::new_document());
        let mut parser = driver::parse_document(sink, ParseOpts::default());
        let budget = Budget::new();
        let mut rest = &*text;
        while !rest.is_empty() {
            let mut end = rest.len().min(PIECE);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let piece;
            (piece, rest) = rest.split_at(end);
            parser.process(piece.into());
            let page = parser.tokenizer.sink.sink.0.borrow();
            if depth_of_last(&page) > MAX_DEPTH {
                return Err(format!("the HTML nests deeper than {MAX_DEPTH} levels"));
            }
            budget.spend(64).map_err(|Exhausted| Exhausted::why("the HTML"))?;
        }
        Ok(Page(parser.finish()))
    }

    /// The part of the first element, in the document's order, that matches and has it.
    pub fn first(&self, css: &Css, part: Part<'_>) -> Result<Option<String>, String> {
        Ok(self.select(css, part, 1)?.pop())
    }

    /// The part of each element that matches and has it.
    pub fn all(&self, css: &Css, part: Part<'_>) -> Result<Vec<String>, String> {
        self.select(css, part, usize::MAX)
    }

    fn select(&self, css: &Css, part: Part<'_>, most: usize) -> Result<Vec<String>, String> {
        let budget = Budget::new();
        let mut found = Vec::new();
        let mut take = || {
            for element in self.elements() {
                if found.len() == most {
                    break;
                }
                if matches(&budget, css, element)? {
                    let part = part_of(&budget, element, part)?;
                    found.extend(part.map(|text| budget.give(text)).transpose()?);
                }
            }
            Ok(())
        };
        take().map_err(|Exhausted| Exhausted::why(&format!("`{}` in this page", css.text)))?;
        Ok(found)
    }

    /// The first element that matches.
    pub(super) fn find(&self, css: &Css) -> Result<Option<ElementRef<'_>>, String> {
        let budget = Budget::new();
        for element in self.elements() {
            match matches(&budget, css, element) {
                Ok(true) => return Ok(Some(element)),
                Ok(false) => {}
                Err(Exhausted) => {
                    return Err(Exhausted::why(&format!("`{}` in this page", css.text)));
                }
            }
        }
        Ok(None)
    }

    /// All elements in the document's order.
    pub(super) fn elements(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.0.tree.root().descendants().filter_map(ElementRef::wrap)
    }
}

impl Css {
    /// Whether one element matches; its cost is the page's.
    pub(super) fn matches(&self, element: ElementRef<'_>) -> bool {
        self.selector.matches(&element)
    }
}

fn matches(budget: &Budget, css: &Css, element: ElementRef<'_>) -> Result<bool, Exhausted> {
    budget.spend(MATCH)?;
    Ok(css.matches(element))
}

fn part_of(
    budget: &Budget,
    element: ElementRef<'_>,
    part: Part<'_>,
) -> Result<Option<String>, Exhausted> {
    match part {
        Part::Attribute(name) => {
            Ok(element.attr(&name.to_ascii_lowercase()).map(ToOwned::to_owned))
        }
        Part::Text => {
            let mut text = String::new();
            for piece in element.text() {
                budget.spend(1)?;
                text.push_str(piece);
            }
            Ok(Some(text.trim().to_owned()))
        }
    }
}

/// How deep the node is that was made last: while a page grows downwards, its deepest.
fn depth_of_last(page: &Html) -> usize {
    let last = page.tree.nodes().next_back();
    last.map_or(0, |last| last.ancestors().take(MAX_DEPTH + 1).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = r#"<!doctype html><title>Shop</title>
        <ul id=list class="a b"><li class=item data-id=1>Lamp <b>new</b><li class=item data-id=2>  Tent
        </ul><p>No <i>more</i></p><script>let x = "a  <b>";</script>"#;

    fn first(css: &str, part: Part<'_>) -> Option<String> {
        let page = Page::parse(SHOP.as_bytes()).unwrap();
        page.first(&Css::compile(css).unwrap(), part).unwrap()
    }

    fn all(page: &str, css: &str, part: Part<'_>) -> Vec<String> {
        Page::parse(page.as_bytes()).unwrap().all(&Css::compile(css).unwrap(), part).unwrap()
    }

    #[test]
    fn selectors_find_texts_and_attributes() {
        let texts = [
            ("title", "Shop"),
            ("ul.a.b > li:nth-child(2)", "Tent"),
            ("li", "Lamp new"),
            ("li:not(:first-child)", "Tent"),
            ("[data-id='2'], [data-id='1']", "Lamp new"),
            ("ul ~ p", "No more"),
            ("p:has(i)", "No more"),
            ("script", r#"let x = "a  <b>";"#),
        ];
        for (css, want) in texts {
            assert_eq!(first(css, Part::Text).as_deref(), Some(want), "{css}");
        }
        assert_eq!(first("li", Part::Attribute("data-id")).as_deref(), Some("1"));
        assert_eq!(first("*", Part::Attribute("ID")).as_deref(), Some("list"));
        assert_eq!(first("li", Part::Attribute("href")), None);
        assert_eq!(first("h1", Part::Text), None);
        assert_eq!(all(SHOP, "li", Part::Attribute("data-id")), ["1", "2"]);
        assert_eq!(all(SHOP, "li", Part::Text), ["Lamp new", "Tent"]);
    }

    #[test]
    fn what_is_not_a_selector_is_told() {
        for css in ["", "li[", "..", "a >", "p::before", "li:nth-child(x)", ":nonsense"] {
            let why = Css::compile(css).unwrap_err();
            assert!(why.starts_with(&format!("`{css}` is not a CSS selector: ")), "{why}");
            assert!(!why.contains('\n'), "{why}");
        }
        assert!(Css::compile(&":not(".repeat(300)).unwrap_err().contains("nests deeper"));
    }

    #[test]
    fn any_bytes_are_a_page() {
        for body in [&b""[..], b"\xff<b>\x80", b"{\"a\":1}", b"<", b"<!--", b"\0"] {
            let page = Page::parse(body).unwrap();
            assert!(page.all(&Css::compile("body").unwrap(), Part::Text).unwrap().len() == 1);
        }
        let long = format!("<p>{}", "é".repeat(3 * PIECE));
        assert_eq!(all(&long, "p", Part::Text)[0].len(), 6 * PIECE);
    }

    #[test]
    fn hostile_pages_end_in_a_value_or_an_error() {
        let deep = |levels| Page::parse("<div>".repeat(levels).as_bytes());
        assert!(deep(400).is_ok());
        for levels in [10_000, 1_000_000] {
            assert!(deep(levels).unwrap_err().contains("deeper than 512 levels"));
        }
        // Each hides its depth or its cost in another way.
        for (piece, times) in [
            ("<div></body></html><!--x-->", 200_000),
            ("<table><b>", 200_000),
            ("<b><p>", 200_000),
            ("<a><table>", 100_000),
            ("<svg><g>", 200_000),
            ("<select><option>", 200_000),
            ("<p>", 300_000),
        ] {
            let page = Page::parse(piece.repeat(times).as_bytes());
            if let Ok(page) = page {
                let css = Css::compile("p b, div div").unwrap();
                assert!(page.first(&css, Part::Attribute("x")).is_ok_and(|it| it.is_none()));
            }
        }
        let attributes: String = (0..1_000_000).map(|n| format!("a{n} ")).collect();
        assert!(Page::parse(format!("<p {attributes}>").as_bytes()).is_err());
    }

    #[test]
    fn ten_megabytes_end_in_values_or_where_the_machine_is_slow_in_an_error() {
        let item = |id| format!("<li data-id={id}><b>Item</b> {id}</li>\n");
        let page: String = (0..300_000).map(item).collect();
        assert!(page.len() > 10_000_000);
        let css = Css::compile("li > b").unwrap();
        match Page::parse(page.as_bytes()).and_then(|page| page.all(&css, Part::Text)) {
            Ok(found) => assert_eq!(found.len(), 300_000),
            Err(message) => assert!(message.contains("too much work"), "{message}"),
        }
    }
}
