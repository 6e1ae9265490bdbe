//! Lays the defaults, the file and the environment over each other, and refuses keys that none of them may have.

use std::path::Path;

use config::{ConfigError as SourceError, File, FileFormat, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::names::{ALIASES, PREFIX};
use super::{ConfigError, DEFAULT, KeyProblem, reference};

const FILE_VARIABLE: &str = "COUNTEROFFER_CONFIG";

pub(super) fn read<T: DeserializeOwned>(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let environment: Vec<_> = environment.into_iter().collect();
    let named = environment.iter().find(|(name, _)| name == FILE_VARIABLE);
    let file = file.map(Path::to_path_buf).or_else(|| named.map(|(_, path)| path.into()));

    let default = parse(DEFAULT, "default.toml")?;
    let known = leaves(&default);
    let mut builder = config::Config::builder().add_source(File::from_str(DEFAULT, FileFormat::Toml));
    if let Some(path) = file {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| ConfigError::one(&name, format!("cannot be read: {error}")))?;
        refuse_unknown(&parse(&text, &name)?, &known)?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    for (key, value) in overrides(&environment, &known)? {
        builder = builder.set_override(key.as_str(), value).map_err(|error| describe(&error))?;
    }
    builder.build().and_then(config::Config::try_deserialize).map_err(|error| describe(&error))
}

/// The leaves of a document: every key with its value.
pub(super) fn leaves(value: &Value) -> Vec<(String, Value)> {
    fn walk(prefix: &str, value: &Value, into: &mut Vec<(String, Value)>) {
        let ValueKind::Table(table) = &value.kind else {
            into.push((prefix.to_owned(), value.clone()));
            return;
        };
        for (name, inner) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            walk(&key, inner, into);
        }
    }
    let mut found = Vec::new();
    walk("", value, &mut found);
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

/// Reads a TOML document; `name` is said in the error.
pub(super) fn parse(text: &str, name: &str) -> Result<Value, ConfigError> {
    let config = config::Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .build()
        .map_err(|error| ConfigError::one(name, format!("is not TOML: {error}")))?;
    Ok(config.cache)
}

fn refuse_unknown(file: &Value, known: &[(String, Value)]) -> Result<(), ConfigError> {
    let problems: Vec<_> = leaves(file)
        .into_iter()
        .filter(|(key, _)| !known.iter().any(|(name, _)| name == key))
        // An empty section says nothing wrong.
        .filter(|(key, value)| !(key.is_empty() && matches!(value.kind, ValueKind::Nil)))
        .map(|(key, _)| KeyProblem { detail: unknown(&key, known), key })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
}

fn unknown(key: &str, known: &[(String, Value)]) -> String {
    let section = key.split('.').next().unwrap_or(key);
    let inside: Vec<_> = known
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| name.split('.').next() == Some(section))
        .collect();
    if inside.is_empty() {
        let mut sections: Vec<_> = known.iter().filter_map(|(name, _)| name.split('.').next()).collect();
        sections.dedup();
        format!("there is no such section; there are: {}", sections.join(", "))
    } else {
        format!("there is no such key; there are: {}", inside.join(", "))
    }
}

/// What the environment sets, each value read as the type that the default has.
fn overrides(
    environment: &[(String, String)],
    known: &[(String, Value)],
) -> Result<Vec<(String, ValueKind)>, ConfigError> {
    let mut set = Vec::new();
    let mut problems = Vec::new();
    for (name, text) in environment {
        if name == FILE_VARIABLE {
            continue;
        }
        let key = match ALIASES.iter().find(|(alias, _)| alias == name) {
            Some((_, key)) => (*key).to_owned(),
            None => match name.strip_prefix(PREFIX) {
                Some(rest) => rest.to_lowercase().replace("__", "."),
                None => continue,
            },
        };
        match known.iter().find(|(candidate, _)| *candidate == key) {
            None => problems.push(KeyProblem { key: name.clone(), detail: unknown(&key, known) }),
            Some((_, default)) => match typed(text, &default.kind) {
                // The name that our own documentation gives wins over the one shared with other programs.
                Ok(value) if name.starts_with(PREFIX) => set.push((key, value)),
                Ok(value) => set.insert(0, (key, value)),
                Err(expected) => {
                    problems.push(KeyProblem { key: name.clone(), detail: format!("must be {expected}") });
                }
            },
        }
    }
    if problems.is_empty() { Ok(set) } else { Err(ConfigError(problems)) }
}

fn typed(text: &str, like: &ValueKind) -> Result<ValueKind, &'static str> {
    match like {
        ValueKind::Boolean(_) => text.parse().map(ValueKind::Boolean).map_err(|_| "`true` or `false`"),
        ValueKind::I64(_) => text.parse().map(ValueKind::I64).map_err(|_| "a whole number"),
        ValueKind::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(ValueKind::Array(items.map(|item| Value::new(None, item)).collect()))
        }
        _ => Ok(ValueKind::String(text.to_owned())),
    }
}

/// The error of the `config` crate, in the words of the reference and without the value, which may be a secret.
fn describe(error: &SourceError) -> ConfigError {
    match error {
        SourceError::Type { expected, key: Some(key), .. } => about(key, &format!("must be {expected}")),
        SourceError::At { key: Some(key), .. } => about(key, "is not allowed"),
        SourceError::NotFound(key) => about(key, "is missing"),
        other => ConfigError::one("configuration", other.to_string()),
    }
}

fn about(key: &str, what: &str) -> ConfigError {
    // An entry of a list is documented with the list.
    let documented = key.split('[').next().unwrap_or(key);
    let entry = reference().into_iter().find(|entry| entry.key == documented);
    let doc = entry.map(|entry| format!(": {}", entry.doc)).unwrap_or_default();
    ConfigError::one(key, format!("{what}{doc}"))
}
