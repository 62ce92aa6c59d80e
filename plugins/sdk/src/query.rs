//! Query strings with exact percent-encoding (RFC 3986), in the order of insertion.

use data_encoding::{BASE64, HEXLOWER};

/// An origin-form target in the making: a path and its query.
///
/// Everything but RFC 3986's unreserved characters is percent-encoded, byte by byte with upper-case
/// digits, so that what is signed is what is sent. Decimals go in as they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    target: String,
    /// Where the query begins in `target`.
    start: usize,
}

impl Query {
    /// An empty query on `path`, which is taken as already encoded.
    pub fn on(path: &str) -> Self {
        // An order with its signature takes about 300 bytes.
        let mut target = String::with_capacity(path.len() + 384);
        target.push_str(path);
        target.push('?');
        let start = target.len();
        Self { target, start }
    }

    /// The same query with another parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        encode(&mut self.target, value.as_bytes());
        self
    }

    /// The same query with another parameter, where there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same query with a whole number.
    #[must_use]
    pub fn with_integer(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        let mut digits = [0_u8; 20];
        let mut rest = value;
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.target
            .extend(digits[at..].iter().map(|digit| char::from(*digit)));
        self
    }

    /// The same query with bytes in lower-case hexadecimal.
    #[must_use]
    pub fn with_hex(mut self, name: &str, bytes: &[u8]) -> Self {
        self.name(name);
        HEXLOWER.encode_append(bytes, &mut self.target);
        self
    }

    /// The same query with bytes in base64 (RFC 4648, section 4), percent-encoded.
    #[must_use]
    pub fn with_base64(self, name: &str, bytes: &[u8]) -> Self {
        let text = BASE64.encode(bytes);
        self.with(name, &text)
    }

    /// The query alone, without the question mark: what venues have signed.
    pub fn as_str(&self) -> &str {
        &self.target[self.start..]
    }

    /// The path with its query; the path alone where the query is empty.
    pub fn into_target(mut self) -> String {
        if self.target.len() == self.start {
            self.target.pop();
        }
        self.target
    }

    fn name(&mut self, name: &str) {
        if self.target.len() > self.start {
            self.target.push('&');
        }
        encode(&mut self.target, name.as_bytes());
        self.target.push('=');
    }
}

/// Appends `bytes` percent-encoded: RFC 3986, section 2.3 stays, all else becomes `%XX`.
pub fn encode(target: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                target.push(char::from(*byte));
            }
            _ => {
                target.push('%');
                target.push(char::from(DIGITS[usize::from(byte >> 4)]));
                target.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_order_and_decimals_their_digits() {
        let query = Query::on("/api/v3/order")
            .with("symbol", "LTCBTC")
            .with("price", "0.10")
            .with_some("absent", None)
            .with_integer("timestamp", 1_499_827_319_559)
            .with_integer("zero", 0)
            .with_integer("most", u64::MAX);
        assert_eq!(
            query.as_str(),
            "symbol=LTCBTC&price=0.10&timestamp=1499827319559&zero=0&most=18446744073709551615"
        );
        assert!(query.into_target().starts_with("/api/v3/order?symbol="));
    }

    #[test]
    fn everything_but_the_unreserved_is_encoded() {
        let query = Query::on("/").with("q", "aZ09-._~ !*'();:@&=+$,/?#[]%１");
        assert_eq!(
            query.as_str(),
            "q=aZ09-._~%20%21%2A%27%28%29%3B%3A%40%26%3D%2B%24%2C%2F%3F%23%5B%5D%25%EF%BC%91"
        );
    }

    #[test]
    fn an_empty_query_leaves_no_question_mark() {
        assert_eq!(Query::on("/api/v3/time").into_target(), "/api/v3/time");
    }

    #[test]
    fn signatures_are_hexadecimal_or_encoded_base64() {
        let query = Query::on("/")
            .with_hex("h", &[0, 171])
            .with_base64("b", &[251, 255, 254, 0]);
        assert_eq!(query.as_str(), "h=00ab&b=%2B%2F%2F%2BAA%3D%3D");
    }
}
