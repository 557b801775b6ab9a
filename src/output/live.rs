//! The live line: where the run is and how it goes, once a second; without a terminal a plain
//! line every few seconds.

use std::sync::Arc;
use std::time::Duration;

use super::screen::Screen;
use crate::plan::Plan;
use crate::results::{ScenarioInfo, Tick, format};

/// Seconds between lines where no line can be redrawn.
const EVERY: u32 = 5;

/// Which latencies the line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latencies {
    /// Those of calls.
    Calls,
    /// Also the response time of iterations, which begins when they were planned to start.
    CallsAndResponses,
}

impl Latencies {
    /// Both where the plan says of any scenario when its iterations start.
    pub fn of(plan: &Plan) -> Latencies {
        match ScenarioInfo::all(plan).iter().any(|scenario| scenario.paced) {
            true => Latencies::CallsAndResponses,
            false => Latencies::Calls,
        }
    }
}

/// Follows the ticks of a run.
#[derive(Debug)]
pub struct Live {
    screen: Arc<Screen>,
    planned: Option<Duration>,
    latencies: Latencies,
    iterations: u64,
    calls: u64,
    failed: u64,
    errors: u64,
}

impl Live {
    /// `planned`: the whole length, where the plan has one.
    pub fn new(screen: Arc<Screen>, planned: Option<Duration>, latencies: Latencies) -> Live {
        Live { screen, planned, latencies, iterations: 0, calls: 0, failed: 0, errors: 0 }
    }

    /// Shows one more second; `steered` is what was changed by hand.
    pub fn tick(&mut self, tick: &Tick, steered: &str) {
        self.iterations += tick.iterations;
        self.calls += tick.calls;
        self.failed += tick.failed;
        self.errors += tick.errors.values().sum::<u64>();
        let line = self.line(tick, steered);
        if self.screen.is_terminal() {
            self.screen.live(&line);
        } else if (tick.second + 1).is_multiple_of(EVERY) {
            self.screen.line(&line);
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.screen.clear();
    }

    /// `0:07/0:10  20 users  1,234 iterations  812 calls/s  p95 12.3 ms  3 errors`, and where
    /// starts are planned `p95: calls 12.3 ms, response time 45.6 ms`.
    fn line(&self, tick: &Tick, steered: &str) -> String {
        let mut parts = vec![
            format::progress(u64::from(tick.second) + 1, self.planned),
            format::counted(tick.vus, "user"),
            format::counted(self.iterations, "iteration"),
        ];
        if !steered.is_empty() {
            parts.insert(1, steered.to_owned());
        }
        if self.calls > 0 {
            parts.push(format!("{} calls/s", format::count(tick.calls)));
        } else {
            parts.push(format!("{} iterations/s", format::count(tick.iterations)));
        }
        parts.extend(self.p95(tick));
        if tick.backlog > 0 {
            parts.push(format!("{} waiting", format::count(tick.backlog)));
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", format::count(self.failed)));
        }
        parts.push(format::counted(self.errors, "error"));
        parts.join("  ")
    }

    fn p95(&self, tick: &Tick) -> Option<String> {
        let told = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), format::ms);
        let (call, response) = (told(tick.p95_ms), told(tick.response_p95_ms));
        match (self.latencies, self.calls > 0) {
            (Latencies::Calls, true) => Some(format!("p95 {call}")),
            (Latencies::Calls, false) => None,
            (Latencies::CallsAndResponses, true) => {
                Some(format!("p95: calls {call}, response time {response}"))
            }
            (Latencies::CallsAndResponses, false) => Some(format!("p95: response time {response}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::screen::tests::Paper;
    use crate::plan::draft::Flags;
    use crate::plan::fixture;

    fn tick(second: u32) -> Tick {
        let errors = [("timeout".to_owned(), 1)].into();
        let (p95_ms, response_p95_ms) = (Some(12.34), Some(45.67));
        let (vus, iterations, calls) = (20, 300, 812);
        let latencies = Tick { p95_ms, response_p95_ms, ..Tick::default() };
        Tick { second, vus, iterations, calls, errors, ..latencies }
    }

    fn shown(terminal: bool, seconds: u32, planned: Option<u64>) -> String {
        let paper = Paper::default();
        let screen = Arc::new(paper.screen(terminal, 100));
        let planned = planned.map(Duration::from_secs);
        let mut live = Live::new(screen, planned, Latencies::Calls);
        (0..seconds).for_each(|second| live.tick(&tick(second), ""));
        paper.text()
    }

    #[test]
    fn a_terminal_sees_every_second_on_one_line() {
        let shown = shown(true, 2, Some(10));
        assert!(!shown.contains('\n'));
        let last = shown.rsplit("\x1b[2K").next().unwrap();
        assert_eq!(last, "0:02/0:10  20 users  600 iterations  812 calls/s  p95 12.3 ms  2 errors");
    }

    #[test]
    fn an_open_load_has_planned_starts_and_users_that_come_back_at_once_have_none() {
        let told = |flags| Latencies::of(&fixture::plan(flags));
        let duration = Some(Duration::from_secs(1));
        let open = Flags { rate: Some(5.0), duration, ..Flags::default() };
        let closed = Flags { vus: Some(5), duration, ..Flags::default() };
        assert_eq!(told(open), Latencies::CallsAndResponses);
        assert_eq!(told(closed), Latencies::Calls);
    }

    #[test]
    fn where_starts_are_planned_the_response_time_is_told_beside_that_of_calls() {
        let paper = Paper::default();
        let screen = Arc::new(paper.screen(true, 100));
        let mut live = Live::new(screen, None, Latencies::CallsAndResponses);
        live.tick(&tick(0), "");
        let line = "0:01  20 users  300 iterations  812 calls/s  \
                    p95: calls 12.3 ms, response time 45.7 ms  1 error";
        assert!(paper.text().ends_with(line), "{}", paper.text());
        let paper = Paper::default();
        let screen = Arc::new(paper.screen(true, 100));
        let mut live = Live::new(screen, None, Latencies::CallsAndResponses);
        live.tick(&Tick { calls: 0, ..tick(0) }, "");
        assert!(paper.text().contains("  p95: response time 45.7 ms  "), "{}", paper.text());
    }

    #[test]
    fn a_file_sees_a_line_every_five_seconds() {
        let shown = shown(false, 11, None);
        assert_eq!(shown.lines().count(), 2);
        assert!(shown.starts_with("0:05  20 users  1,500 iterations"), "{shown}");
    }

    #[test]
    fn after_the_planned_end_it_says_that_the_rest_finishes() {
        assert!(shown(true, 3, Some(2)).contains("0:03 finishing  20 users"));
    }
}
