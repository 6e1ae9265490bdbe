//! Cooldowns, caps, depth, and what is asked in return.

use std::collections::{BTreeMap, BTreeSet};

use strum::{IntoStaticStr, VariantArray};

use super::fields::Fields;
use super::values;
use crate::domain::flow::care::{AcceptCap, Ask, CapScope, Cooldowns, DeclinedCooldowns, Depth};
use crate::domain::flow::limits::{MAX_ASKS, MAX_CAPS, MAX_SEGMENTS};
use crate::domain::flow::node::At;
use crate::domain::flow::problem::Problems;
use crate::domain::history::MAX_REMEMBERED_OFFERS;
use crate::domain::money::Percent;
use crate::domain::offer::{DiscountValue, OfferType, Terms};

/// The longest cooldown or window, in days.
const MAX_DAYS: u16 = 3_650;
/// The greatest cap.
const MAX_CAP: i64 = 1_000_000_000;

/// Days, a number from 0 to [`MAX_DAYS`].
pub(super) fn days(at: &At<'_>, problems: &mut Problems) -> Option<u16> {
    values::small(at, 0, MAX_DAYS, problems)
}

/// Reads the cooldowns after accepted offers.
pub(super) fn cooldowns(at: &At<'_>, problems: &mut Problems) -> Cooldowns {
    let (any, by_type) = days_of("any", at, problems);
    Cooldowns { any, by_type }
}

/// Reads the cooldowns after declined offers.
pub(super) fn declined_cooldowns(at: &At<'_>, problems: &mut Problems) -> DeclinedCooldowns {
    let (offer, by_type) = days_of("offer", at, problems);
    DeclinedCooldowns { offer, by_type }
}

fn days_of(
    word: &'static str,
    at: &At<'_>,
    problems: &mut Problems,
) -> (Option<u16>, BTreeMap<OfferType, u16>) {
    let mut by_type = BTreeMap::new();
    let Some(mut fields) = Fields::of(at, problems) else {
        return (None, by_type);
    };
    let general = fields.optional(word).and_then(|at| days(&at, problems));
    for &offer_type in OfferType::ALL {
        if let Some(days) = fields.optional(offer_type.as_str()).and_then(|at| days(&at, problems)) {
            by_type.insert(offer_type, days);
        }
    }
    fields.finish(problems);
    (general, by_type)
}

/// Reads the caps.
pub(super) fn caps(at: &At<'_>, problems: &mut Problems) -> Vec<AcceptCap> {
    let mut seen = BTreeSet::new();
    let mut caps = Vec::new();
    for (index, item) in values::list(at, 0, MAX_CAPS, problems).unwrap_or_default().iter().enumerate() {
        let at = at.element(index, item);
        let Some(cap) = cap(&at, problems) else { continue };
        if !seen.insert((cap.scope.clone(), cap.within_days)) {
            problems.add(
                &at,
                "duplicate_cap",
                "there is another cap on the same in the same window; keep one",
            );
        }
        caps.push(cap);
    }
    caps
}

/// What is counted, before it is known of what.
#[derive(Clone, Copy, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
enum Per {
    Customer,
    Offer,
    Campaign,
}

fn cap(at: &At<'_>, problems: &mut Problems) -> Option<AcceptCap> {
    let mut fields = Fields::of(at, problems)?;
    let per = fields.required("per", problems);
    let per = per.and_then(|at| values::word(&at, problems))?;
    let scope = match per {
        Per::Customer => {
            let types = fields.optional("offer_types");
            let types = types.map_or(Some(Vec::new()), |at| values::offer_types(&at, problems));
            types.map(|offer_types| CapScope::Customer { offer_types })
        }
        Per::Offer => {
            let offer = fields.required("offer", problems).and_then(|at| values::key(&at, problems));
            offer.map(|offer| CapScope::Offer { offer })
        }
        Per::Campaign => {
            let campaign = fields.required("campaign", problems).and_then(|at| values::key(&at, problems));
            campaign.map(|campaign| CapScope::Campaign { campaign })
        }
    };
    // No more of one customer's offers are remembered.
    let remembered = i64::try_from(MAX_REMEMBERED_OFFERS).unwrap_or(MAX_CAP);
    let most = if matches!(per, Per::Customer) { remembered } else { MAX_CAP };
    let max = fields.required("max", problems).and_then(|at| values::whole(&at, 1, most, problems));
    let within = fields.optional("within_days");
    let within_days = within.map(|at| values::small(&at, 1, MAX_DAYS, problems));
    fields.finish(problems);
    let max = u32::try_from(max?).ok()?;
    match within_days {
        Some(None) => None,
        within => Some(AcceptCap { scope: scope?, max, within_days: within.flatten() }),
    }
}

/// Reads how deep a discount may go; `terms` say the least.
pub(super) fn depth(at: &At<'_>, terms: Option<&Terms>, problems: &mut Problems) -> Option<Depth> {
    let mut fields = Fields::of(at, problems)?;
    let max = fields.required("max", problems).and_then(|at| values::percent(&at, problems));
    let segments_at = fields.required("segments", problems);
    fields.finish(problems);
    let least = match terms {
        None => None,
        Some(Terms::Discount(discount)) => match discount.value {
            DiscountValue::Percent(percent) => Some(percent),
            DiscountValue::Amount(_) => {
                problems.add(at, "invalid_depth", "`depth` goes with `percent_off`; use that, or remove it");
                None
            }
        },
        Some(_) => {
            problems.add(at, "invalid_depth", "only discounts have a `depth`; remove it");
            None
        }
    };
    let (max, segments_at) = (max?, segments_at?);
    let mut segments = BTreeMap::new();
    for entry in values::map(&segments_at, MAX_SEGMENTS, problems).unwrap_or_default() {
        let at = segments_at.entry(entry);
        let key = values::map_key(&segments_at, entry, problems);
        let percent = values::percent(&at, problems);
        let beyond = |percent: &Percent| *percent > max || least.is_some_and(|least| *percent < least);
        if percent.as_ref().is_some_and(beyond) {
            let detail = format!("expected a percentage from the terms' `percent_off` to the `max` of {max}");
            problems.add(&at, "out_of_range", detail);
        }
        segments.extend(key.zip(percent));
    }
    Some(Depth { max, segments })
}

/// Reads what an offer asks in return.
pub(super) fn asks(at: &At<'_>, problems: &mut Problems) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for (index, item) in values::list(at, 0, MAX_ASKS, problems).unwrap_or_default().iter().enumerate() {
        let at = at.element(index, item);
        let Some(ask) = ask(&at, problems) else { continue };
        if asks.iter().any(|known| known.key == ask.key) {
            problems.add(&at, "duplicate_key", format!("`{}` is asked already; remove one", ask.key));
        }
        asks.push(ask);
    }
    asks
}

fn ask(at: &At<'_>, problems: &mut Problems) -> Option<Ask> {
    let mut fields = Fields::of(at, problems)?;
    let key = fields.required("key", problems).and_then(|at| values::key(&at, problems));
    let ask_type = fields.required("type", problems);
    let ask_type = ask_type.and_then(|at| values::word(&at, problems));
    let label = fields.required("label", problems).and_then(|at| values::texts(&at, problems));
    let required = fields.optional("required").map_or(Some(false), |at| values::flag(&at, problems));
    fields.finish(problems);
    Some(Ask { key: key?, ask_type: ask_type?, label: label?, required: required? })
}
