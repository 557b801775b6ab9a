//! Reading what a Prometheus exporter tells: the text format 0.0.4, and of OpenMetrics what differs
//! in a line of a sample (timestamps in seconds, exemplars), which is all skipped.

use std::sync::Arc;

use crate::metrics::TagSet;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of the metric.
    pub name: String,
    /// Its labels.
    pub labels: TagSet,
    /// May be infinite, or not a number.
    pub value: f64,
}

/// Every sample of a page.
///
/// # Errors
/// The first line that is none, with its number.
pub fn read(page: &str) -> Result<Vec<Sample>, String> {
    let lines = (1..).zip(page.lines().map(str::trim));
    let told = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    told.map(|(n, line)| {
        sample(line).ok_or_else(|| format!("line {n} is no sample: {}", shown(line)))
    })
    .collect()
}

fn shown(line: &str) -> String {
    let start: String = line.chars().take(60).collect();
    start.escape_debug().to_string()
}

/// `name{label="value",…} value [timestamp] [# exemplar]`.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    (!name.is_empty()).then(|| Sample { name: name.to_owned(), labels: TagSet::new(labels), value })
}

type Labels = Vec<(Arc<str>, Arc<str>)>;

/// What stands between the braces, and what follows them.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (key, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.push((key.trim().into(), value.into()));
        rest = after;
    }
}

/// Up to the closing quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_both_formats_are_read() {
        let page = "# HELP jobs Waiting\n# TYPE jobs gauge\njobs 3\n\
                    jobs{queue=\"a\\\"b\\\\c\\nd\" , host = \"x\",} -2.5e3 1700000000000\n\
                    inf{le=\"+Inf\"} +Inf\nnone NaN\nhits_total 7 # {trace=\"1\"} 1.0\n# EOF\n";
        let samples = read(page).unwrap();
        let names: Vec<_> = samples.iter().map(|sample| &*sample.name).collect();
        assert_eq!(names, ["jobs", "jobs", "inf", "none", "hits_total"]);
        assert_eq!(samples[0].value, 3.0);
        assert_eq!(samples[1].value, -2500.0);
        assert_eq!(samples[1].labels, TagSet::new([("queue", "a\"b\\c\nd"), ("host", "x")]));
        assert!(samples[2].value.is_infinite() && samples[3].value.is_nan());
    }

    #[test]
    fn a_page_of_another_kind_is_told_by_its_first_line() {
        for page in
            ["<html>", "{\"a\": 1}", "jobs{queue=\"a} 1", "jobs{a=b} 1", "jobs many", "jobs"]
        {
            let told = read(&format!("up 1\n{page}")).unwrap_err();
            assert!(told.starts_with("line 2 is no sample: "), "{told}");
        }
    }
}
