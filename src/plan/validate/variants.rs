//! `--ab NAME=URL,NAME=URL`: which targets are compared, and whether the load can be dealt out.

use std::sync::Arc;

use super::parse_base;
use crate::diagnostic::Diagnostic;
use crate::plan::Scenario;
use crate::plan::read::Report;
use crate::plan::variants::{MIN_CHANGE, Trial, Variant};
use crate::share::turns::Turns;

const EXAMPLE: &str = "write for example --ab A=http://127.0.0.1:8080,B=http://127.0.0.1:8081";

/// What `--ab` says, if it is given; the scenarios are made to fit it.
pub(super) fn trial(report: &Report<'_>, scenarios: &mut [Scenario]) -> Option<Trial> {
    let flags = &report.draft.flags;
    let text = flags.ab.as_ref()?;
    let variants = match variants(text) {
        Ok(variants) => variants,
        Err(fault) => {
            report.note(fault);
            return None;
        }
    };
    if flags.base_url.is_some() {
        let message = "--ab and --base-url do not go together".to_owned();
        report.note(Diagnostic::new(message).hint("each variant has its own; keep one of the two"));
    }
    let each = variants.len() as u64;
    for scenario in scenarios {
        if let Err(uneven) = scenario.deal_out(each) {
            let message = format!("--ab: {uneven} cannot be dealt out evenly to {each} targets");
            let hint = format!("take a multiple of {each}");
            report.note(Diagnostic::new(message).hint(hint));
        }
    }
    Some(Trial { variants, min_change: flags.min_change.unwrap_or(MIN_CHANGE) })
}

fn variants(text: &str) -> Result<Vec<Variant>, Diagnostic> {
    let fault = |message: String| Diagnostic::new(format!("--ab: {message}")).hint(EXAMPLE);
    let variants = text.split(',').map(variant).collect::<Result<Vec<_>, _>>()?;
    if variants.len() < 2 {
        return Err(fault(format!("`{text}` is one target, and two are compared")));
    }
    if variants.len() > Turns::MOST {
        return Err(fault(format!("{} targets are more than {}", variants.len(), Turns::MOST)));
    }
    for (place, one) in variants.iter().enumerate() {
        if variants[..place].iter().any(|other| other.name == one.name) {
            return Err(fault(format!("two targets are called `{}`", one.name)));
        }
    }
    Ok(variants)
}

fn variant(text: &str) -> Result<Variant, Diagnostic> {
    let fault =
        |message: String, hint: &str| Diagnostic::new(format!("--ab: {message}")).hint(hint);
    let (name, url) = text
        .split_once('=')
        .filter(|(name, _)| !name.contains("://"))
        .ok_or_else(|| fault(format!("`{text}` is not NAME=URL"), EXAMPLE))?;
    let name = name.trim();
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_word) {
        let message = format!("`{name}` is no name of a variant");
        return Err(fault(message, "a name is of letters, digits, `-`, `_` and `.`"));
    }
    let base_url = parse_base(url.trim())
        .map_err(|(message, hint)| fault(format!("{name}: {message}"), &hint))?;
    Ok(Variant { name: Arc::from(name), base_url })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named_and_kept_in_order() {
        let read = variants("old=http://127.0.0.1:8080/v1, new=https://shop.test").unwrap();
        let told: Vec<_> = read.iter().map(|one| (&*one.name, one.base_url.as_str())).collect();
        assert_eq!(told, [("old", "http://127.0.0.1:8080/v1"), ("new", "https://shop.test/")]);
    }

    #[test]
    fn what_is_no_pair_of_targets_is_told() {
        let many = (0..9).map(|n| format!("v{n}=http://h:{n}")).collect::<Vec<_>>().join(",");
        for (text, message) in [
            ("", "--ab: `` is not NAME=URL"),
            ("A=http://h", "--ab: `A=http://h` is one target, and two are compared"),
            ("http://h?a=b,B=http://h", "--ab: `http://h?a=b` is not NAME=URL"),
            ("A=http://h,A=http://i", "--ab: two targets are called `A`"),
            ("A=http://h,=http://i", "--ab: `` is no name of a variant"),
            ("A=http://h,B=/path", "--ab: B: `/path` has no scheme"),
            ("A=http://h,B=ftp://h", "--ab: B: `ftp://h` is neither http nor https"),
            (&many, "--ab: 9 targets are more than 8"),
        ] {
            assert_eq!(variants(text).unwrap_err().message, message);
        }
    }
}
