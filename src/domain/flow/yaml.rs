//! YAML 1.2 as a tree with places. Anchors, aliases and tags are refused: nothing in a flow needs them, and without
//! them a document is never larger than its text.

use rust_decimal::Decimal;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use super::limits::MAX_NESTING;
use super::node::{Entry, Kind, Node, Position};
use super::problem::Problem;

/// A collection that is not closed yet.
struct Open {
    at: Position,
    of: Collection,
}

enum Collection {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Position)> },
}

/// Reads one document.
pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        let at = position(&span.start);
        match event {
            Event::DocumentStart(_) if root.is_some() => {
                return Err(refuse(
                    at,
                    "several_documents",
                    "only one document may be in the text; remove the others",
                ));
            }
            Event::Scalar(text, style, anchor, tag) => {
                plain_only(anchor, tag.is_some(), at)?;
                let kind =
                    if style == ScalarStyle::Plain { resolve(&text) } else { Kind::Text(text.into_owned()) };
                place(&mut open, &mut root, Node { at: Some(at), kind }, at)?;
            }
            Event::SequenceStart(anchor, tag) => {
                plain_only(anchor, tag.is_some(), at)?;
                begin(&mut open, at, Collection::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                plain_only(anchor, tag.is_some(), at)?;
                begin(&mut open, at, Collection::Map { entries: Vec::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { at, of }) = open.pop() {
                    let kind = match of {
                        Collection::List(items) => Kind::List(items),
                        Collection::Map { entries, .. } => Kind::Map(entries),
                    };
                    place(&mut open, &mut root, Node { at: Some(at), kind }, at)?;
                }
            }
            Event::Alias(_) => return Err(refuse(at, "alias", "aliases are not taken; write the value out")),
            _ => {}
        }
    }
    root.ok_or_else(|| Problem::whole("empty", "the document is empty; it must be a map with a `key`", None))
}

fn begin(open: &mut Vec<Open>, at: Position, of: Collection) -> Result<(), Problem> {
    if open.len() >= MAX_NESTING {
        return Err(refuse(at, "too_deep", &format!("nested deeper than {MAX_NESTING} levels")));
    }
    if let Some(Open { of: Collection::Map { key: None, .. }, .. }) = open.last() {
        return Err(refuse(at, "invalid_key", "a key must be a text"));
    }
    open.push(Open { at, of });
    Ok(())
}

/// Puts a finished value where it belongs.
fn place(open: &mut [Open], root: &mut Option<Node>, node: Node, at: Position) -> Result<(), Problem> {
    match open.last_mut().map(|open| &mut open.of) {
        None => *root = Some(node),
        Some(Collection::List(items)) => items.push(node),
        Some(Collection::Map { entries, key }) => match key.take() {
            Some((key, at)) => entries.push(Entry { key, at: Some(at), value: node }),
            None => *key = Some((key_text(node.kind, at)?, at)),
        },
    }
    Ok(())
}

fn key_text(kind: Kind, at: Position) -> Result<String, Problem> {
    match kind {
        Kind::Text(text) => Ok(text),
        Kind::Number(number) => Ok(number.to_string()),
        Kind::Bool(flag) => Ok(flag.to_string()),
        Kind::Null | Kind::List(_) | Kind::Map(_) => Err(refuse(at, "invalid_key", "a key must be a text")),
    }
}

/// What a scalar without quotes is, by the core schema, decimal numbers only.
fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let digit = text.trim_start_matches(['-', '+', '.']).starts_with(|c: char| c.is_ascii_digit());
    let shaped =
        digit && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
    let number =
        shaped.then(|| Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok());
    number.flatten().map_or_else(|| Kind::Text(text.to_owned()), Kind::Number)
}

fn plain_only(anchor: usize, tagged: bool, at: Position) -> Result<(), Problem> {
    if anchor != 0 {
        return Err(refuse(at, "anchor", "anchors are not taken; write the value out where it is needed"));
    }
    if tagged {
        return Err(refuse(at, "tag", "tags are not taken; write the value plainly"));
    }
    Ok(())
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col().saturating_add(1) }
}

fn refuse(at: Position, code: &'static str, detail: &str) -> Problem {
    Problem::whole(code, detail, Some(at))
}

fn syntax(error: &ScanError) -> Problem {
    Problem::whole("syntax", format!("this is not YAML: {}", error.info()), Some(position(error.marker())))
}
