//! A flow's texts for those who read one language, chosen and made ready once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::care::Ask;
use super::document::FlowDocument;
use crate::domain::copy::{CopyTemplate, Formatter, Prepared, Shown, Wish, choose, manner};
use crate::domain::offer::{Copy, Key, PresentedAsk};

/// How many languages are kept ready at a time; whoever asks in more of them waits some microseconds.
const MAX_KEPT: usize = 100;
/// The question where the flow does not word its own.
const QUESTION: &str = "Why do you want to cancel?";
/// The thanks where the flow does not word its own.
const GOODBYE: &str = "Thank you for having been with us. You can cancel here.";

/// A reason to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Reason)]
pub struct ReasonText {
    /// What to send.
    pub key: Key,
    /// What to show.
    pub label: String,
    /// A question to ask when it is chosen.
    pub follow_up: Option<String>,
    /// Whether the answer may carry `feature_tags`; absent where it may not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub feature_tags: bool,
}

/// A flow's texts in the language that fits somebody best; where a text is missing in it, in the next best.
#[derive(Debug)]
pub struct FlowTexts {
    /// What is asked before the reasons.
    pub question: Arc<str>,
    /// The reasons, in the order in which they are shown.
    pub reasons: Arc<[ReasonText]>,
    /// What is said where a cap leaves nothing to offer.
    pub goodbye: Arc<str>,
    offers: BTreeMap<Key, (Arc<Prepared>, Arc<Formatter>)>,
    /// By offer, for those that ask for something.
    asks: BTreeMap<Key, Vec<PresentedAsk>>,
}

impl FlowTexts {
    /// The texts of an offer of the flow, filled in.
    #[must_use]
    pub fn copy(&self, offer: &Key, shown: &Shown<'_>) -> Copy {
        let filled = self.offers.get(offer).map(|(prepared, write)| prepared.fill_in(shown, write));
        filled.unwrap_or_default()
    }

    /// What an offer of the flow asks in return.
    #[must_use]
    pub fn asks(&self, offer: &Key) -> Vec<PresentedAsk> {
        self.asks.get(offer).cloned().unwrap_or_default()
    }
}

type ByLanguage<T> = BTreeMap<String, T>;

/// The texts of one flow.
#[derive(Debug)]
pub(super) struct Texts {
    offers: BTreeMap<Key, ByLanguage<Arc<Prepared>>>,
    ready: RwLock<HashMap<String, Arc<FlowTexts>>>,
}

impl Texts {
    pub(super) fn compile(document: &FlowDocument) -> Self {
        let prepare = |(key, offer): (&Key, &super::document::OfferDefinition)| {
            let prepared = |copy: &CopyTemplate| Arc::new(Prepared::new(copy, offer.terms.offer_type()));
            let mut all: ByLanguage<_> =
                offer.copy.iter().map(|(tag, copy)| (tag.clone(), prepared(copy))).collect();
            if all.is_empty() {
                all.insert("en".to_owned(), prepared(&CopyTemplate::default()));
            }
            (key.clone(), all)
        };
        Self { offers: document.offers.iter().map(prepare).collect(), ready: RwLock::default() }
    }

    /// The texts for whoever asks for `locale`.
    pub(super) fn of(&self, document: &FlowDocument, locale: &str) -> Arc<FlowTexts> {
        let known = self.ready.read().unwrap_or_else(PoisonError::into_inner).get(locale).cloned();
        known.unwrap_or_else(|| {
            let made = Arc::new(self.choose(document, locale));
            let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
            // Tags come from outside, so they must not fill the memory.
            if ready.len() >= MAX_KEPT {
                ready.clear();
            }
            ready.insert(locale.to_owned(), Arc::clone(&made));
            made
        })
    }

    fn choose(&self, document: &FlowDocument, locale: &str) -> FlowTexts {
        let wishes: Vec<Wish> =
            [Some(locale), document.default_locale.as_deref()].into_iter().flatten().map(Wish::new).collect();
        let text = |texts: &ByLanguage<String>| choose(texts, &wishes).map(|(_, text)| text.clone());
        let question = document.survey.as_ref().and_then(|survey| text(&survey.question));
        let reason = |reason: &super::document::Reason| ReasonText {
            key: reason.key.clone(),
            label: text(&reason.label).unwrap_or_default(),
            follow_up: reason.follow_up.as_ref().and_then(text),
            feature_tags: reason.feature_tags,
        };
        let goodbye = document.goodbye.as_ref().and_then(text);
        let ask = |ask: &Ask| PresentedAsk {
            key: ask.key.clone(),
            ask_type: ask.ask_type,
            label: text(&ask.label).unwrap_or_default(),
            required: ask.required,
            agreed: None,
        };
        let asking = document.offers.iter().filter(|(_, offer)| !offer.asks.is_empty());
        let asks = asking.map(|(key, offer)| (key.clone(), offer.asks.iter().map(ask).collect()));
        let mut formatters: HashMap<&str, Arc<Formatter>> = HashMap::new();
        let offers = self.offers.iter().filter_map(|(key, prepared)| {
            let (tag, prepared) = choose(prepared, &wishes)?;
            let manner = manner(tag, locale);
            let write = formatters.entry(manner).or_insert_with(|| Arc::new(Formatter::new(manner)));
            Some((key.clone(), (Arc::clone(prepared), Arc::clone(write))))
        });
        FlowTexts {
            question: question.as_deref().unwrap_or(QUESTION).into(),
            reasons: document.reasons.iter().map(reason).collect(),
            goodbye: goodbye.as_deref().unwrap_or(GOODBYE).into(),
            offers: offers.collect(),
            asks: asks.collect(),
        }
    }
}

/// The languages that any of a flow's texts is in, sorted.
pub(super) fn languages(document: &FlowDocument) -> Vec<String> {
    let labels = document
        .reasons
        .iter()
        .flat_map(|reason| reason.label.keys().chain(reason.follow_up.iter().flat_map(BTreeMap::keys)));
    let question = document.survey.iter().flat_map(|survey| survey.question.keys());
    let copies = document.offers.values().flat_map(|offer| offer.copy.keys());
    let asks = document.offers.values().flat_map(|offer| &offer.asks).flat_map(|ask| ask.label.keys());
    let goodbye = document.goodbye.iter().flat_map(BTreeMap::keys);
    let all = document.default_locale.iter().chain(labels).chain(question).chain(copies);
    let mut all: Vec<String> = all.chain(asks).chain(goodbye).cloned().collect();
    all.sort_unstable();
    all.dedup();
    all
}
