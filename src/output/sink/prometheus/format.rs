//! Which of the formats a scrape gets: the one that its `Accept` header likes best.

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own text, version 0.0.4.
    Plain,
    /// OpenMetrics 1.0.0.
    Open,
    /// Prometheus' messages, each after its length.
    Protobuf,
}

impl Format {
    /// What the `Accept` header asks for: of what we have the best liked, or else the first named.
    pub fn accepted(accept: &str) -> Format {
        let mut best = (0.0, Format::Plain);
        for entry in accept.split(',') {
            let Some(format) = Format::named(entry) else { continue };
            let liking = entry.split(';').find_map(|part| part.trim().strip_prefix("q="));
            let liking = liking.map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            if liking > best.0 {
                best = (liking, format);
            }
        }
        best.1
    }

    fn named(entry: &str) -> Option<Format> {
        let (kind, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        match kind.trim() {
            "application/openmetrics-text" => Some(Format::Open),
            "text/plain" | "text/*" | "*/*" => Some(Format::Plain),
            "application/vnd.google.protobuf" => {
                parameters.contains("encoding=delimited").then_some(Format::Protobuf)
            }
            _ => None,
        }
    }

    /// Of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Format::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_liked_best_is_answered() {
        let protobuf = "application/vnd.google.protobuf;\
                        proto=io.prometheus.client.MetricFamily;encoding=delimited";
        for (accept, expected) in [
            ("application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1", Format::Open),
            ("text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.5", Format::Plain),
            (&format!("{protobuf},application/openmetrics-text;q=0.8,*/*;q=0.1"), Format::Protobuf),
            (&format!("application/openmetrics-text;q=0.8,{protobuf};q=0.6"), Format::Open),
            ("application/vnd.google.protobuf;encoding=text", Format::Plain),
            ("text/html,*/*", Format::Plain),
            ("", Format::Plain),
        ] {
            assert_eq!(Format::accepted(accept), expected, "{accept}");
        }
    }
}
