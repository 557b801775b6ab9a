//! What a picture is drawn on: cells become ANSI sequences, which reach the screen as a whole.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier, Style};

use crate::output::screen::Screen;

/// Colours that are used, and their codes.
const COLORS: [(Color, &str); 6] = [
    (Color::Red, "31"),
    (Color::Green, "32"),
    (Color::Yellow, "33"),
    (Color::Blue, "34"),
    (Color::Magenta, "35"),
    (Color::Cyan, "36"),
];

/// The same for what else a text may be.
const MODIFIERS: [(Modifier, &str); 4] = [
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::REVERSED, "7"),
];

/// A screen to draw on. What nobody can be shown any more is passed over, so nothing fails.
pub struct Canvas {
    screen: Arc<Screen>,
    drawn: String,
}

impl Canvas {
    pub fn new(screen: Arc<Screen>) -> Canvas {
        Canvas { screen, drawn: String::new() }
    }

    fn put(&mut self, part: std::fmt::Arguments<'_>) {
        self.drawn.write_fmt(part).expect("a String takes all that is written");
    }
}

impl Backend for Canvas {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut style = Style::default();
        let mut next = None;
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                self.put(format_args!("\x1b[{};{}H", y + 1, x + 1));
            }
            if cell.style() != style {
                style = cell.style();
                self.put(format_args!("\x1b[0{}m", codes(style)));
            }
            self.drawn.push_str(cell.symbol());
            // What is wider leaves its second cell out, so the next is told its place.
            next = Some((x + 1, y));
        }
        self.drawn.push_str("\x1b[0m");
        Ok(())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.drawn.push_str("\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        self.drawn.push_str("\x1b[?25h");
        Ok(())
    }

    /// Nobody types here: it is wherever it was left.
    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        let Position { x, y } = position.into();
        self.put(format_args!("\x1b[{};{}H", y + 1, x + 1));
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> Result<(), Infallible> {
        self.drawn.push_str(match region {
            ClearType::All => "\x1b[2J",
            ClearType::AfterCursor => "\x1b[J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        });
        Ok(())
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(Size::from(self.screen.size()))
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        self.screen.draw(self.drawn.as_bytes());
        self.drawn.clear();
        Ok(())
    }
}

/// `;31;1`: what a style adds to the plain one.
fn codes(style: Style) -> String {
    let color = COLORS.iter().filter(|(color, _)| style.fg == Some(*color)).map(|(_, code)| *code);
    let modifiers = MODIFIERS.iter().filter(|(one, _)| style.add_modifier.contains(*one));
    let codes = color.chain(modifiers.map(|(_, code)| *code));
    codes.map(|code| format!(";{code}")).collect()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::text::{Line, Span};

    use super::*;
    use crate::output::screen::tests::Paper;

    #[test]
    fn what_is_drawn_reaches_the_screen_as_one_and_only_while_it_is_covered() {
        let paper = Paper::default();
        let screen = Arc::new(paper.screen(true, 12));
        let mut terminal = Terminal::new(Canvas::new(screen.clone())).unwrap();
        let style = Style::default().fg(Color::Red).add_modifier(Modifier::BOLD);
        let line = Line::from(vec![Span::raw("漢 "), Span::styled("bad", style)]);
        let mut draw = |line: &Line| {
            terminal.draw(|frame| frame.render_widget(line, frame.area())).unwrap();
        };
        screen.cover();
        let before = paper.text().len();
        draw(&line);
        let drawn = paper.text()[before..].to_owned();
        assert!(drawn.contains("漢\x1b[1;4H\x1b[0;31;1mbad\x1b[0m"), "{drawn:?}");
        screen.uncover();
        let after = paper.text().len();
        draw(&Line::from("unseen"));
        assert_eq!(paper.text().len(), after);
    }
}
