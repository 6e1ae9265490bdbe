//! What accepting an offer brings about in billing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::state::Refused;
use crate::domain::debt::{split, waived};
use crate::domain::offer::{Choice, Key, PlanChangeTerms, PresentedAsk, PresentedOffer, Terms};
use crate::domain::operation::Effect;
use crate::domain::plan_change;
use crate::domain::preview::extended_trial_end;
use crate::domain::subscription::Subscription;

/// Whether no ask is answered that the offer does not have, and all are agreed to that it cannot be had without.
pub(super) fn check_asks(offer: &PresentedOffer, agreed: &BTreeMap<Key, bool>) -> Result<(), Refused> {
    if let Some(key) = agreed.keys().find(|key| offer.asks.iter().all(|ask| ask.key != **key)) {
        return Err(Refused::UnknownAsk(key.clone()));
    }
    let missing = |ask: &&PresentedAsk| ask.required && !agreed.get(&ask.key).copied().unwrap_or(false);
    match offer.asks.iter().find(missing) {
        Some(ask) => Err(Refused::AskRequired(ask.key.clone())),
        None => Ok(()),
    }
}

/// What accepting an offer brings about in billing; none for offers that only hand on.
pub(super) fn effect(
    offer: &PresentedOffer,
    choice: Option<Choice>,
    subscription: Option<&Subscription>,
    now: Timestamp,
) -> Result<Option<Effect>, Refused> {
    let terms = &offer.terms;
    if choice.is_some() && !matches!(terms, Terms::Pause(_) | Terms::PlanChange(_)) {
        return Err(Refused::Choice("this offer leaves no choice; leave `choice` out"));
    }
    Ok(match terms {
        Terms::Discount(terms) => Some(Effect::Discount { terms: *terms }),
        Terms::Pause(pause) => {
            let length = chosen(&pause.choices, choice)?;
            let (behavior, access) = (pause.behavior, pause.access);
            Some(Effect::Pause { behavior, access, resumes_at: length.after(now) })
        }
        Terms::TrialExtension(extension) => {
            let subscription = subscription.ok_or(Refused::BillingUnknown)?;
            Some(Effect::ExtendTrial { trial_end: extended_trial_end(extension.days, subscription, now) })
        }
        Terms::FreeFeatures(features) => {
            Some(Effect::AttachFeatures { price: features.price.clone(), until: features.lasts.after(now) })
        }
        Terms::PlanChange(change) => {
            let subscription = subscription.ok_or(Refused::BillingUnknown)?;
            Some(change_plan(change, choice, subscription, now)?)
        }
        Terms::Installments(terms) => {
            let subscription = subscription.ok_or(Refused::BillingUnknown)?;
            // The dates are those that were shown.
            let split = split(terms, subscription, offer.presented_at).ok_or(Refused::BillingUnknown)?;
            Some(Effect::Split { split })
        }
        Terms::Waiver(terms) => {
            let subscription = subscription.ok_or(Refused::BillingUnknown)?;
            Some(Effect::Waive { invoices: waived(terms, subscription) })
        }
        Terms::Credit(credit) => Some(Effect::Credit { money: credit.money() }),
        Terms::Contact(_) | Terms::Redirect(_) | Terms::Custom(_) => None,
    })
}

/// The choice that was made; one alone needs no choosing.
fn chosen<T>(choices: &[T], choice: Option<Choice>) -> Result<&T, Refused> {
    let index = match (choice, choices.len()) {
        (Some(index), _) => usize::from(index),
        (None, 1) => 0,
        (None, _) => return Err(Refused::Choice("say which of the `choices`, counted from 0, in `choice`")),
    };
    choices.get(index).ok_or(Refused::Choice("`choice` must be an index into the offer's `choices`"))
}

fn change_plan(
    terms: &PlanChangeTerms,
    choice: Option<Choice>,
    subscription: &Subscription,
    now: Timestamp,
) -> Result<Effect, Refused> {
    let choice = chosen(&terms.choices, choice)?;
    let item = subscription.main_item().ok_or(Refused::BillingUnknown)?;
    Ok(Effect::ChangePlan {
        item: item.id.clone(),
        price: choice.price.clone(),
        from: item.price.clone(),
        when: terms.when,
        proration: terms.proration,
        effective_at: plan_change::effective_at(terms.when, item, now),
    })
}
