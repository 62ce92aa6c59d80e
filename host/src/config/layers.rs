//! Where values come from: defaults, `switchyard.toml`, the stage's file beside it, the environment, flags. Each stands
//! above the ones before it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use figment::error::{Actual, Kind};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;
use toml_edit::{Array, ArrayOfTables, Document, Item, TableLike};

use super::{Config, ConfigError, Stage};

/// Environment variables that override files begin with this.
const ENV_PREFIX: &str = "SWITCHYARD__";

/// What separates a section from a key in their names.
const ENV_SEPARATOR: &str = "__";

/// How alike two keys are where one may be meant by the other, from 0 to 1.
const LIKENESS: f64 = 0.8;

/// Most keys that are proposed in place of an unknown one.
const PROPOSALS: usize = 3;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file.
    File {
        /// Which.
        path: PathBuf,
        /// The line, from 1, where it can be told.
        line: Option<usize>,
    },
    /// The stage's file.
    Stage {
        /// Which.
        path: PathBuf,
        /// The line, from 1, where it can be told.
        line: Option<usize>,
    },
    /// A variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// An option of the command.
    Flag {
        /// Its name.
        option: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } | Self::Stage { path, line } => {
                write!(f, "{}", path.display())?;
                line.map_or(Ok(()), |line| write!(f, ":{line}"))
            }
            Self::Environment { variable: name } | Self::Flag { option: name } => f.write_str(name),
        }
    }
}

/// One of the sources that configuration is put together from.
#[derive(Debug, Clone)]
struct Layer {
    origin: Origin,
    /// A file, with the places of what is in it.
    document: Option<Document<String>>,
    values: Dict,
}

/// A layer as figment takes it, under its number.
struct Numbered<'a>(usize, &'a Layer);

impl Provider for Numbered<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.to_string())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.1.values.clone()))
    }
}

/// The sources of a configuration.
#[derive(Debug, Clone)]
pub struct Layers {
    layers: Vec<Layer>,
    /// What they are run for.
    pub stage: Option<Stage>,
}

impl Layers {
    /// Reads a file, the stage's file beside it, and the environment. `NAME.toml` has `NAME.STAGE.toml` beside it.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] or [`ConfigError::Malformed`], naming the file.
    pub fn read(
        file: &Path,
        stage: Option<Stage>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = vec![Layer::of_file(file, |path, line| Origin::File {
            path,
            line,
        })?];
        if let Some(stage) = stage {
            let beside = file.with_extension(format!("{}.toml", stage.name()));
            let layer = Layer::of_file(&beside, |path, line| Origin::Stage { path, line })?;
            layers.push(layer);
        }
        layers.extend(of_environment(environment));
        Ok(Self { layers, stage })
    }

    /// A text, and the environment.
    ///
    /// # Errors
    /// [`ConfigError::Malformed`], naming `source`.
    pub fn of_text(
        text: &str,
        source: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let path = PathBuf::from(source);
        let origin = Origin::File { path, line: None };
        let mut layers = vec![Layer::of_text(text, origin)?];
        layers.extend(of_environment(environment));
        Ok(Self {
            layers,
            stage: None,
        })
    }

