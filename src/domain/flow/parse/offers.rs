//! Offers: type, terms, copy, expiry.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::{care, terms, values};
use crate::domain::copy::{self, CopyTemplate, MAX_TEMPLATE_CHARS};
use crate::domain::flow::document::OfferDefinition;
use crate::domain::flow::limits::{MAX_EXPIRY_DAYS, MAX_OFFERS};
use crate::domain::flow::node::At;
use crate::domain::flow::problem::Problems;
use crate::domain::offer::{Key, OfferType, Terms};
use crate::domain::span::{Interval, Span};

/// Reads the offers.
pub(super) fn offers(at: &At<'_>, problems: &mut Problems) -> BTreeMap<Key, OfferDefinition> {
    let mut offers = BTreeMap::new();
    for entry in values::map(at, MAX_OFFERS, problems).unwrap_or_default() {
        let key = values::map_key(at, entry, problems);
        let offer = offer(&at.entry(entry), problems);
        if let (Some(key), Some(offer)) = (key, offer) {
            offers.insert(key, offer);
        }
    }
    offers
}

fn offer(at: &At<'_>, problems: &mut Problems) -> Option<OfferDefinition> {
    let mut fields = Fields::of(at, problems)?;
    let offer_type = fields.required("type", problems).and_then(|at| values::offer_type(&at, problems));
    let terms_at = fields.optional("terms");
    let terms = offer_type.and_then(|offer_type| terms::terms(offer_type, at, terms_at.as_ref(), problems));
    let copy = fields.optional("copy").map(|at| copies(&at, terms.as_ref(), problems)).unwrap_or_default();
    let expires = fields.optional("expires_after");
    let expires_after = expires.map_or(Some(Span { interval: Interval::Day, count: 1 }), |at| {
        values::span(&at, MAX_EXPIRY_DAYS, problems)
    });
    let depth = fields.optional("depth").map(|at| care::depth(&at, terms.as_ref(), problems));
    let cooldown_days = fields.optional("cooldown_days").and_then(|at| care::days(&at, problems));
    let may_stack = offer_type.is_none_or(|offer_type| offer_type == OfferType::Discount);
    let stacking = may_stack.then(|| fields.optional("stacking")).flatten();
    let stacking = stacking.and_then(|at| values::flag(&at, problems)).unwrap_or(false);
    let campaign = fields.optional("campaign").and_then(|at| values::key(&at, problems));
    let monthly_cost = fields.optional("monthly_cost").and_then(|at| values::money(&at, problems));
    let asks = fields.optional("asks").map(|at| care::asks(&at, problems)).unwrap_or_default();
    fields.finish(problems);
    Some(OfferDefinition {
        terms: terms?,
        copy,
        expires_after: expires_after?,
        depth: depth.flatten(),
        cooldown_days,
        stacking,
        campaign,
        monthly_cost,
        asks,
    })
}

fn copies(at: &At<'_>, terms: Option<&Terms>, problems: &mut Problems) -> BTreeMap<String, CopyTemplate> {
    let mut copies = BTreeMap::new();
    for entry in values::locales(at, problems).unwrap_or_default() {
        if let Some(copy) = copy_template(&at.entry(entry), terms, problems) {
            copies.insert(entry.key.clone(), copy);
        }
    }
    copies
}

fn copy_template(at: &At<'_>, terms: Option<&Terms>, problems: &mut Problems) -> Option<CopyTemplate> {
    let mut fields = Fields::of(at, problems)?;
    let mut part = |name| {
        let at = fields.optional(name)?;
        let text = values::line(&at, MAX_TEMPLATE_CHARS, problems)?;
        // Without terms it is not known which variables there are; that the terms are broken is noted already.
        for (code, detail) in terms.map(|terms| copy::check(&text, terms)).unwrap_or_default() {
            problems.add(&at, code, detail);
        }
        Some(text)
    };
    let copy = CopyTemplate {
        headline: part("headline"),
        body: part("body"),
        accept: part("accept"),
        decline: part("decline"),
    };
    fields.finish(problems);
    Some(copy)
}
