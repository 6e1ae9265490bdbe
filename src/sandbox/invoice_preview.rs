//! Previews: the next invoice of a subscription as it is, or as it would be after changes. Nothing is kept.
use super::call::{Input, Outcome};
use super::discounts::{self, DISCOUNTS, Owner};
use super::errors::ApiError;
use super::invoice_items;
use super::invoicing;
use super::items::CHANGED_ITEMS;
use super::params::{EXPAND, Field, ID, Kind, METADATA, field};
use super::passage;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State, new_id};
use super::subscription_update::{
    self, BILLING_CYCLE_ANCHOR, CANCEL_AT, CANCEL_AT_PERIOD_END, PRORATION, TRIAL_END,
};
use super::subscriptions;
use serde_json::Value;

const DETAILS: Kind = Kind::Object(&[
    CHANGED_ITEMS,
    CANCEL_AT,
    CANCEL_AT_PERIOD_END,
    TRIAL_END,
    PRORATION,
    METADATA,
    BILLING_CYCLE_ANCHOR,
    field("cancel_now", Kind::Unmodelled),
    field("proration_date", Kind::Unmodelled),
    field("resume_at", Kind::Unmodelled),
    field("start_date", Kind::Unmodelled),
    field("default_tax_rates", Kind::Unmodelled),
]);

pub(super) const PREVIEW: &[Field] = &[
    field("customer", ID),
    field("subscription", ID),
    field("subscription_details", DETAILS),
    DISCOUNTS,
    field("preview_mode", Kind::Enum(&["next", "recurring"])),
    field("currency", Kind::Currency),
    field("automatic_tax", Kind::Unmodelled),
    field("customer_details", Kind::Unmodelled),
    field("invoice_items", Kind::Unmodelled),
    field("issuer", Kind::Unmodelled),
    field("on_behalf_of", Kind::Unmodelled),
    field("schedule", Kind::Unmodelled),
    field("schedule_details", Kind::Unmodelled),
    EXPAND,
];

pub(super) fn preview(state: &mut State, input: &Input) -> Outcome {
    let id = input.params.text("subscription").ok_or_else(|| ApiError::missing("subscription"))?;
    let subscription = state.get_for(ObjectKind::Subscription, id, "subscription")?;
    if let Some(customer) = input.params.text("customer") {
        state.get_for(ObjectKind::Customer, customer, "customer")?;
        if subscription.text("customer") != Some(customer) {
            return Err(
                ApiError::invalid("The subscription does not belong to this customer.").param("subscription")
            );
        }
    }
    let shown = changed(state, id, &input.params).and_then(|mut value| {
        // Expanded here, while the discounts that only the preview has are still known.
        render::expand(state, &mut value, &input.params)?;
        Ok(value)
    });
    // The changes were made in earnest to see what they lead to; they never happened.
    state.rollback();
    shown
}

fn changed(state: &mut State, id: &str, params: &Record) -> Outcome {
    let issued = latest(state, id);
    subscription_update::apply(state, id, &params.inner("subscription_details"))?;
    if latest(state, id) != issued {
        // The change bills at once: that invoice is the next one.
        let invoice = state.any(ObjectKind::Invoice, &latest(state, id)).cloned().unwrap_or_default();
        return Ok(unsaved(invoice));
    }
    let subscription = state.get(ObjectKind::Subscription, id)?;
    let (at, lines) = upcoming(state, &subscription, params.text("preview_mode") == Some("recurring"))?;
    let reductions = if params.has("discounts") {
        let owner = Owner {
            customer: &subscription.text_or_empty("customer"),
            subscription: Some(id),
            item: None,
            currency: &subscription.text_or_empty("currency"),
            existing: &subscription.texts("discounts"),
        };
        let ids = discounts::overwrite(state, params, owner, "discounts")?;
        discounts::reductions(state, &ids, at)
    } else {
        invoicing::discounts_for(state, &subscription, at)
    };
    let invoice = invoicing::invoice(state, &new_id("upcoming_in"), &subscription, lines, &reductions, at);
    Ok(unsaved(invoice))
}

fn latest(state: &State, id: &str) -> String {
    state.any(ObjectKind::Subscription, id).map(|s| s.text_or_empty("latest_invoice")).unwrap_or_default()
}

/// When the next invoice comes and what is on it.
fn upcoming(
    state: &State,
    subscription: &Record,
    only_recurring: bool,
) -> Result<(i64, Vec<invoicing::Line>), ApiError> {
    let id = subscription.text_or_empty("id");
    let none = || ApiError::nothing_upcoming(&id);
    if !subscriptions::is_live(subscription) || subscription.text("status") == Some("paused") {
        return Err(none());
    }
    let at = subscriptions::period_end(state, subscription).ok_or_else(none)?;
    let ends = subscription.int("cancel_at").is_some_and(|end| end <= at);
    let mut lines = if ends { Vec::new() } else { due_lines(state, subscription, at) };
    if !only_recurring {
        lines.extend(invoicing::waiting(subscription));
        lines.extend(invoice_items::waiting(state, subscription));
    }
    if lines.is_empty() { Err(none()) } else { Ok((at, lines)) }
}

fn due_lines(state: &State, subscription: &Record, at: i64) -> Vec<invoicing::Line> {
    let ending = passage::ending(state, subscription, at);
    ending.iter().map(|(item, end)| invoicing::whole_period(state, item, at, *end, false)).collect()
}

/// A preview is nothing that can be retrieved.
fn unsaved(mut invoice: Record) -> Value {
    invoice.set("billing_reason", "upcoming");
    invoice.set("status", "draft");
    invoice.set("amount_paid", 0);
    invoice.set("amount_remaining", invoice.value("amount_due"));
    invoice.set("next_payment_attempt", invoice.value("created"));
    invoice.public()
}
