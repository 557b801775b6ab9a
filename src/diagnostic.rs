//! A user's mistake, told so that it can be mended: where, what, the rule, and what to do.

use std::fmt;
use std::path::PathBuf;

use crate::secrets::Secrets;

/// One mistake. Prints as
///
/// ```text
/// shop.lua:12: unknown field `durration` in scenarios.buyers.load
///    12 |     load = { vus = 20, durration = "1m" },
///   hint: did you mean `duration`?
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostic {
    /// What is wrong and which rule it breaks; one sentence, no capital, no full stop.
    pub message: String,
    /// The file at fault, as the user named it.
    pub file: Option<PathBuf>,
    /// Its line, from 1.
    pub line: Option<u32>,
    /// That line's text.
    pub source: Option<String>,
    /// What to do; can be pasted where possible.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A mistake with no place yet.
    pub fn new(message: impl Into<String>) -> Self {
        Diagnostic { message: message.into(), ..Default::default() }
    }

    /// The file (and line, from 1) at fault.
    pub fn at(mut self, file: impl Into<PathBuf>, line: Option<u32>) -> Self {
        self.file = Some(file.into());
        self.line = line;
        self
    }

    /// The text of the line at fault.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The known word that `word` was most likely meant to be; `None` if none is near.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
    let (distance, best) =
        known.into_iter().map(|candidate| (distance(candidate), candidate)).min()?;
    (distance < best.len() && distance <= 1 + best.len() / 4).then_some(best)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            write!(f, " ")?;
        }
        write!(f, "{}", self.message)?;
        if let (Some(line), Some(source)) = (self.line, &self.source) {
            write!(f, "\n{line:>6} | {}", source.trim_end())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// ``did you mean `duration`?`` for what was written, if a known word is near.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|meant| format!("did you mean `{meant}`?"))
}

/// All mistakes found at once; never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl Diagnostics {
    /// The same without secrets.
    pub fn masked(self, secrets: &Secrets) -> Diagnostics {
        let masked = |text: String| secrets.mask(&text).into_owned();
        let one = |fault: Diagnostic| Diagnostic {
            message: masked(fault.message),
            source: fault.source.map(masked),
            hint: fault.hint.map(masked),
            ..fault
        };
        Diagnostics(self.0.into_iter().map(one).collect())
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Diagnostics(vec![one])
    }
}
