//! Values that must not be written: what `lt.secret` gave to a script.
//!
//! Whatever can carry such a value to a reader is masked where it is kept for him: names, tags and
//! errors in the recorder, failures where they are made, lines on the screen. So nothing that
//! leaves a worker holds a secret, and no output need know of them. A value is also found in the
//! forms that it takes on its way: URL-encoded, in JSON, HTML or quoted, as hex and base64, also
//! within a longer base64 text such as that of basic authentication, and where a text that was
//! shortened (`…`) breaks off in its midst.
//!
//! While there is no secret, masking costs one load of an atomic.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use url::Url;

/// What stands in a secret's place.
pub const STRUCK: &str = "***";

/// Shorter values are masked as they are, in no other form: they would be found in every text.
const ENCODED_FROM: usize = 4;

/// Shorter pieces of a value are no trace of it.
const TRACE: usize = 4;

/// What shortened texts end with.
const CUT: &str = "…";

/// The secrets of a run; all threads share them.
#[derive(Debug, Default)]
pub struct Secrets {
    any: AtomicBool,
    masker: RwLock<Arc<Masker>>,
}

impl Secrets {
    /// Masks `value` from now on; whether it is new. An empty value is no secret.
    pub fn add(&self, value: &str) -> bool {
        if value.is_empty() || self.masker().values.contains(value) {
            return false;
        }
        let mut masker = self.masker.write().unwrap_or_else(PoisonError::into_inner);
        let mut values = masker.values.clone();
        let new = values.insert(value.to_owned());
        *masker = Arc::new(Masker::of(values));
        self.any.store(true, Ordering::Release);
        new
    }

    /// `text` with all secrets in it struck out.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.any.load(Ordering::Acquire) {
            return Cow::Borrowed(text);
        }
        let found = self.masker().find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut from = 0;
        for range in found {
            masked.push_str(&text[from..range.start]);
            masked.push_str(STRUCK);
            from = range.end;
        }
        masked.push_str(&text[from..]);
        Cow::Owned(masked)
    }

    /// Whether `text` holds a secret.
    pub fn shows_in(&self, text: &str) -> bool {
        matches!(self.mask(text), Cow::Owned(_))
    }

    fn masker(&self) -> Arc<Masker> {
        self.masker.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is sought, for one set of values.
#[derive(Debug, Default)]
struct Masker {
    values: BTreeSet<String>,
    /// All forms of all values.
    forms: Vec<String>,
    automaton: Option<AhoCorasick>,
}

impl Masker {
    fn of(values: BTreeSet<String>) -> Masker {
        let forms: BTreeSet<String> = values.iter().flat_map(|value| forms(value)).collect();
        let forms: Vec<String> = forms.into_iter().collect();
        // It fails only for gigabytes of patterns.
        let automaton = AhoCorasick::new(&forms).ok();
        Masker { values, forms, automaton }
    }

    /// Where secrets are, in order and apart from each other.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        let whole = automaton.find_overlapping_iter(text).map(|found| found.range());
        let mut found: Vec<Range<usize>> = whole.collect();
        for (at, _) in text.match_indices(CUT) {
            found.extend(self.broken_off(&text[..at]));
        }
        found.sort_by_key(|range| range.start);
        found.dedup_by(|next, last| {
            let together = next.start <= last.end;
            if together {
                last.end = last.end.max(next.end);
            }
            together
        });
        found
    }

    /// The longest beginning of a secret that `text` ends with; it may end in half a character.
    fn broken_off(&self, text: &str) -> Option<Range<usize>> {
        let text = text.trim_end_matches('\u{fffd}').as_bytes();
        let longest = |form: &String| {
            let form = form.as_bytes();
            let most = form.len().saturating_sub(1).min(text.len());
            (TRACE..=most).rev().find(|&length| text.ends_with(&form[..length]))
        };
        let length = self.forms.iter().filter_map(longest).max()?;
        let start = text.len() - length;
        Some(start..text.len())
    }
}

/// The value and what becomes of it in URLs, forms, JSON, HTML, messages and base64.
fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    if value.len() < ENCODED_FROM {
        return forms;
    }
    let quoted = |text: String| text[1..text.len() - 1].to_owned();
    let json = quoted(serde_json::Value::from(value).to_string());
    forms.push(json.replace('/', "\\/"));
    forms.push(ascii(&json));
    forms.push(json);
    forms.push(quoted(format!("{value:?}")));
    forms.push(value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect());
    for apostrophe in ["&#39;", "&#x27;", "&apos;"] {
        let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        forms.push(html.replace('"', "&quot;").replace('\'', apostrophe));
    }
    forms.extend(in_urls(value));
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex.to_uppercase());
    forms.push(hex);
    forms.extend((0..3).flat_map(|offset| in_base64(value, offset)));
    forms
}

