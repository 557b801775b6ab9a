//! Pictures at several sizes, as text.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::look::Look;
use super::super::paint::Palette;
use super::*;
use crate::output::view::{
    About, CheckRow, ErrorRow, HealthPoint, OwnRow, Point, ScenarioRow, Tables, ThresholdRow,
    TimedRow,
};

fn point(second: u32) -> Point {
    let wave = f64::from(second % 20);
    let health = HealthPoint {
        cpu: Some(37.0),
        busiest: Some(95),
        memory: Some(64.0 * 1048576.0),
        fds: Some(52.0),
        lag: Some(0.4),
        steal: Some(3.0),
        throttled: Some(0.0),
    };
    Point {
        second,
        stage: "hold".to_owned(),
        vus: u64::from(second.min(20)),
        backlog: if second > 50 { 7 } else { 0 },
        calls: 800 + 10 * u64::from(second % 20),
        failed: u64::from(second % 3),
        iterations: 80,
        p50: Some(1.5 + wave / 10.0),
        p95: Some(12.0 + wave),
        p99: Some(40.0 + 4.0 * wave),
        health,
        ..Point::default()
    }
}

fn tables() -> Tables {
    let call = |step: &str, method: &str, name: &str, count: u64| TimedRow {
        scenario: "buyers".to_owned(),
        step: step.to_owned(),
        method: method.to_owned(),
        name: name.to_owned(),
        count,
        failed: count / 1000,
        p50: Some(1.2),
        p95: Some(12.3),
        p99: Some(45.6),
        max: Some(789.0),
    };
    let threshold = |standing, tone, metric: &str, observed: &str| ThresholdRow {
        standing,
        tone,
        metric: metric.to_owned(),
        condition: "p95 < 200ms".to_owned(),
        observed: observed.to_owned(),
        margin: "16 % above".to_owned(),
    };
    Tables {
        seconds: 60,
        outlook: "threshold crossed",
        thresholds: vec![
            threshold("ok", "good", "http_call_duration", "12.3 ms"),
            threshold("crossed", "bad", "http_call_duration{step=login}", "231 ms"),
            threshold("no data", "doubt", "step_duration{step=pay}", ""),
        ],
        scenarios: vec![ScenarioRow {
            scenario: "buyers".to_owned(),
            planned: 4_820,
            started: 4_800,
            completed: 4_790,
            dropped: 20,
            reasons: "queue full 20".to_owned(),
            vus: 20,
            ..ScenarioRow::default()
        }],
        calls: vec![
            call("browse", "GET", "/products/{id}", 30_123),
            call("login", "POST", "/login", 4_800),
            call("browse / search", "GET", "/search?q={q}&page={page}", 900),
        ],
        steps: vec![call("browse", "", "", 30_123)],
        checks: vec![CheckRow {
            step: "login".into(),
            check: "is 200".into(),
            passed: 4_790,
            failed: 10,
        }],
        own: vec![OwnRow {
            metric: "orders".into(),
            kind: "counter",
            value: "1,200".into(),
            ..OwnRow::default()
        }],
        errors: vec![ErrorRow {
            category: "timeout",
            step: "login".into(),
            message: "no answer within 5 s".into(),
            count: 12,
            ..ErrorRow::default()
        }],
        categories: [("timeout".to_owned(), 12), ("http".to_owned(), 30)].into(),
    }
}

fn board(seconds: u32) -> Board {
    let length = Some(Duration::from_secs(120));
    let about = About { name: "shop.lua".to_owned(), length, scenarios: vec!["buyers".to_owned()] };
    let tables = if seconds > 0 { tables() } else { Tables::default() };
    Board { about, points: (0..seconds).map(point).collect(), tables }
}

fn steered() -> Vec<Steered> {
    let scenario = "buyers".to_owned();
    vec![Steered { scenario, users: Some(20), most: 50, paused: false, manual: false }]
}

fn drawn(columns: u16, lines: u16, board: &Board, look: &mut Look) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).expect("nothing can fail");
    let (steered, kept) = (steered(), vec![" info  hello".to_owned()]);
    let scene = Scene { board, steered: &steered, kept: &kept, palette: Palette { color: true } };
    terminal.draw(|frame| scene.draw(frame, look)).expect("nothing can fail");
    terminal.backend().to_string()
}

#[test]
fn a_large_terminal_has_charts_panels_and_a_table() {
    insta::assert_snapshot!(drawn(120, 40, &board(60), &mut Look::default()));
}

#[test]
fn an_ordinary_terminal_has_charts_and_a_table() {
    insta::assert_snapshot!(drawn(80, 24, &board(60), &mut Look::default()));
}

#[test]
fn a_small_terminal_has_numbers_and_a_table() {
    insta::assert_snapshot!(drawn(40, 10, &board(60), &mut Look::default()));
}

#[test]
fn keys_are_explained_on_top() {
    insta::assert_snapshot!(drawn(60, 16, &board(60), &mut Look { help: true, ..Look::default() }));
}

#[test]
fn every_table_is_drawn_at_every_size() {
    for tab in Tab::ALL {
        for (columns, lines) in
            [(1, 1), (7, 3), (20, 5), (40, 10), (59, 14), (61, 15), (110, 33), (250, 80)]
        {
            for seconds in [0, 1, 60] {
                let mut look = Look { tab, from: usize::MAX, ..Look::default() };
                let picture = drawn(columns, lines, &board(seconds), &mut look);
                assert_eq!(
                    picture.lines().count(),
                    usize::from(lines),
                    "{tab:?} at {columns}x{lines}"
                );
            }
        }
    }
}
