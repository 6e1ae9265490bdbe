//! A flow made ready for deciding, once per version.

use jiff::Timestamp;

use super::document::{FlowDocument, Rule};
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
    /// The same for each experiment, in the order of their keys.
    experiment_segments: Vec<Vec<usize>>,
}

impl CompiledFlow {
    /// Compiles a document. Takes time and memory in proportion to it; done once per version.
    #[must_use]
    pub fn compile(document: FlowDocument) -> Self {
        let segments: Vec<Key> = document.segments.keys().cloned().collect();
        let index = Index::build(document.segments.values());
        let places = |wanted: &[Key]| -> Vec<usize> {
            wanted.iter().filter_map(|key| segments.binary_search(key).ok()).collect()
        };
        let of_rule = |rule: &Rule| rule.when.as_ref().map(|when| places(&when.segments)).unwrap_or_default();
        let rule_segments = document.rules.iter().map(of_rule).collect();
        let experiment_segments =
            document.experiments.values().map(|experiment| places(&experiment.segments)).collect();
        Self { document, index, segments, rule_segments, experiment_segments }
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
    /// The flow whose segments they are.
    pub(in crate::domain) fn flow(&self) -> &CompiledFlow {
        self.flow
    }

    /// Their keys, sorted.
    pub(in crate::domain) fn keys(&self) -> Vec<Key> {
        self.bits.iter().filter_map(|at| self.flow.segments.get(at)).cloned().collect()
    }

    /// Whether the segments of the rule at `index` allow it: none asked for, or one of them holding.
    pub(in crate::domain) fn allow_rule(&self, index: usize) -> bool {
        self.allow(self.flow.rule_segments.get(index))
    }

    /// The same for an experiment, by its place among the keys.
    pub(in crate::domain) fn allow_experiment(&self, index: usize) -> bool {
        self.allow(self.flow.experiment_segments.get(index))
    }

    fn allow(&self, wanted: Option<&Vec<usize>>) -> bool {
        wanted.is_none_or(|wanted| wanted.is_empty() || wanted.iter().any(|at| self.bits.has(*at)))
    }
}
