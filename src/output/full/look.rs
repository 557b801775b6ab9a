//! What whoever looks has chosen to see, and what their keys do.

use super::keys::Key;
use super::sheets::Tab;
use crate::output::steer::{Steer, Wish};

/// The part of a picture that is not the run's.
#[derive(Debug, Default)]
pub struct Look {
    pub tab: Tab,
    /// The first row that is shown.
    pub from: usize,
    /// Whether keys are explained.
    pub help: bool,
    /// What came of the last key, as a sentence.
    pub told: String,
    /// Rows of the table, and how many there is room for: as they were drawn last.
    pub rows: usize,
    pub room: usize,
}

impl Look {
    /// Does what a key says.
    pub fn press(&mut self, key: Key, steer: &dyn Steer) {
        self.told.clear();
        if std::mem::take(&mut self.help) && matches!(key, Key::Escape | Key::Char(b'?' | b'h')) {
            return;
        }
        match key {
            Key::Char(b'?' | b'h') => self.help = true,
            Key::Tab | Key::Right => self.turn_to(self.tab.next(1)),
            Key::BackTab | Key::Left => self.turn_to(self.tab.next(Tab::ALL.len() - 1)),
            Key::Up | Key::Char(b'k') => self.from = self.from.saturating_sub(1),
            Key::Down | Key::Char(b'j') => self.from += 1,
            Key::PageUp => self.from = self.from.saturating_sub(self.room),
            Key::PageDown => self.from += self.room,
            Key::Home => self.from = 0,
            Key::End => self.from = usize::MAX,
            Key::Char(number @ b'1'..=b'9') => self.turn_to(Tab::ALL[usize::from(number - b'1')]),
            Key::Char(other) => self.say(other, steer),
            Key::Escape | Key::Redraw => {}
        }
        self.from = self.from.min(self.rows.saturating_sub(self.room));
    }

    fn turn_to(&mut self, tab: Tab) {
        self.tab = tab;
        self.from = 0;
        self.rows = usize::MAX; // not known before it is drawn
    }

    fn say(&mut self, key: u8, steer: &dyn Steer) {
        let Some(wish) = Wish::of(key) else { return };
        if wish == Wish::Stop {
            self.told = "stopping: iterations under way may finish; Ctrl-C to stop now".to_owned();
        } else if steer.steered().is_empty() {
            self.told = "the plan says when iterations start: there is nothing to steer".to_owned();
        }
        if let Some(refused) = wish.fulfil(steer).into_iter().next() {
            self.told = refused;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::output::steer::{Command, Paced, Steered};

    /// Two users at work of ten, and what was asked for.
    #[derive(Default)]
    struct Helm(Mutex<Vec<Command>>);

    impl Steer for Helm {
        fn steered(&self) -> Vec<Steered> {
            let scenario = "shop".to_owned();
            vec![Steered { scenario, users: Some(2), most: 10, paused: false, manual: true }]
        }

        fn paced(&self) -> Vec<Paced> {
            Vec::new()
        }

        fn steer(&self, command: &Command) -> Result<(), String> {
            self.0.lock().unwrap().push(command.clone());
            if *command == Command::Stop { Ok(()) } else { Err("too early".to_owned()) }
        }
    }

    #[test]
    fn keys_steer_and_what_is_refused_is_told() {
        let (mut look, helm) = (Look::default(), Helm::default());
        look.press(Key::Char(b'+'), &helm);
        assert_eq!(look.told, "too early");
        look.press(Key::Char(b'q'), &helm);
        assert!(look.told.starts_with("stopping"));
        look.press(Key::Char(b'x'), &helm);
        assert_eq!(look.told, "");
        let scenario = "shop".to_owned();
        let asked = helm.0.into_inner().unwrap();
        assert_eq!(asked, [Command::Scale { scenario, users: 3 }, Command::Stop]);
    }

    #[test]
    fn a_table_scrolls_from_its_first_row_to_its_last_and_no_further() {
        let (mut look, helm) = (Look::default(), Helm::default());
        (look.rows, look.room) = (30, 10);
        let mut at = |keys: &[Key]| {
            keys.iter().for_each(|key| look.press(*key, &helm));
            look.from
        };
        assert_eq!(at(&[Key::Up]), 0);
        assert_eq!(at(&[Key::Down, Key::PageDown]), 11);
        assert_eq!(at(&[Key::PageDown, Key::PageDown]), 20);
        assert_eq!(at(&[Key::PageUp]), 10);
        assert_eq!((at(&[Key::Home]), at(&[Key::End])), (0, 20));
        assert_eq!(at(&[Key::Tab]), 0);
    }

    #[test]
    fn help_goes_away_with_the_next_key_which_still_counts() {
        let (mut look, helm) = (Look::default(), Helm::default());
        look.press(Key::Char(b'?'), &helm);
        assert!(look.help);
        look.press(Key::Char(b'?'), &helm);
        assert!(!look.help);
        look.press(Key::Char(b'?'), &helm);
        look.press(Key::Char(b'q'), &helm);
        assert!(!look.help && look.told.starts_with("stopping"));
    }
}
