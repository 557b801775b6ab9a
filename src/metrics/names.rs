//! Interned text: tag values and step paths as small numbers, so that a sample costs no string.

use std::collections::HashMap;
use std::sync::Arc;

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

/// The table of one worker; grows with distinct names only.
#[derive(Debug)]
pub struct Names {
    ids: HashMap<Arc<str>, NameId, rustc_hash::FxBuildHasher>,
    texts: Vec<Arc<str>>,
}

impl Default for Names {
    fn default() -> Self {
        let empty: Arc<str> = "".into();
        Names { ids: [(empty.clone(), NameId::NONE)].into_iter().collect(), texts: vec![empty] }
    }
}

impl Names {
    /// The id of `text`, made if it is new. About 20 ns when known.
    pub fn intern(&mut self, text: &str) -> NameId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = NameId(u32::try_from(self.texts.len()).expect("fewer than 2^32 distinct names"));
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.ids.insert(text, id);
        id
    }

    /// The text of an id of this table.
    pub fn text(&self, id: NameId) -> &Arc<str> {
        &self.texts[id.0 as usize]
    }
}
