//! The flow document as it is kept, published and shown. Its JSON is canonical: keys sorted, defaults written out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::care::{Ask, Depth};
use super::experiment::{Allocation, Experiment, Holdout};
use super::policy::{Budget, Policy};
use crate::domain::condition::{Segment, Tiers};
use crate::domain::copy::CopyTemplate;
use crate::domain::facts::AttributeType;
use crate::domain::ids::PriceId;
use crate::domain::jurisdiction::{Jurisdiction, Place};
use crate::domain::money::{Currency, Money};
use crate::domain::offer::{Key, OfferType, Terms};
use crate::domain::operation::StripeFeedback;
use crate::domain::span::Span;

/// A text in several languages, by BCP 47 tag (`en`, `pt-BR`).
pub type Texts = BTreeMap<String, String>;

/// What happens when somebody cancels: reasons, segments, offers, rules, policy. Made by [`super::parse()`] alone, so
/// that whoever holds one holds a sound one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowDocument {
    /// The flow's key.
    pub key: Key,
    /// The language of whoever asks for none, or for one without texts; a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_locale: Option<String>,
    /// What is asked before the reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub survey: Option<Survey>,
    /// Why somebody may leave, in the order in which they are shown.
    pub reasons: Vec<Reason>,
    /// Types of the app's own attributes.
    pub attributes: BTreeMap<String, AttributeType>,
    /// Bands of what a subscriber is worth, for conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Tiers>,
    /// Named conditions.
    pub segments: BTreeMap<Key, Segment>,
    /// What may be given.
    pub offers: BTreeMap<Key, OfferDefinition>,
    /// Who runs another flow instead; the first that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Who gets what; the first rule that matches counts.
    pub rules: Vec<Rule>,
    /// Guard rails.
    pub policy: Policy,
    /// Who sees no offer, so that it can be told what offers bring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// What is tried against what.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub experiments: BTreeMap<Key, Experiment>,
    /// What the app is to be told of before anybody begins to cancel.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub signals: BTreeMap<Key, Signal>,
    /// What to say, by language, to those who have had all that a cap allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodbye: Option<Texts>,
}

/// The survey's question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowSurvey)]
pub struct Survey {
    /// The question by language; nobody has to answer it.
    #[schema(value_type = super::schema::maps::LocalizedText)]
    pub question: Texts,
}

/// Why the subscriber leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowReason)]
pub struct Reason {
    /// Its key; unique in the flow.
    pub key: Key,
    /// The label by language.
    #[schema(value_type = super::schema::maps::LocalizedText)]
    pub label: Texts,
    /// The reason in Stripe's words.
    pub stripe_feedback: StripeFeedback,
    /// A question to ask when it is chosen, by language.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::schema::maps::LocalizedText>)]
    pub follow_up: Option<Texts>,
    /// Whether the answer may carry tags of the features that are missing; not unless said otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, default = false)]
    pub feature_tags: bool,
}

/// An offer as a flow defines it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfferDefinition {
    /// Type and terms.
    #[serde(flatten)]
    pub terms: Terms,
    /// The texts by language.
    pub copy: BTreeMap<String, CopyTemplate>,
    /// How long a presented offer can be accepted; at most 90 days, a day unless said otherwise.
    pub expires_after: Span,
    /// How deep a discount may go, by segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<Depth>,
    /// Days that must pass after it was accepted before it is presented again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_days: Option<u16>,
    /// Whether a discount may be given to somebody who has one; the policy may allow it for all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stacking: bool,
    /// The campaign it belongs to, which may be capped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Key>,
    /// What giving it costs a month beside the price, such as what free features cost to run; for the margin floors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_cost: Option<Money>,
    /// What it asks in return.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Ask>,
}

impl OfferDefinition {
    /// The terms for somebody in these segments.
    #[must_use]
    pub fn terms_for(&self, segments: &[Key]) -> Cow<'_, Terms> {
        match &self.depth {
            Some(depth) => depth.deepen(&self.terms, segments),
            None => Cow::Borrowed(&self.terms),
        }
    }
}

/// For these segments and reasons, present these offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Whom it is for; none for everybody (`otherwise: true`).
    #[serde(flatten, serialize_with = "when_or_otherwise")]
    pub when: Option<When>,
    /// The offers by rank; empty to let go without one.
    pub present: Vec<Key>,
}