/// JSON as those write it who keep to ASCII.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_ascii() {
            true => text.push(c),
            false => text.extend(c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}"))),
        }
    }
    text
}

/// RFC 3986's unreserved characters stay.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As path, query, fragment, password, form field, or encoded altogether.
fn in_urls(value: &str) -> Vec<String> {
    let whole = percent_encode(value.as_bytes(), COMPONENT).to_string();
    let form = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let mut forms = vec![whole.to_lowercase(), whole, form];
    let Ok(mut url) = Url::parse("http://user@host/") else { return forms };
    url.set_path(value);
    url.set_query(Some(value));
    url.set_fragment(Some(value));
    // Fails only for URLs that cannot have a password.
    let _ = url.set_password(Some(value));
    forms.push(url.path()[1..].to_owned());
    forms.extend(
        [url.query(), url.fragment(), url.password()].into_iter().flatten().map(String::from),
    );
    forms.retain(|form| form.len() >= value.len().min(ENCODED_FROM));
    forms
}

/// The part of a base64 text that `value` alone decides, where it begins `offset` bytes after a
/// group of three; in both alphabets.
fn in_base64(value: &str, offset: usize) -> [String; 2] {
    let bytes = [&vec![0; offset], value.as_bytes()].concat();
    let decided = (8 * offset).div_ceil(6)..8 * bytes.len() / 6;
    let of =
        |engine: &base64::engine::GeneralPurpose| engine.encode(&bytes)[decided.clone()].to_owned();
    [of(&STANDARD_NO_PAD), of(&URL_SAFE_NO_PAD)]
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        let secrets = Secrets::default();
        values.iter().for_each(|value| assert!(secrets.add(value)));
        secrets
    }

    #[test]
    fn a_text_without_secrets_is_given_back_as_it_is() {
        let none = Secrets::default();
        assert!(!none.add("") && matches!(none.mask("a password"), Cow::Borrowed(_)));
        assert!(matches!(secrets(&["hunter22"]).mask("a password"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_secret_is_found_in_every_form_that_it_takes() {
        let value = "pä$ s/\"w&'+ord=";
        let secrets = secrets(&[value]);
        let (json, form) = (
            serde_json::to_string(value).unwrap(),
            url::form_urlencoded::Serializer::new(String::new()).append_pair("p", value).finish(),
        );
        let url = Url::parse(&format!("http://h/?q={value}&r={form}")).unwrap();
        for text in [
            value,
            &json,
            "\"p\\u00e4$ s\\/\\\"w&'+ord=\"".replace("\\/", "/").as_str(),
            &format!("{value:?}"),
            &form,
            url.as_str(),
            "p%C3%A4%24%20s%2F%22w%26%27%2Bord%3D",
            "pä$ s/&quot;w&amp;&#39;+ord=",
        ] {
            let masked = secrets.mask(&format!("<{text}>")).into_owned();
            assert!(masked.contains(STRUCK) && !masked.contains("ord"), "{text} → {masked}");
        }
    }

    #[test]
    fn a_secret_is_found_in_base64_wherever_it_begins() {
        let secrets = secrets(&["correct horse"]);
        for before in ["", "a:", "user:", "longer:name:"] {
            let text = STANDARD.encode(format!("{before}correct horse and more"));
            let masked = secrets.mask(&text).into_owned();
            assert!(masked.contains(STRUCK), "{before}: {masked}");
            let left = masked.len() - STRUCK.len();
            assert!(left <= (before.len() + " and more".len()) * 4 / 3 + 6, "{before}: {masked}");
        }
        let hex = "636f727265637420686f727365";
        assert_eq!(secrets.mask(hex), STRUCK);
    }

    #[test]
    fn a_secret_that_a_shortened_text_breaks_off_in_is_masked_to_there() {
        let secrets = secrets(&["correct horse"]);
        assert_eq!(secrets.mask("it is correct ho… (90 bytes)"), "it is ***… (90 bytes)");
        assert_eq!(secrets.mask("it is cor…"), "it is cor…");
        let umlauts = super::tests::secrets(&["ääääää"]);
        assert_eq!(umlauts.mask("x ääää\u{fffd}…"), "x ***\u{fffd}…");
    }

    #[test]
    fn secrets_that_overlap_leave_nothing_between_them() {
        let secrets = secrets(&["abcdef", "defghi", "ab"]);
        assert_eq!(secrets.mask("<abcdefghi> ab"), "<***> ***");
    }

    #[test]
    fn a_short_secret_is_masked_as_it_is_only() {
        let secrets = secrets(&["7x"]);
        assert_eq!(secrets.mask("7x 3778"), "*** 3778");
    }
}
