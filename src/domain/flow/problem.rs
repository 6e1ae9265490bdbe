//! What is wrong with a document, where, and what to do about it.

use serde::{Deserialize, Serialize};

use super::limits::MAX_PROBLEMS;
use super::node::{At, Position};

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// JSON pointer to the offending value (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong and what to do about it.
    pub detail: String,
    /// Line, from 1: for YAML always, for JSON where it cannot be read at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column, from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Problem {
    /// A problem with the document as a text.
    #[must_use]
    pub(super) fn whole(code: &'static str, detail: impl Into<String>, at: Option<Position>) -> Self {
        Self {
            pointer: String::new(),
            code,
            detail: detail.into(),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        write!(f, "{}: {} [{}]", self.pointer, self.detail, self.code)
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    /// Notes a problem with the value at a place.
    pub(super) fn add(&mut self, at: &At<'_>, code: &'static str, detail: impl Into<String>) {
        self.push(at.pointer(), at.node.at, code, detail.into());
    }

    /// Notes a problem with an entry of the map at a place: the key itself, rather than its value.
    pub(super) fn add_key(
        &mut self,
        map: &At<'_>,
        key: &str,
        position: Option<Position>,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        self.push(map.pointer_to(key), position, code, detail.into());
    }

    fn push(&mut self, pointer: String, at: Option<Position>, code: &'static str, detail: String) {
        if self.found.len() >= MAX_PROBLEMS {
            self.left_out += 1;
            return;
        }
        let (line, column) = (at.map(|at| at.line), at.map(|at| at.column));
        self.found.push(Problem { pointer, code, detail, line, column });
    }

    /// The result, or all problems in the order of the document.
    pub(super) fn finish<T>(mut self, result: Option<T>) -> Result<T, Vec<Problem>> {
        if let (true, Some(result)) = (self.found.is_empty(), result) {
            return Ok(result);
        }
        if self.found.is_empty() {
            // No reader gives up silently; should one ever, the document must not pass.
            self.found.push(Problem::whole("invalid", "the document cannot be read", None));
        }
        Err(self.all())
    }

    /// All that was noted, in the order of the document.
    pub(super) fn all(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        if self.left_out > 0 {
            let detail = format!("{} more problems are left out; mend these first", self.left_out);
            self.found.push(Problem::whole("too_many_problems", detail, None));
        }
        self.found
    }
}
