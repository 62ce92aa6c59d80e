//! Where each value of a JSON text lies, so that one can be changed and every other byte stays as it was.
//!
//! A parser that gave values would lose what matters here: the order and repetition of names, the digits of
//! numbers, white space.

use std::ops::Range;

/// Values nested deeper than this are not told apart: no venue documents any.
const MAX_DEPTH: usize = 64;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Bool,
    Null,
}

/// One value of a JSON text.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// RFC 6901; empty for the whole.
    pub(super) pointer: String,
    pub(super) kind: Kind,
    /// The value's bytes.
    pub(super) span: Range<usize>,
    /// The bytes of the value and, in an object, of its name before it.
    pub(super) member: Range<usize>,
    pub(super) depth: usize,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
}

impl Node {
    /// The name in quotes, as it is written; `None` in an array and for the whole.
    pub(super) fn name<'a>(&self, text: &'a str) -> Option<&'a str> {
        let before = &text[self.member.start..self.span.start];
        before.trim_end().strip_suffix(':').map(str::trim_end)
    }
}

/// The values of a JSON text, each container before what it contains; `None` where it is no JSON text.
pub(super) fn nodes(text: &str) -> Option<Vec<Node>> {
    let mut scanner = Scanner {
        text,
        at: 0,
        nodes: Vec::new(),
    };
    scanner.space();
    let start = scanner.at;
    scanner.value(String::new(), start, 0, None)?;
    scanner.space();
    (scanner.at == text.len()).then_some(scanner.nodes)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(
        &mut self,
        pointer: String,
        member_start: usize,
        depth: usize,
        parent: Option<usize>,
    ) -> Option<usize> {
        if depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::Text,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => Kind::Number,
        };
        let index = self.nodes.len();
        self.nodes.push(Node {
            pointer,
            kind,
            span: start..start,
            member: member_start..start,
            depth,
            parent,
            children: Vec::new(),
        });
        match kind {
            Kind::Object | Kind::Array => self.container(index, kind == Kind::Object)?,
            Kind::Text => {
                self.string()?;
            }
            Kind::Number | Kind::Bool | Kind::Null => self.scalar()?,
        }
        self.nodes[index].span = start..self.at;
        self.nodes[index].member = member_start..self.at;
        Some(index)
    }

    fn container(&mut self, index: usize, named: bool) -> Option<()> {
        let end = if named { b'}' } else { b']' };
        self.at += 1;
        self.space();
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            self.space();
            let member_start = self.at;
            let place = self.nodes[index].children.len();
            let step = if named {
                let name = self.string()?;
                self.space();
                self.take(b':')?;
                self.space();
                name.replace('~', "~0").replace('/', "~1")
            } else {
                place.to_string()
            };
            let pointer = format!("{}/{step}", self.nodes[index].pointer);
            let depth = self.nodes[index].depth + 1;
            let child = self.value(pointer, member_start, depth, Some(index))?;
            self.nodes[index].children.push(child);
            self.space();
            if self.take(b',').is_none() {
                return self.take(end);
            }
        }
    }

    /// The text of a string, read.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn scalar(&mut self) -> Option<()> {
        let start = self.at;
        while !matches!(
            self.peek(),
            None | Some(b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')
        ) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at)?;
        serde_json::from_str::<&serde_json::value::RawValue>(text)
            .ok()
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_where_it_lies() {
        let text = r#" {"a/b": [1.50, {"c~": "x\"}", "c~": null}], "é":true } "#;
        let found = nodes(text);
        let shown: Vec<(String, &str, Option<&str>)> = found
            .iter()
            .flatten()
            .map(|node| {
                (
                    node.pointer.clone(),
                    &text[node.span.clone()],
                    node.name(text),
                )
            })
            .collect();
        let at = |pointer: &str| {
            shown
                .iter()
                .filter(|(at, ..)| at == pointer)
                .map(|(_, value, name)| (*value, *name))
                .collect::<Vec<_>>()
        };
        assert_eq!(at("/a~1b/0"), [("1.50", None)]);
        assert_eq!(
            at("/a~1b/1/c~0"),
            [(r#""x\"}""#, Some(r#""c~""#)), ("null", Some(r#""c~""#))]
        );
        assert_eq!(at("/é"), [("true", Some("\"é\""))]);
        assert_eq!(shown.len(), 7);
    }

    #[test]
    fn what_is_no_json_text_has_no_values() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":}",
            "{a:1}",
            "[1] x",
            "\"\\ud800\"",
            "01",
            "<p>",
        ] {
            assert!(nodes(text).is_none(), "{text}");
        }
        assert!(nodes(&"[".repeat(100_000)).is_none());
    }
}