/// Whom a rule is for: in any of the segments, named by themselves or by a tag, and for any of the reasons. A list that
/// is left out asks nothing, and at least one is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowWhen)]
pub struct When {
    /// Segments of which at least one must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, min_items = 1, max_items = 500)]
    pub segments: Vec<Key>,
    /// Tags of segments of which at least one must hold, beside those in `segments`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, min_items = 1, max_items = 500)]
    pub segment_tags: Vec<Key>,
    /// Reasons of which one must have been given. Before the survey is answered such a rule does not match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, min_items = 1, max_items = 500)]
    pub reasons: Vec<Key>,
}

/// For these segments, run another flow instead. Looked at once, when a session begins, with the facts of that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Whom it is for: segments or tags of segments, and no reasons.
    pub when: When,
    /// The other flow, which must be published. Its own routes are not followed.
    pub flow: Key,
}

/// What is told of a subscription once its facts are so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowSignal)]
pub struct Signal {
    /// When it is raised.
    pub when: SignalWhen,
    /// Days that must pass before it is raised again for the same subscription, 1 to 3650; 30 unless said otherwise.
    #[schema(required = false, minimum = 1, maximum = 3650, default = 30)]
    pub cooldown_days: u16,
}

/// When a signal is raised: in any of the segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowSignalWhen)]
pub struct SignalWhen {
    /// Segments of which at least one must hold.
    #[schema(min_items = 1, max_items = 500)]
    pub segments: Vec<Key>,
}

fn when_or_otherwise<S: serde::Serializer>(when: &Option<When>, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;

    let mut map = serializer.serialize_map(Some(1))?;
    match when {
        Some(when) => map.serialize_entry("when", when)?,
        None => map.serialize_entry("otherwise", &true)?,
    }
    map.end()
}

impl FlowDocument {
    /// The prices that offers of another plan name, each once.
    #[must_use]
    pub fn prices(&self) -> Vec<PriceId> {
        let mut prices = Vec::new();
        for offer in self.offers.values() {
            let Terms::PlanChange(change) = &offer.terms else { continue };
            for choice in &change.choices {
                if !prices.contains(&choice.price) {
                    prices.push(choice.price.clone());
                }
            }
        }
        prices
    }

    /// A flow that offers nothing: the way out, and no more.
    #[must_use]
    pub fn without_offers(key: Key) -> Self {
        Self {
            key,
            default_locale: None,
            survey: None,
            reasons: Vec::new(),
            attributes: BTreeMap::new(),
            tiers: None,
            segments: BTreeMap::new(),
            offers: BTreeMap::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            policy: Policy::default(),
            holdout: None,
            experiments: BTreeMap::new(),
            signals: BTreeMap::new(),
            goodbye: None,
        }
    }

    /// The experiments whose shares follow their outcomes.
    pub fn bandits(&self) -> impl Iterator<Item = (&Key, &Experiment)> {
        self.experiments.iter().filter(|(_, experiment)| experiment.allocation == Allocation::Bandit)
    }

    /// Whether anybody is in an experiment or the holdout.
    #[must_use]
    pub fn experiments_on_anybody(&self) -> bool {
        self.holdout.is_some() || !self.experiments.is_empty()
    }

    /// The segments of which one must hold, by name or tag; none where none is asked for.
    #[must_use]
    pub fn wanted<'a>(&'a self, when: &'a When) -> Option<BTreeSet<&'a Key>> {
        if when.segments.is_empty() && when.segment_tags.is_empty() {
            return None;
        }
        let tagged = |segment: &Segment| when.segment_tags.iter().any(|tag| segment.tags.contains(tag));
        let mut wanted: BTreeSet<&Key> = when.segments.iter().collect();
        if !when.segment_tags.is_empty() {
            wanted.extend(self.segments.iter().filter(|(_, segment)| tagged(segment)).map(|(key, _)| key));
        }
        Some(wanted)
    }

    /// The reason of that key.
    #[must_use]
    pub fn reason(&self, key: &Key) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.key == *key)
    }

    /// The budgets that an offer of this type to a subscription in this currency draws on.
    pub fn budgets_for(&self, offer_type: OfferType, currency: Currency) -> impl Iterator<Item = &Budget> {
        self.policy.budgets.iter().filter(move |budget| budget.covers(offer_type, currency))
    }

    /// The rules that govern a subscriber in this place; none where the flow has none.
    #[must_use]
    pub fn jurisdiction(&self, place: Place) -> Option<Jurisdiction> {
        let rules = self.policy.jurisdictions.as_ref()?;
        Some(Jurisdiction::new(rules.governing(&place), place))
    }

    /// Canonical JSON: what is kept, compared and published.
    ///
    /// # Errors
    /// None for a document made by [`super::parse()`].
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
