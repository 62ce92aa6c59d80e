//! Reads the gateway's own OpenMetrics text: the metrics' registry can be written and not walked.

use std::borrow::Cow;

/// One line with a value.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// Name, with the suffix of its kind.
    pub name: &'a str,
    labels: Vec<(&'a str, Cow<'a, str>)>,
    /// Value.
    pub value: f64,
}

impl Sample<'_> {
    /// The value of a label; empty where it has none, as Prometheus has it.
    pub(super) fn label(&self, name: &str) -> &str {
        let mut labels = self.labels.iter();
        labels
            .find(|(label, _)| *label == name)
            .map_or("", |(_, value)| value)
    }
}

/// All samples of a text; what is none (comments, the end) is passed over.
pub(super) fn samples(text: &str) -> impl Iterator<Item = Sample<'_>> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(sample)
}

/// `name{label="value",...} value`, after which a time and an exemplar may follow.
///
/// Source: OpenMetrics 1.0.0, section "ABNF".
fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            rest = rest.strip_prefix(',').unwrap_or(rest);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, value) = rest.split_once("=\"")?;
            let (value, after) = quoted(value)?;
            labels.push((label, value));
            rest = after;
        }
    }
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

/// A text up to its closing quotation mark, and what follows that.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut plain = String::new();
    let mut chars = text.char_indices();
    let mut from = 0;
    loop {
        match chars.next()? {
            (at, '"') => {
                let last = text.get(from..at)?;
                let value = if plain.is_empty() {
                    Cow::Borrowed(last)
                } else {
                    Cow::Owned(plain + last)
                };
                return Some((value, text.get(at + 1..)?));
            }
            (at, '\\') => {
                plain.push_str(text.get(from..at)?);
                let (next, escaped) = chars.next()?;
                plain.push(if escaped == 'n' { '\n' } else { escaped });
                from = next + escaped.len_utf8();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels_as_they_were() {
        let text = "# TYPE a counter\n\
            a_total 5\n\
            b{x=\"1\",y=\"a,b} \\\"c\\\" \\\\ \\n\"} -0.5\n\
            c_bucket{le=\"+Inf\"} 3 # {trace=\"1\"} 0.1\n\
            d{} 1e-3 1700000000\n\
            # EOF\n\
            broken{x=\"\n";
        let read: Vec<Sample> = samples(text).collect();
        assert_eq!(read.len(), 4, "{read:?}");
        assert_eq!((read[0].name, read[0].value), ("a_total", 5.0));
        assert_eq!(read[1].label("x"), "1");
        assert_eq!(read[1].label("y"), "a,b} \"c\" \\ \n");
        assert_eq!(read[1].label("z"), "");
        assert_eq!((read[2].label("le"), read[2].value), ("+Inf", 3.0));
        assert_eq!((read[3].name, read[3].value), ("d", 0.001));
    }
}