    /// The same with a value that an option of the command gave.
    #[must_use]
    pub fn with_flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        let option = flag.to_owned();
        let layer = Layer::of_one(key, Value::from(value), Origin::Flag { option });
        self.layers.push(layer);
        self
    }

    /// The files that were read.
    pub fn files(&self) -> Vec<&Path> {
        let origins = self.layers.iter().map(|layer| &layer.origin);
        let files = origins.filter_map(|origin| match origin {
            Origin::File { path, .. } | Origin::Stage { path, .. } => Some(path.as_path()),
            _ => None,
        });
        files.collect()
    }

    /// Puts them together, and checks what comes of it.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key and where its value comes from.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let figment = self.figment();
        let config: Config = figment
            .extract()
            .map_err(|error| ConfigError::Malformed(self.describe(error, &figment)))?;
        config.check().map_err(|error| match error {
            ConfigError::Value {
                key,
                value,
                problem,
                ..
            } => {
                let origin = self.origin_of(&figment, &path_of(&key));
                ConfigError::Value {
                    key,
                    value,
                    problem,
                    origin: Some(origin),
                }
            }
            other => other,
        })?;
        Ok(config)
    }

    pub(super) fn figment(&self) -> Figment {
        let layers = self.layers.iter().enumerate();
        layers.fold(Figment::new(), |figment, (number, layer)| {
            figment.merge(Numbered(number, layer))
        })
    }

    /// Where the value at a path comes from; of a section, where the first of its values does.
    pub(super) fn origin_of(&self, figment: &Figment, path: &[String]) -> Origin {
        let Some(value) = value_at(figment, path) else {
            return Origin::Default;
        };
        let metadata = figment.get_metadata(first_leaf(&value).tag());
        let number = metadata.and_then(|metadata| metadata.name.parse::<usize>().ok());
        let Some(layer) = number.and_then(|number| self.layers.get(number)) else {
            return Origin::Default;
        };
        match &layer.origin {
            Origin::File { path: file, .. } => Origin::File {
                path: file.clone(),
                line: layer.line(path),
            },
            Origin::Stage { path: file, .. } => Origin::Stage {
                path: file.clone(),
                line: layer.line(path),
            },
            other => other.clone(),
        }
    }

    /// One line for each problem figment found, each with its key, what may have been meant, and where it came from.
    fn describe(&self, error: figment::Error, figment: &Figment) -> String {
        let lines: Vec<String> = error
            .into_iter()
            .map(|problem| {
                let mut path = problem.path.clone();
                let text = match &problem.kind {
                    Kind::UnknownField(name, known) => {
                        if path.last() != Some(name) {
                            path.push(name.clone());
                        }
                        unknown("key", name, known)
                    }
                    Kind::UnknownVariant(name, known) => unknown("value", name, known),
                    Kind::InvalidType(found, wanted) => mistaken(found, wanted),
                    // That a number is too large is seen by it.
                    Kind::InvalidValue(found @ (Actual::Str(_) | Actual::Char(_)), wanted) => {
                        mistaken(found, wanted)
                    }
                    Kind::Unsupported(found) => {
                        format!("is {}, which it cannot be", kind_of(found))
                    }
                    kind => kind.to_string(),
                };
                let key = path.join(".");
                let at = if key.is_empty() {
                    String::new()
                } else {
                    format!("{key}: ")
                };
                match self.origin_of(figment, &path) {
                    Origin::Default => format!("{at}{text}"),
                    origin => format!("{at}{text} (in {origin})"),
                }
            })
            .collect();
        lines.join("; ")
    }
}

impl Layer {
    fn of_file(
        path: &Path,
        origin: impl FnOnce(PathBuf, Option<usize>) -> Origin,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::of_text(&text, origin(path.to_owned(), None))
    }

    fn of_text(text: &str, origin: Origin) -> Result<Self, ConfigError> {
        let malformed = |error: String| ConfigError::Malformed(format!("{error} (in {origin})"));
        // The parser's message shows the line that it stumbled over, which may hold anything.
        let document = Document::parse(text.to_owned()).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            malformed(format!("line {line}: {}", error.message().trim()))
        })?;
        let values: Dict = toml_edit::de::from_document(document.clone())
            .map_err(|error| malformed(error.message().trim().to_owned()))?;
        Ok(Self {
            origin,
            document: Some(document),
            values,
        })
    }

    fn of_one(key: &str, value: Value, origin: Origin) -> Self {
        let nested = figment::util::nest(key, value);
        Self {
            origin,
            document: None,
            values: nested.into_dict().unwrap_or_default(),
        }
    }

    /// The line of a value in the file, or of the nearest section around it.
    fn line(&self, path: &[String]) -> Option<usize> {
        let document = self.document.as_ref()?;
        let mut place = Place::of(document.as_item());
        let mut span = None;
        for part in path {
            let Some((inner, found)) = place.step(part) else {
                break;
            };
            (place, span) = (inner, found.or(span));
        }
        let before = document.raw().get(..span?.start)?;
        Some(before.matches('\n').count() + 1)
    }
}

