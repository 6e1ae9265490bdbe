//! A flow made ready for deciding, once per version.

use std::sync::Arc;

use jiff::Timestamp;

use super::document::{FlowDocument, Signal, When};
use super::texts::{self, FlowTexts, Texts};
use crate::domain::copy::Wish;
use crate::domain::facts::Facts;
use crate::domain::index::Index;
use crate::domain::offer::Key;

/// A flow with the index of its segments; immutable, to be shared behind an `Arc`.
#[derive(Debug)]
pub struct CompiledFlow {
    document: FlowDocument,
    index: Index,
    /// For each rule the segments it asks for, as places in the index.
    rule_segments: Vec<Option<Vec<usize>>>,
    /// For each route the same.
    route_segments: Vec<Vec<usize>>,
    /// The same for each experiment, in the order of their keys.
    experiment_segments: Vec<Vec<usize>>,
    texts: Texts,
    languages: Vec<String>,
}

impl CompiledFlow {
    /// Compiles a document. Takes time and memory in proportion to it; done once per version.
    #[must_use]
    pub fn compile(document: FlowDocument) -> Self {
        let index = Index::build(&document.segments, document.tiers.as_ref());
        let places = |when: &When| {
            let wanted = document.wanted(when)?;
            Some(wanted.into_iter().filter_map(|key| index.keys().binary_search(key).ok()).collect())
        };
        let rule_segments = document.rules.iter().map(|rule| rule.when.as_ref().and_then(places)).collect();
        let route_segments =
            document.routes.iter().map(|route| places(&route.when).unwrap_or_default()).collect();
        let of = |keys: &[Key]| -> Vec<usize> {
            keys.iter().filter_map(|key| index.keys().binary_search(key).ok()).collect()
        };
        let experiment_segments =
            document.experiments.values().map(|experiment| of(&experiment.segments)).collect();
        let texts = Texts::compile(&document);
        let languages = texts::languages(&document);
        Self { document, index, rule_segments, route_segments, experiment_segments, texts, languages }
    }

    /// The document it was compiled from.
    #[must_use]
    pub fn document(&self) -> &FlowDocument {
        &self.document
    }

    /// Its texts for whoever asks for `locale`, a BCP 47 tag.
    #[must_use]
    pub fn texts(&self, locale: &str) -> Arc<FlowTexts> {
        self.texts.of(&self.document, locale)
    }

    /// The languages that any of its texts is in, sorted.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Whether any of its texts is in the language of a BCP 47 tag, or in one that the tag inherits from.
    #[must_use]
    pub fn speaks(&self, tag: &str) -> bool {
        Wish::new(tag).is_met_by(self.languages.iter().map(String::as_str))
    }

    /// The first route that fits, counted from 0, with its segments that hold.
    #[must_use]
    pub fn route(&self, facts: &Facts, now: Timestamp) -> Option<(usize, Vec<Key>)> {
        if self.route_segments.is_empty() {
            return None;
        }
        let bits = self.index.matching(facts, now);
        self.route_segments.iter().enumerate().find_map(|(route, wanted)| {
            let holding = wanted.iter().filter(|place| bits.has(**place));
            let keys: Vec<Key> = holding.filter_map(|place| self.index.keys().get(*place)).cloned().collect();
            (!keys.is_empty()).then_some((route, keys))
        })
    }

    /// The signals to raise: each with those of its segments that hold.
    #[must_use]
    pub fn signals(&self, facts: &Facts, now: Timestamp) -> Vec<(&Key, &Signal, Vec<Key>)> {
        let holding = self.matching(facts, now).keys();
        let raised = self.document.signals.iter().map(|(key, signal)| {
            let segments =
                signal.when.segments.iter().filter(|segment| holding.binary_search(segment).is_ok());
            (key, signal, segments.cloned().collect::<Vec<_>>())
        });
        raised.filter(|(_, _, segments)| !segments.is_empty()).collect()
    }

    /// Which segments hold.
    pub(in crate::domain) fn matching(&self, facts: &Facts, now: Timestamp) -> Matching<'_> {
        Matching { flow: self, bits: self.index.matching(facts, now) }
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
        self.bits.iter().filter_map(|at| self.flow.index.keys().get(at)).cloned().collect()
    }

    /// Whether the segments of the rule at `index` allow it: none asked for, or one of them holding.
    pub(in crate::domain) fn allow_rule(&self, index: usize) -> bool {
        let wanted = self.flow.rule_segments.get(index).and_then(Option::as_ref);
        wanted.is_none_or(|wanted| self.any(wanted))
    }

    /// The same for an experiment, by its place among the keys.
    pub(in crate::domain) fn allow_experiment(&self, index: usize) -> bool {
        let wanted = self.flow.experiment_segments.get(index);
        wanted.is_none_or(|wanted| wanted.is_empty() || self.any(wanted))
    }

    fn any(&self, places: &[usize]) -> bool {
        places.iter().any(|place| self.bits.has(*place))
    }
}
