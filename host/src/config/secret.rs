//! Where a secret is, and how it is read. The configuration never holds the secret itself.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A place to read a secret from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`, an environment variable.
    Environment(String),
    /// `file:PATH`, a file; one line feed at its end is not part of the secret.
    File(PathBuf),
}

/// A secret could not be read. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or not text.
    #[error("environment variable {0} is not set")]
    NotInEnvironment(String),
    /// The file could not be read.
    #[error("cannot read secret file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the secret at {0} is empty")]
    Empty(SecretRef),
}

impl SecretRef {
    /// Reads the secret.
    ///
    /// # Errors
    /// [`SecretError`], naming the place.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let text = match self {
            Self::Environment(name) => {
                std::env::var(name).map_err(|_| SecretError::NotInEnvironment(name.clone()))?
            }
            Self::File(path) => {
                let mut text =
                    std::fs::read_to_string(path).map_err(|source| SecretError::File {
                        path: path.clone(),
                        source,
                    })?;
                if text.ends_with('\n') && text.lines().count() == 1 {
                    text.truncate(text.trim_end_matches(['\r', '\n']).len());
                }
                text
            }
        };
        if text.trim().is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        Ok(SecretString::from(text))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            // The text may be the secret itself, put here by mistake: it must not be repeated.
            _ => Err(D::Error::custom(
                "must say where the secret is: env:NAME or file:PATH",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn parse(text: &str) -> Result<SecretRef, serde_json::Error> {
        serde_json::from_str(&format!("{text:?}"))
    }

    #[test]
    fn a_secret_written_into_the_configuration_is_refused_and_not_repeated() {
        let error = parse("hunter2hunter2").unwrap_err().to_string();
        assert!(
            error.contains("env:NAME") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_file_s_last_line_feed_is_not_part_of_the_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let secret = SecretRef::File(file.path().into()).read().unwrap();
        assert_eq!(secret.expose_secret(), "s3cret");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = SecretRef::Environment("SWITCHYARD_TEST_UNSET".into())
            .read()
            .unwrap_err();
        assert!(error.to_string().contains("SWITCHYARD_TEST_UNSET"));
    }
}
