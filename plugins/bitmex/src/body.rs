//! JSON bodies, field by field, with numbers as they were given.

use switchyard_sdk::decimal;
use switchyard_sdk::types::Error;

/// A JSON object in the making. Decimals go in digit by digit: a JSON library would make floats of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    fields: String,
}

impl Body {
    /// The same body with a text.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.fields.push_str(&quoted(value));
        self
    }

    /// The same body with a decimal of the contract; `field` is what a command calls it.
    pub(crate) fn number(mut self, name: &str, value: &str, field: &str) -> Result<Self, Error> {
        let digits = decimal::canonical(value)
            .ok_or_else(|| Error::invalid(field, "not a decimal of at most 28 digits"))?;
        self.name(name);
        self.fields.push_str(&digits);
        Ok(self)
    }

    /// The object.
    pub(crate) fn finish(self) -> String {
        format!("{{{}}}", self.fields)
    }

    fn name(&mut self, name: &str) {
        if !self.fields.is_empty() {
            self.fields.push(',');
        }
        self.fields.push_str(&quoted(name));
        self.fields.push(':');
    }
}

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
