//! How to search, and what one step of it is.

/// How fast the ramp rises; over users no faster than that it sees [where more bring no
/// more](super::super::judge::Gain).
const RAMP: f64 = 1.5;
const RAMP_OF_USERS: f64 = 1.2;

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// All gates hold.
    Pass,
    /// A gate was crossed.
    Trip,
    /// The step cannot say.
    Inconclusive,
}

/// What a step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// One of the levels that were asked for.
    Listed,
    /// On the way up to the first trip.
    Ramp,
    /// Between a pass and a trip.
    Narrow,
    /// Evidence for the lower bound.
    Lower,
    /// Evidence for the upper bound.
    Upper,
    /// A level that did not hold, though one above it did, once more.
    Again,
    /// The first level that passed, once more.
    Drift,
    /// A level that is claimed to hold.
    Assert,
}

/// One load to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// In units of the axis.
    pub level: f64,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether the hold is a full one; a short one only steers.
    pub full: bool,
}

/// How to search.
#[derive(Debug, Clone, PartialEq)]
pub enum Strategy {
    /// These levels, ascending; to the end even after a trip if `run_all`.
    Listed {
        /// At least one.
        levels: Vec<f64>,
        /// Go on after a trip.
        run_all: bool,
    },
    /// Find it.
    Adaptive {
        /// First level, above 0.
        from: f64,
        /// Never above that.
        to: f64,
        /// Width of the bracket as a part of its lower bound.
        precision: f64,
        /// Whether levels are whole numbers.
        whole: bool,
    },
    /// Three full holds at one level, the majority decides.
    Assert {
        /// Above 0.
        level: f64,
    },
}

impl Strategy {
    /// Where it begins; half of what is claimed.
    pub fn lowest(&self) -> f64 {
        match self {
            Strategy::Listed { levels, .. } => levels.first().copied().unwrap_or_default(),
            Strategy::Adaptive { from, .. } => *from,
            Strategy::Assert { level } => level / 2.0,
        }
    }

    /// The highest level that may be tried.
    pub fn highest(&self) -> f64 {
        match self {
            Strategy::Listed { levels, .. } => levels.last().copied().unwrap_or_default(),
            Strategy::Adaptive { to, .. } => *to,
            Strategy::Assert { level } => *level,
        }
    }

    /// Whether levels are whole numbers: of users.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Strategy::Adaptive { whole: true, .. })
    }

    /// How fast its ramp rises.
    pub fn ramp(&self) -> f64 {
        if self.is_whole() { RAMP_OF_USERS } else { RAMP }
    }

    /// The same with another end, where it has one.
    pub fn up_to(&self, to: f64) -> Strategy {
        match self.clone() {
            Strategy::Adaptive { from, precision, whole, .. } => {
                Strategy::Adaptive { from, to, precision, whole }
            }
            other => other,
        }
    }

    /// The next level of the ramp.
    pub(super) fn above(&self, level: f64) -> f64 {
        let next = level * self.ramp();
        // Of users never fewer than that: a gain is judged only over so many more.
        if self.is_whole() { (next - 1e-9).ceil() } else { self.round(next) }
    }

    /// The geometric middle.
    pub(super) fn middle(&self, low: f64, high: f64) -> f64 {
        let middle = self.round((low * high).sqrt());
        if low < middle && middle < high { middle } else { (low + high) / 2.0 }
    }

    /// As far below a level as a bracket may be wide, and no farther.
    pub(super) fn below(&self, level: f64, precision: f64) -> f64 {
        let next = self.rounded(level / (1.0 + precision), |scaled| (scaled - 1e-9).ceil());
        if self.is_whole() { next.min(level - 1.0) } else { next }
    }

    /// To whole numbers where the axis has no others, else to four digits: nobody asks for
    /// 1837.1173 requests per second.
    pub(super) fn round(&self, level: f64) -> f64 {
        self.rounded(level, f64::round)
    }

    fn rounded(&self, level: f64, round: fn(f64) -> f64) -> f64 {
        let digits = if self.is_whole() { 0 } else { 3 - level.log10().floor() as i32 };
        let scale = 10f64.powi(digits.abs());
        // Divided by a whole number, it is the nearest there is to its decimals.
        match digits {
            0.. => round(level * scale) / scale,
            _ => round(level / scale) * scale,
        }
    }
}
