//! As much of PromQL as it takes to say which series and labels a query is about. Whether the query is one at all,
//! Prometheus says.

/// Words of the language that may stand where a series may.
const WORDS: [&str; 12] = [
    "and", "or", "unless", "atan2", "bool", "offset", "inf", "nan", "start", "end", "by", "without",
];

/// Words that a list of labels follows.
const BEFORE_LABELS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// `label OPERATOR "value"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub operator: String,
    /// What it is compared with.
    pub value: String,
}

/// A series that a query reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Its name.
    pub name: String,
    /// Which of them.
    pub matchers: Vec<Matcher>,
    /// Whether it is read over a range of time.
    pub is_range: bool,
    /// The function whose argument it is, if it is one's.
    pub function: Option<String>,
}

/// What a query is about.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The series it reads.
    pub selectors: Vec<Selector>,
    /// The labels that it groups or joins by.
    pub labels: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A name, a word of the language, a number or a duration.
    Word(String),
    Text(String),
    Sign(String),
}

fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = query.chars().peekable();
    while let Some(first) = rest.next() {
        if first.is_whitespace() {
            continue;
        }
        if first == '"' {
            let mut text = String::new();
            while let Some(next) = rest.next().filter(|next| *next != '"') {
                text.push(next);
                if next == '\\' {
                    text.extend(rest.next());
                }
            }
            tokens.push(Token::Text(text));
        } else if first.is_ascii_alphanumeric() || "_:$.".contains(first) {
            let mut word = first.to_string();
            while let Some(next) =
                rest.next_if(|next| next.is_ascii_alphanumeric() || "_:$.".contains(*next))
            {
                word.push(next);
            }
            tokens.push(Token::Word(word));
        } else {
            let mut sign = first.to_string();
            if "=!<>".contains(first) {
                sign.extend(rest.next_if(|next| "=~".contains(*next)));
            }
            tokens.push(Token::Sign(sign));
        }
    }
    tokens
}

impl Query {
    /// Reads a query.
    pub fn parse(query: &str) -> Self {
        let tokens = tokens(query);
        let is_sign = |at: usize, sign: &str| tokens.get(at) == Some(&Token::Sign(sign.to_owned()));
        let is_word = |at: usize, word: &str| tokens.get(at) == Some(&Token::Word(word.to_owned()));
        let mut found = Self::default();
        // The function of each bracket that is open.
        let mut functions: Vec<Option<String>> = Vec::new();
        // An aggregation whose labels stand before its brackets.
        let mut aggregation = None;
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                Token::Sign(sign) if sign == "(" => functions.push(None),
                Token::Sign(sign) if sign == ")" => drop(functions.pop()),
                // A range, or a step of one: $__rate_interval, 5m, 1h:1m.
                Token::Sign(sign) if sign == "[" => {
                    while !is_sign(at, "]") {
                        at += 1;
                    }
                }
                Token::Word(word)
                    if BEFORE_LABELS.contains(&word.as_str()) && is_sign(at + 1, "(") =>
                {
                    at += 2;
                    while !is_sign(at, ")") {
                        if let Token::Word(label) = &tokens[at] {
                            found.labels.push(label.clone());
                        }
                        at += 1;
                    }
                    // An aggregation's own brackets may follow.
                    if is_sign(at + 1, "(") {
                        at += 1;
                        functions.push(aggregation.take());
                    }
                }
                Token::Word(word) if is_word(at + 1, "by") || is_word(at + 1, "without") => {
                    aggregation = Some(word.clone());
                }
                Token::Word(word) if is_sign(at + 1, "(") => {
                    functions.push(Some(word.clone()));
                    at += 1;
                }
                Token::Word(word)
                    if !word.starts_with(|first: char| first.is_ascii_digit() || first == '.')
                        && !WORDS.contains(&word.to_lowercase().as_str())
                        && !is_sign(at.wrapping_sub(1), "offset") =>
                {
                    let mut selector = Selector {
                        name: word.clone(),
                        matchers: Vec::new(),
                        is_range: false,
                        function: functions.last().cloned().flatten(),
                    };
                    if is_sign(at + 1, "{") {
                        at += 2;
                        while !is_sign(at, "}") {
                            if let [
                                Token::Word(label),
                                Token::Sign(operator),
                                Token::Text(value),
                            ] = &tokens[at..at + 3]
                            {
                                selector.matchers.push(Matcher {
                                    label: label.clone(),
                                    operator: operator.clone(),
                                    value: value.clone(),
                                });
                                at += 3;
                            } else {
                                at += 1;
                            }
                        }
                    }
                    selector.is_range = is_sign(at + 1, "[");
                    found.selectors.push(selector);
                }
                _ => {}
            }
            at += 1;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_labels_and_functions_of_a_query_are_told_apart() {
        let query = Query::parse(
            r#"histogram_quantile(0.99, sum by (venue, le) (rate(a_bucket{x=~"b(c|d)",y!="{"}[5m])))
               > 2 and on (venue) 0 * max(level:b:rate5m offset 5m) or vector(1e9)"#,
        );
        let names: Vec<&str> = query.selectors.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["a_bucket", "level:b:rate5m"]);
        assert_eq!(query.labels, ["venue", "le", "venue"]);
        let first = &query.selectors[0];
        assert_eq!(
            (first.is_range, first.function.as_deref()),
            (true, Some("rate"))
        );
        assert_eq!(first.matchers[0].value, "b(c|d)");
        assert_eq!(
            (
                &first.matchers[1].operator[..],
                &first.matchers[1].value[..]
            ),
            ("!=", "{")
        );
        assert_eq!(query.selectors[1].function.as_deref(), Some("max"));
    }
}
