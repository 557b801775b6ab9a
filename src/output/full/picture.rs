//! The whole picture: what is where, by how much room there is.
//!
//! ```text
//! head                     name, time, stage, verdict so far, numbers of this second
//! charts                   as many as fit: latency first, then rate, then users
//! thresholds │ errors │ …  where there is room
//! table                    one of several, always
//! foot                     keys, or what came of the last one
//! ```

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use super::Board;
use super::charts::{LATENCY, Plot, RATE, USERS};
use super::look::Look;
use super::paint::{Palette, Tone};
use super::sheet::Sheet;
use super::sheets::{self, Tab};
use crate::output::steer::{self, Steered};
use crate::output::text::{cut, width};
use crate::results::format;

/// Columns that a chart needs, and lines that it gets.
const CHART_COLUMNS: u16 = 36;
const CHART_LINES: std::ops::RangeInclusive<u16> = 7..=13;

/// Lines below which there is only the table, below the head.
const LEAST_LINES: u16 = 14;

/// Lines from which on there are panels between charts and table, and their own.
const PANELS_FROM: u16 = 30;
const PANEL_LINES: u16 = 9;

/// Columns from which on there are frames around things.
const FRAMES_FROM: u16 = 60;

const HELP: [(&str, &str); 6] = [
    ("q", "stop the run (Ctrl-C: twice)"),
    ("p", "pause, and go on"),
    ("+ -", "more, fewer users"),
    ("Tab ← → 1-9", "another table"),
    ("↑ ↓ PgUp PgDn", "scroll it"),
    ("?", "these keys"),
];

/// What is to be seen.
pub struct Scene<'s> {
    pub board: &'s Board,
    pub steered: &'s [Steered],
    /// Lines of the log.
    pub kept: &'s [String],
    pub palette: Palette,
}

