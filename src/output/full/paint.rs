//! What a picture is painted with: meanings become styles, with colours or without.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::output::text::{cut, harmless};

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Plain,
    Faint,
    Strong,
    Good,
    Bad,
    Doubt,
    /// A curve, by its number.
    Curve(usize),
}

/// Between two parts.
const GAP: &str = "  ";

/// Colours of curves.
const CURVES: [Color; 4] = [Color::Cyan, Color::Yellow, Color::Magenta, Color::Red];

/// Turns tones into styles.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    /// Whether there are colours; else strength alone tells meanings apart.
    pub color: bool,
}

impl Palette {
    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::default();
        match (tone, self.color) {
            (Tone::Plain, _) | (Tone::Good | Tone::Curve(_), false) => plain,
            (Tone::Faint, _) => plain.add_modifier(Modifier::DIM),
            (Tone::Strong | Tone::Bad, false) | (Tone::Strong, true) => {
                plain.add_modifier(Modifier::BOLD)
            }
            (Tone::Doubt, false) => plain.add_modifier(Modifier::UNDERLINED),
            (Tone::Good, true) => plain.fg(Color::Green),
            (Tone::Bad, true) => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
            (Tone::Doubt, true) => plain.fg(Color::Yellow),
            (Tone::Curve(number), true) => plain.fg(CURVES[number % CURVES.len()]),
        }
    }

    /// A text, made harmless.
    pub fn span(self, tone: Tone, text: impl AsRef<str>) -> Span<'static> {
        Span::styled(harmless(text.as_ref()).into_owned(), self.style(tone))
    }

    /// Parts one after the other, on as many lines as they take, at most so many; what does not fit
    /// is left out.
    pub fn flow(self, parts: &[(Tone, String)], columns: usize, most: usize) -> Vec<Line<'static>> {
        let mut lines: Vec<Line> = Vec::new();
        let mut used = columns;
        for (tone, text) in parts.iter().filter(|(_, text)| !text.is_empty()) {
            let span = self.span(*tone, cut(text, columns));
            let wide = span.width();
            let another = lines.len() < most;
            match lines.last_mut() {
                Some(line) if used + GAP.len() + wide <= columns => {
                    line.push_span(Span::raw(GAP));
                    line.push_span(span);
                    used += GAP.len() + wide;
                }
                _ if another => {
                    lines.push(Line::from(span));
                    used = wide;
                }
                _ => {}
            }
        }
        lines
    }
}
