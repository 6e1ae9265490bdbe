//! A document as a tree of plain values, each with its place in the text where that is known.

use rust_decimal::Decimal;

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) at: Option<Position>,
    pub(super) kind: Kind,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    List(Vec<Node>),
    /// In the order of the document, duplicates and all.
    Map(Vec<Entry>),
}

/// An entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The place of the key.
    pub(super) at: Option<Position>,
    pub(super) value: Node,
}

impl Kind {
    /// The word for it in messages.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// The way to a value, kept on the stack and written out only for a problem.
#[derive(Clone, Copy, Debug)]
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

/// A value together with the way to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    path: Path<'a>,
}

impl<'a> At<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, path: Path::Root }
    }

    /// The value of an entry.
    pub(super) fn entry<'b>(&'b self, entry: &'b Entry) -> At<'b> {
        At { node: &entry.value, path: Path::Key(&self.path, &entry.key) }
    }

    /// The element of a list.
    pub(super) fn element<'b>(&'b self, index: usize, node: &'b Node) -> At<'b> {
        At { node, path: Path::Index(&self.path, index) }
    }

    /// The value of a member of this map.
    pub(super) fn member(&self, name: &str) -> Option<At<'_>> {
        let Kind::Map(entries) = &self.node.kind else { return None };
        entries.iter().find(|entry| entry.key == name).map(|entry| self.entry(entry))
    }

    /// JSON pointer to the value.
    pub(super) fn pointer(&self) -> String {
        let mut text = String::new();
        self.path.write(&mut text);
        text
    }

    /// JSON pointer to an entry of this map.
    pub(super) fn pointer_to(&self, key: &str) -> String {
        let mut text = String::new();
        Path::Key(&self.path, key).write(&mut text);
        text
    }
}

impl Path<'_> {
    /// As deep as the document is nested, which is bounded.
    fn write(&self, text: &mut String) {
        match self {
            Self::Root => {}
            Self::Key(parent, key) => {
                parent.write(text);
                text.push('/');
                text.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Self::Index(parent, index) => {
                parent.write(text);
                text.push('/');
                text.push_str(&index.to_string());
            }
        }
    }
}