impl Scene<'_> {
    /// Draws it all, and tells the look how much of its table was seen.
    pub fn draw(&self, frame: &mut Frame, look: &mut Look) {
        let area = frame.area();
        let small = area.width < FRAMES_FROM || area.height < LEAST_LINES;
        let most = if small { 3.min(area.height / 2) } else { 2 };
        let head = self.palette.flow(&self.head(), area.width.into(), most.into());
        let [top, body, foot] = Layout::vertical([
            Constraint::Length(head.len() as u16),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(area);
        frame.render_widget(Paragraph::new(head), top);
        self.body(frame, body, look);
        frame.render_widget(self.foot(look, foot.width), foot);
        if look.help {
            self.help(frame, area);
        }
    }

    /// Which run, how far it is, and the numbers of its last second.
    fn head(&self) -> Vec<(Tone, String)> {
        let Board { about, tables, points } = self.board;
        let elapsed = points.last().map_or(0, |point| u64::from(point.second) + 1);
        let steered = steer::told(self.steered, about.scenarios.len() == 1);
        let outlook = match tables.outlook {
            "threshold crossed" => Tone::Bad,
            "all thresholds hold" => Tone::Good,
            _ => Tone::Doubt,
        };
        let mut head = vec![
            (Tone::Strong, about.name.clone()),
            (Tone::Strong, format::progress(elapsed, about.length)),
        ];
        let Some(now) = points.last() else {
            head.push((Tone::Faint, "no second is over yet".to_owned()));
            return head;
        };
        let ms = |name: &str, value: Option<f64>| {
            value.map_or_else(String::new, |value| format!("{name} {}", format::ms(value)))
        };
        let some = |count: u64, what: &str| {
            if count > 0 { format!("{} {what}", format::count(count)) } else { String::new() }
        };
        let errors: u64 = tables.categories.values().sum();
        let (calls, what) = match tables.calls.is_empty() {
            true => (now.iterations, "iterations/s"),
            false => (now.calls, "calls/s"),
        };
        head.extend([
            (outlook, tables.outlook.to_owned()),
            (Tone::Plain, now.stage.clone()),
            (Tone::Doubt, steered),
            (Tone::Plain, format!("{} {what}", format::count(calls))),
            (Tone::Plain, format::counted(now.vus, "user")),
            (Tone::Bad, some(now.backlog, "waiting")),
            (Tone::Plain, ms("p95", now.p95)),
            (if errors > 0 { Tone::Bad } else { Tone::Plain }, format::counted(errors, "error")),
            (
                Tone::Faint,
                now.health.cpu.map_or_else(String::new, |cpu| {
                    format!("CPU {} %", format::number(cpu.round()))
                }),
            ),
        ]);
        head
    }

    fn body(&self, frame: &mut Frame, area: Rect, look: &mut Look) {
        let charts = if area.height >= LEAST_LINES {
            (area.height * 2 / 5).clamp(*CHART_LINES.start(), *CHART_LINES.end())
        } else {
            0
        };
        let panels =
            if area.height >= PANELS_FROM && area.width >= FRAMES_FROM { PANEL_LINES } else { 0 };
        let [top, middle, rest] = Layout::vertical([
            Constraint::Length(charts),
            Constraint::Length(panels),
            Constraint::Min(0),
        ])
        .areas(area);
        if charts > 0 {
            self.charts(frame, top);
        }
        if panels > 0 {
            self.panels(frame, middle);
        }
        self.table(frame, rest, look);
    }

    fn charts(&self, frame: &mut Frame, area: Rect) {
        let called = self.board.points.iter().any(|point| point.p50.is_some());
        let all: &[&Plot] = if called { &[&LATENCY, &RATE, &USERS] } else { &[&RATE, &USERS] };
        let shown = usize::from(area.width / CHART_COLUMNS).clamp(1, all.len());
        let places = Layout::horizontal(vec![Constraint::Fill(1); shown]).split(area);
        for (plot, place) in all.iter().zip(places.iter()) {
            plot.draw(frame, *place, &self.board.points, self.palette);
        }
    }

    fn panels(&self, frame: &mut Frame, area: Rect) {
        let health = self.board.points.last().map(|point| &point.health);
        let [left, middle, right] =
            Layout::horizontal([Constraint::Fill(5), Constraint::Fill(2), Constraint::Fill(3)])
                .areas(area);
        for (title, sheet, place) in [
            ("Thresholds", sheets::thresholds(&self.board.tables), left),
            ("Errors", sheets::categories(&self.board.tables), middle),
            ("Generator", sheets::generator(health), right),
        ] {
            let block =
                self.frame(Line::from(self.palette.span(Tone::Strong, format!(" {title} "))));
            let inner = block.inner(place);
            frame.render_widget(block, place);
            self.sheet(frame, inner, &sheet, 0);
        }
    }

    fn table(&self, frame: &mut Frame, area: Rect, look: &mut Look) {
        let sheet = look.tab.sheet(self.board, self.kept);
        let framed = area.width >= FRAMES_FROM && area.height > 4;
        let inner = if framed { self.frame(Line::default()).inner(area) } else { below(area) };
        look.rows = sheet.rows.len();
        look.room = usize::from(inner.height.saturating_sub(1));
        look.from = look.from.min(look.rows.saturating_sub(look.room));
        let mut title = self.tabs(look, area.width);
        if framed {
            frame.render_widget(self.frame(title).title_bottom(self.rows(look)), area);
        } else if area.height > 0 {
            title.extend(self.rows(look));
            frame.render_widget(Paragraph::new(title), Rect { height: 1, ..area });
        }
        self.sheet(frame, inner, &sheet, look.from);
    }

    /// All tables by name where there is room; else the one that is shown, and how many there are.
    fn tabs(&self, look: &Look, columns: u16) -> Line<'static> {
        let mut line = Line::default();
        let all = sum_of_names() + 2 <= usize::from(columns);
        for (place, tab) in Tab::ALL.into_iter().enumerate() {
            let mut span = self.palette.span(Tone::Faint, format!(" {} ", tab.name()));
            if tab == look.tab {
                span = self.palette.span(Tone::Strong, span.content);
                span.style = span.style.add_modifier(Modifier::REVERSED);
                line.push_span(span);
                if !all {
                    let told = format!(" {}/{}", place + 1, Tab::ALL.len());
                    line.push_span(self.palette.span(Tone::Faint, told));
                }
            } else if all {
                line.push_span(span);
            }
        }
        line
    }

    /// Which rows of the table are shown, where that is not all.
    fn rows(&self, look: &Look) -> Line<'static> {
        if look.rows <= look.room {
            return Line::default();
        }
        let last = (look.from + look.room).min(look.rows);
        let told = format!(" rows {}–{last} of {} ", look.from + 1, look.rows);
        Line::from(self.palette.span(Tone::Faint, told))
    }

    fn sheet(&self, frame: &mut Frame, area: Rect, sheet: &Sheet, from: usize) {
        let lines = sheet.lines(area.width.into(), area.height.into(), from, self.palette);
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn foot(&self, look: &Look, columns: u16) -> Line<'static> {
        if !look.told.is_empty() {
            return Line::from(self.palette.span(Tone::Doubt, cut(&look.told, columns.into())));
        }
        let mut keys = vec!["? keys", "q stop"];
        if !self.steered.is_empty() {
            keys.extend(["p pause", "+ - users"]);
        }
        keys.extend(["Tab tables", "↑ ↓ scroll"]);
        let keys: Vec<_> = keys.into_iter().map(|key| (Tone::Faint, key.to_owned())).collect();
        self.palette.flow(&keys, columns.into(), 1).into_iter().next().unwrap_or_default()
    }

    fn help(&self, frame: &mut Frame, area: Rect) {
        let line = |(key, does): (&str, &str)| {
            let blanks = " ".repeat(14_usize.saturating_sub(width(key)));
            Line::from(vec![
                self.palette.span(Tone::Strong, format!(" {key}{blanks}")),
                self.palette.span(Tone::Plain, does),
            ])
        };
        let lines: Vec<Line> = HELP.into_iter().map(line).collect();
        let (wide, high) = (46.min(area.width), (lines.len() as u16 + 2).min(area.height));
        let place = Rect {
            x: area.x + (area.width - wide) / 2,
            y: area.y + (area.height - high) / 2,
            width: wide,
            height: high,
        };
        let title = Line::from(self.palette.span(Tone::Strong, " Keys "));
        frame.render_widget(Clear, place);
        frame.render_widget(Paragraph::new(lines).block(self.frame(title)), place);
    }

    fn frame(&self, title: Line<'static>) -> Block<'static> {
        Block::bordered().border_style(self.palette.style(Tone::Faint)).title(title)
    }
}

/// Without its first line.
fn below(area: Rect) -> Rect {
    let first = 1.min(area.height);
    Rect { y: area.y + first, height: area.height - first, ..area }
}

fn sum_of_names() -> usize {
    Tab::ALL.iter().map(|tab| width(tab.name()) + 2).sum()
}

#[cfg(test)]
mod tests;
