//! Interned text: tag values and step paths as small numbers, so that a sample costs no string.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::secrets::Secrets;

/// A text known to one [`Names`]; 0 is the empty text ("no such tag").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct NameId(pub u32);

impl NameId {
    /// The empty text: the tag is absent.
    pub const NONE: NameId = NameId(0);

    /// Whether this is the absent tag.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// The table of one worker; grows with distinct names only, up to its cap.
#[derive(Debug)]
pub struct Names {
    ids: FxHashMap<Arc<str>, NameId>,
    texts: Vec<Arc<str>>,
    cap: usize,
    /// Struck out of every text that is kept.
    secrets: Arc<Secrets>,
}

impl Default for Names {
    fn default() -> Self {
        Names::with_cap(usize::MAX)
    }
}

impl Names {
    /// The id of every text beyond the cap; its own text is `(too many names)`.
    pub const FULL: NameId = NameId(1);

    /// An empty table that keeps at most `cap` texts (beside those of `NONE` and `FULL`).
    pub fn with_cap(cap: usize) -> Names {
        let (ids, texts) = (FxHashMap::default(), Vec::new());
        let mut names = Names { ids, texts, cap: usize::MAX, secrets: Arc::default() };
        names.intern("");
        names.intern("(too many names)");
        names.cap = cap.saturating_add(names.texts.len());
        names
    }

    /// Strikes these out of texts that are new from now on.
    pub fn keep(&mut self, secrets: Arc<Secrets>) {
        self.secrets = secrets;
    }

    /// `text` without secrets.
    pub fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets.mask(text)
    }

    /// The id of `text`, made if it is new: a script that never names anything twice must not
    /// eat the memory, so beyond the cap it is [`FULL`](Self::FULL). About 20 ns when known.
    pub fn intern(&mut self, text: &str) -> NameId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        if self.texts.len() >= self.cap {
            return Self::FULL;
        }
        let id = NameId(u32::try_from(self.texts.len()).expect("fewer than 2^32 distinct names"));
        let kept: Arc<str> = self.masked(text).into();
        let known = if *kept == *text { kept.clone() } else { text.into() };
        self.texts.push(kept);
        self.ids.insert(known, id);
        id
    }

    /// The text of an id of this table.
    pub fn text(&self, id: NameId) -> &Arc<str> {
        &self.texts[id.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_id_and_the_empty_text_is_no_tag() {
        let mut names = Names::default();
        let login = names.intern("login");
        assert_eq!(names.intern("login"), login);
        assert_eq!(&**names.text(login), "login");
        assert_eq!(names.intern(""), NameId::NONE);
    }

    #[test]
    fn a_secret_is_struck_out_of_a_text_and_not_of_its_key() {
        let mut names = Names::default();
        let secrets = Arc::new(Secrets::default());
        secrets.add("hunter22");
        names.keep(secrets);
        let id = names.intern("/login/hunter22");
        assert_eq!(&**names.text(id), "/login/***");
        assert_eq!(names.intern("/login/hunter22"), id);
    }

    #[test]
    fn texts_beyond_the_cap_share_an_id() {
        let mut names = Names::with_cap(1);
        let first = names.intern("first");
        assert_eq!(names.intern("second"), Names::FULL);
        assert_eq!(names.intern("third"), Names::FULL);
        assert_eq!(names.intern("first"), first);
        assert_eq!(&**names.text(Names::FULL), "(too many names)");
    }
}
