//! The reference of all keys, read from the file of defaults so that the two cannot differ.

use super::DEFAULT;
use super::names::{ALIASES, variable};

/// What is documented about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The key, `server.listen`.
    pub key: String,
    /// Its environment variables, the usual one first.
    pub variables: Vec<String>,
    /// The default, as written in TOML.
    pub default: String,
    /// What it means and what is allowed.
    pub doc: String,
}

/// Every key in the order of the file of defaults.
#[must_use]
pub fn reference() -> Vec<Reference> {
    let mut found = Vec::new();
    let mut section = "";
    let mut doc = String::new();
    for line in DEFAULT.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(comment.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            doc.clear();
        } else if let Some((name, default)) = line.split_once('=') {
            let key = format!("{section}.{}", name.trim());
            let aliases =
                ALIASES.iter().filter(|(_, target)| *target == key).map(|(alias, _)| (*alias).to_owned());
            let variables = std::iter::once(variable(&key)).chain(aliases).collect();
            found.push(Reference {
                key,
                variables,
                default: default.trim().to_owned(),
                doc: std::mem::take(&mut doc),
            });
        } else {
            doc.clear();
        }
    }
    found
}

/// The reference as a Markdown table.
#[must_use]
pub fn reference_markdown() -> String {
    let mut table = String::from("| key | environment | default | meaning |\n| --- | --- | --- | --- |\n");
    for entry in reference() {
        let variables: Vec<_> = entry.variables.iter().map(|name| format!("`{name}`")).collect();
        let row =
            format!("| `{}` | {} | `{}` | {} |\n", entry.key, variables.join(", "), entry.default, entry.doc);
        table.push_str(&row);
    }
    table
}
