//! A flow made ready for deciding, once per version.

use jiff::Timestamp;

use super::document::FlowDocument;
use crate::domain::facts::Facts;
use crate::domain::index::Index;
use crate::domain::offer::Key;

/// A flow with the index of its segments; immutable, to be shared behind an `Arc`.
#[derive(Debug)]
pub struct CompiledFlow {
    document: FlowDocument,
    index: Index,
    segments: Vec<Key>,
    /// For each rule the segments it asks for, as positions in `segments`.
    rule_segments: Vec<Vec<usize>>,
}

impl CompiledFlow {
    /// Compiles a document. Takes time and memory in proportion to it; done once per version.
    #[must_use]
    pub fn compile(document: FlowDocument) -> Self {
        let segments: Vec<Key> = document.segments.keys().cloned().collect();
        let index = Index::build(document.segments.values());
        let rule_segments = document
            .rules
            .iter()
            .map(|rule| {
                let wanted = rule.when.iter().flat_map(|when| &when.segments);
                wanted.filter_map(|key| segments.binary_search(key).ok()).collect()
            })
            .collect();
        Self { document, index, segments, rule_segments }
    }

    /// The document it was compiled from.
    #[must_use]
    pub fn document(&self) -> &FlowDocument {
        &self.document
    }

    /// Which segments hold.
    pub(in crate::domain) fn matching(&self, facts: &Facts, now: Timestamp) -> Matching<'_> {
        Matching { flow: self, bits: self.index.matching(self.document.segments.values(), facts, now) }
    }
}

/// The segments that hold for one subscriber.
#[derive(Debug)]
pub(in crate::domain) struct Matching<'a> {
    flow: &'a CompiledFlow,
    bits: crate::domain::index::Bits,
}

impl Matching<'_> {
    /// Their keys, sorted.
    pub(in crate::domain) fn keys(&self) -> Vec<Key> {
        self.bits.iter().filter_map(|at| self.flow.segments.get(at)).cloned().collect()
    }

    /// Whether the segments of the rule at `index` allow it: none asked for, or one of them holding.
    pub(in crate::domain) fn allow_rule(&self, index: usize) -> bool {
        let wanted = self.flow.rule_segments.get(index);
        wanted.is_none_or(|wanted| wanted.is_empty() || wanted.iter().any(|at| self.bits.has(*at)))
    }
}
