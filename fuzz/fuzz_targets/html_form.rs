//! Any bytes are a page; what is found in it is found in its form, too, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loadtool::extract::{Css, Page, Part};
use url::Url;

fuzz_target!(|input: (&str, &[u8])| {
    let (css, body) = input;
    let css = Css::compile(css).or_else(|_| Css::compile("form, input"));
    let css = css.expect("the second one is a selector");
    let Ok(page) = Page::parse(body) else { return };
    let all = page.all(&css, Part::Text).expect("a small page is little work");
    let first = page.first(&css, Part::Text).expect("a small page is little work");
    assert_eq!(all.first(), first.as_ref());
    let url = Url::parse("http://127.0.0.1/a/b?c#d").expect("a URL");
    if let Ok(Some(form)) = page.form(&css, None, Some(&url)) {
        assert!(!form.action.is_empty());
        assert!(form.fields.iter().all(|(name, _)| !name.is_empty()));
    }
});
