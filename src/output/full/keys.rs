//! What a terminal sends for a key, as keys: some are several bytes that begin with an escape.

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(u8),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    BackTab,
    Escape,
    /// Ctrl-L.
    Redraw,
}

const ESCAPE: u8 = 0x1b;

/// Longest sequence that is waited for.
const LONGEST: usize = 8;

/// Bytes as they come, cut where they may be.
#[derive(Debug, Default)]
pub struct Keys {
    /// The beginning of a sequence.
    begun: Vec<u8>,
}

impl Keys {
    /// The keys that these bytes complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Key> {
        bytes.iter().filter_map(|&byte| self.byte(byte)).collect()
    }

    /// Nothing more came for a while: an escape that stood alone was a key.
    pub fn pause(&mut self) -> Option<Key> {
        let begun = std::mem::take(&mut self.begun);
        (begun == [ESCAPE]).then_some(Key::Escape)
    }

    fn byte(&mut self, byte: u8) -> Option<Key> {
        match (self.begun.is_empty(), byte) {
            (_, ESCAPE) => self.begun = vec![ESCAPE],
            (true, b'\t') => return Some(Key::Tab),
            (true, b'\x0c') => return Some(Key::Redraw),
            (true, byte) => return byte.is_ascii_graphic().then_some(Key::Char(byte)),
            (false, byte) => self.begun.push(byte),
        }
        let key = match &self.begun[1..] {
            [] | [b'[' | b'O'] => return None,
            [b'[' | b'O', b'A'] => Some(Key::Up),
            [b'[' | b'O', b'B'] => Some(Key::Down),
            [b'[' | b'O', b'C'] => Some(Key::Right),
            [b'[' | b'O', b'D'] => Some(Key::Left),
            [b'[' | b'O', b'H'] | [b'[', b'1' | b'7', b'~'] => Some(Key::Home),
            [b'[' | b'O', b'F'] | [b'[', b'4' | b'8', b'~'] => Some(Key::End),
            [b'[', b'5', b'~'] => Some(Key::PageUp),
            [b'[', b'6', b'~'] => Some(Key::PageDown),
            [b'[', b'Z'] => Some(Key::BackTab),
            // Parameters; a letter or `~` ends the sequence.
            [b'[', .., b'0'..=b'?'] if self.begun.len() < LONGEST => return None,
            _ => None,
        };
        self.begun.clear();
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_keys_however_they_are_cut_and_unknown_ones_are_none() {
        let all = b"q\x1b[A\x1bOB\x1b[5~\x1b[1;5C\x1b[Z\t?\x1b[24~\x00\x0c+";
        let expected = [
            Key::Char(b'q'),
            Key::Up,
            Key::Down,
            Key::PageUp,
            Key::BackTab,
            Key::Tab,
            Key::Char(b'?'),
            Key::Redraw,
            Key::Char(b'+'),
        ];
        for cut in 0..all.len() {
            let mut keys = Keys::default();
            let heard = [keys.take(&all[..cut]), keys.take(&all[cut..])].concat();
            assert_eq!(heard, expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_escape_alone_is_a_key_once_nothing_follows() {
        let mut keys = Keys::default();
        assert_eq!(
            (keys.take(b"\x1b"), keys.pause(), keys.pause()),
            (vec![], Some(Key::Escape), None)
        );
        assert_eq!((keys.take(b"\x1b["), keys.pause()), (vec![], None));
    }
}
