//! Texts with `*` for any run of characters.

/// A pattern: literal pieces, with anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    /// At least one; a `*` stands between each and the next.
    pub pieces: Vec<String>,
}

impl Glob {
    /// That very text.
    pub fn literal(text: &str) -> Glob {
        Glob { pieces: vec![text.to_owned()] }
    }

    /// `*`: anything.
    pub fn any() -> Glob {
        Glob { pieces: vec![String::new(), String::new()] }
    }

    /// Whether the whole of `text` fits: it begins and ends as the outer pieces say, and the inner
    /// ones follow each other between them. Taking each at its first place leaves most to the rest.
    pub fn matches(&self, text: &str) -> bool {
        let [first, inner @ .., last] = self.pieces.as_slice() else {
            return self.pieces.iter().all(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for piece in inner {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_for_none() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "aa", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("/cart/*/items", "/cart/17/items", true),
            ("5*", "503", true),
        ] {
            let glob = Glob { pieces: pattern.split('*').map(str::to_owned).collect() };
            assert_eq!(glob.matches(text), expected, "{pattern} on {text}");
        }
    }
}
