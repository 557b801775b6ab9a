//! What RUN means where a file may stand, too.

use std::path::Path;

/// Whether a text names a file: it is there, it is `-`, or it looks like a path as no run's name does.
pub fn is_file(text: &str) -> bool {
    text == "-" || text.contains(['/', '.']) || Path::new(text).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_from_files() {
        for (text, file) in [
            ("last", false),
            ("last~1", false),
            ("019a2f3c-77aa", false),
            ("-", true),
            ("main.json", true),
            ("./last", true),
            ("src", true),
        ] {
            assert_eq!(is_file(text), file, "{text}");
        }
    }
}
