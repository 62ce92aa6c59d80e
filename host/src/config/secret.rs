//! Where a secret is. The configuration never holds the secret itself.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A place to read a secret from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// `env:NAME`, an environment variable.
    Environment(String),
    /// `file:PATH`, a file; one line feed at its end is not part of the secret.
    File(PathBuf),
    /// `ssm:///NAME`, a parameter of AWS Systems Manager Parameter Store, or with `#FIELD` one text of the JSON
    /// object that it holds: several secrets that change together belong in one parameter.
    ParameterStore {
        /// The parameter's name, from its leading `/` on.
        name: String,
        /// The member of the object.
        field: Option<String>,
    },
}

/// A text names no place that a secret can be read from. The text may be the secret itself, put there by mistake: it
/// must not be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must say where the secret is: env:NAME, file:PATH, ssm:///NAME or ssm:///NAME#FIELD")]
pub struct SecretRefError;

/// What AWS lets a parameter's name be made of.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html>
fn is_parameter_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    (2..=1011).contains(&text.len()) && text.starts_with('/') && text.chars().all(allowed)
}

impl FromStr for SecretRef {
    type Err = SecretRefError;

    fn from_str(text: &str) -> Result<Self, SecretRefError> {
        let (scheme, rest) = text.split_once(':').ok_or(SecretRefError)?;
        // The authority of a URL, which is empty here.
        let place = rest.strip_prefix("//").unwrap_or(rest);
        match scheme {
            "env" if !place.is_empty() => Ok(Self::Environment(place.to_owned())),
            "file" if !place.is_empty() => Ok(Self::File(place.into())),
            "ssm" if rest.starts_with("//") => {
                let (name, field) = match place.split_once('#') {
                    Some((name, field)) => (name, Some(field)),
                    None => (place, None),
                };
                if !is_parameter_name(name) || field == Some("") {
                    return Err(SecretRefError);
                }
                Ok(Self::ParameterStore {
                    name: name.to_owned(),
                    field: field.map(str::to_owned),
                })
            }
            _ => Err(SecretRefError),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::ParameterStore { name, field: None } => write!(f, "ssm://{name}"),
            Self::ParameterStore {
                name,
                field: Some(field),
            } => write!(f, "ssm://{name}#{field}"),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Place;
        // What is no text is not repeated either: a secret may be all digits.
        impl Visitor<'_> for Place {
            type Value = SecretRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("where a secret is")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<SecretRef, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<SecretRef, E> {
                Err(E::custom(SecretRefError))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<SecretRef, E> {
                Err(E::custom(SecretRefError))
            }

            fn visit_u128<E: Error>(self, _: u128) -> Result<SecretRef, E> {
                Err(E::custom(SecretRefError))
            }

            fn visit_i128<E: Error>(self, _: i128) -> Result<SecretRef, E> {
                Err(E::custom(SecretRefError))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<SecretRef, E> {
                Err(E::custom(SecretRefError))
            }
        }
        deserializer.deserialize_any(Place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_place_is_read_and_shown_as_it_is_written() {
        for (text, shown) in [
            ("env:KEY", "env:KEY"),
            ("env://KEY", "env:KEY"),
            ("file:/run/secrets/key", "file:/run/secrets/key"),
            ("file:///run/secrets/key", "file:/run/secrets/key"),
            ("file:relative", "file:relative"),
            ("ssm:///desk/venue", "ssm:///desk/venue"),
            ("ssm:///desk/venue#api_key", "ssm:///desk/venue#api_key"),
        ] {
            let place: SecretRef = text.parse().unwrap();
            assert_eq!(place.to_string(), shown);
            assert_eq!(shown.parse(), Ok(place), "{shown} is read again");
        }
        for text in [
            "",
            "env:",
            "file:",
            "file://",
            "ssm:",
            "ssm://",
            "ssm:///",
            "ssm://name",
            "ssm:/x",
            "ssm:///x y",
            "ssm:///x#",
            "http://x",
            "hunter2",
        ] {
            assert_eq!(text.parse::<SecretRef>(), Err(SecretRefError), "{text}");
        }
    }

    #[test]
    fn a_secret_written_into_the_configuration_is_refused_and_not_repeated() {
        for text in ["\"hunter2hunter2\"", "12345678", "-12345678", "1234.5678"] {
            let error = serde_json::from_str::<SecretRef>(text).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("env:NAME"), "{error}");
            assert!(!error.contains(text.trim_matches('"')), "{error}");
        }
    }
}