/// What a part of a file can be looked into.
enum Place<'a> {
    Table(&'a dyn TableLike),
    Array(&'a Array),
    Tables(&'a ArrayOfTables),
    Leaf,
}

impl<'a> Place<'a> {
    fn of(item: &'a Item) -> Self {
        if let Some(table) = item.as_table_like() {
            Self::Table(table)
        } else if let Some(tables) = item.as_array_of_tables() {
            Self::Tables(tables)
        } else {
            item.as_value().map_or(Self::Leaf, Self::of_value)
        }
    }

    fn of_value(value: &'a toml_edit::Value) -> Self {
        match value {
            toml_edit::Value::InlineTable(table) => Self::Table(table),
            toml_edit::Value::Array(array) => Self::Array(array),
            _ => Self::Leaf,
        }
    }

    /// What has a name, or a number, in it; and where that begins.
    fn step(&self, part: &str) -> Option<(Self, Option<Range<usize>>)> {
        match self {
            Self::Table(table) => {
                let (key, item) = table.get_key_value(part)?;
                Some((Self::of(item), key.span().or_else(|| item.span())))
            }
            Self::Array(array) => {
                let value = array.get(part.parse().ok()?)?;
                Some((Self::of_value(value), value.span()))
            }
            Self::Tables(tables) => {
                let table = tables.get(part.parse().ok()?)?;
                Some((Self::Table(table), table.span()))
            }
            Self::Leaf => None,
        }
    }
}

/// One layer for each variable, in the order of their names.
fn of_environment(environment: impl IntoIterator<Item = (String, String)>) -> Vec<Layer> {
    let mut variables: Vec<(String, String)> = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
        .collect();
    variables.sort();
    let layers = variables.into_iter().filter_map(|(name, text)| {
        let key = name.strip_prefix(ENV_PREFIX)?.to_ascii_lowercase();
        let key = key.replace(ENV_SEPARATOR, ".");
        // What is neither a number, a list nor the like is a text.
        let value: Value = match text.parse() {
            Ok(value) => value,
            Err(never) => match never {},
        };
        let is_key = !key.is_empty() && key.split('.').all(|part| !part.is_empty());
        is_key.then(|| Layer::of_one(&key, value, Origin::Environment { variable: name }))
    });
    layers.collect()
}

/// `a.b[2].c` as its parts.
fn path_of(key: &str) -> Vec<String> {
    let parts = key.split(['.', '[', ']']);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn value_at(figment: &Figment, path: &[String]) -> Option<Value> {
    let mut dicts = figment.data().ok()?;
    let mut value = Value::from(dicts.remove(&Profile::Default)?);
    for part in path {
        value = match value {
            Value::Dict(_, mut dict) => dict.remove(part)?,
            Value::Array(_, mut array) => {
                let index = part.parse().ok().filter(|index| *index < array.len())?;
                array.swap_remove(index)
            }
            _ => return None,
        };
    }
    Some(value)
}

/// A value that says of itself where it is from; sections do not.
fn first_leaf(value: &Value) -> &Value {
    let first = match value {
        Value::Dict(_, dict) => dict.values().next(),
        Value::Array(_, array) => array.first(),
        _ => None,
    };
    first.map_or(value, first_leaf)
}

/// What is said of a value of the wrong type. Itself it is not shown: it may be a secret in the wrong place.
fn mistaken(found: &Actual, wanted: &str) -> String {
    format!("is {}, and must be {wanted}", kind_of(found))
}

fn kind_of(found: &Actual) -> &'static str {
    match found {
        Actual::Str(_) | Actual::Char(_) => "a text",
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Seq => "a list",
        Actual::Map => "a section",
        _ => "something else",
    }
}

/// What is said of a name that is not known.
fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), *known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let near: Vec<String> = near
        .iter()
        .take(PROPOSALS)
        .map(|(_, known)| format!("{known:?}"))
        .collect();
    let known = known.join(", ");
    if near.is_empty() {
        format!("unknown {what} {name:?}; allowed: {known}")
    } else {
        let near = near.join(" or ");
        format!("unknown {what} {name:?}; did you mean {near}? Allowed: {known}")
    }
}

#[cfg(test)]
mod tests;
