//! Subscription items through their own calls.
use super::call::{Input, Outcome};
use super::discounts::DISCOUNTS;
use super::errors::ApiError;
use super::events;
use super::items;
use super::params::{
    AFTER, BEFORE, EXPAND, Field, ID, Kind, LIMIT, METADATA, NEW_METADATA, PAYMENT_BEHAVIOR, QUANTITY, field,
};
use super::pending_updates;
use super::prorations;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use super::subscription_update::{self, PRORATION};
use super::subscriptions;
use serde_json::{Value, json};

pub(super) const CREATE: &[Field] = &[
    field("subscription", ID).required(),
    field("price", ID),
    field("quantity", QUANTITY),
    NEW_METADATA,
    DISCOUNTS,
    PRORATION,
    PAYMENT_BEHAVIOR,
    field("billing_thresholds", Kind::Unmodelled),
    field("plan", Kind::Unmodelled),
    field("price_data", Kind::Unmodelled),
    field("proration_date", Kind::Unmodelled),
    field("tax_rates", Kind::Unmodelled),
    EXPAND,
];

pub(super) const UPDATE: &[Field] = &[
    field("price", ID),
    field("quantity", QUANTITY),
    METADATA,
    DISCOUNTS,
    PRORATION,
    PAYMENT_BEHAVIOR,
    field("off_session", Kind::Boolean),
    field("billing_thresholds", Kind::Unmodelled),
    field("plan", Kind::Unmodelled),
    field("price_data", Kind::Unmodelled),
    field("proration_date", Kind::Unmodelled),
    field("tax_rates", Kind::Unmodelled),
    EXPAND,
];

pub(super) const DELETE: &[Field] = &[
    field("clear_usage", Kind::Boolean),
    PRORATION,
    PAYMENT_BEHAVIOR,
    field("proration_date", Kind::Unmodelled),
];

pub(super) const LIST: &[Field] = &[field("subscription", ID).required(), LIMIT, AFTER, BEFORE, EXPAND];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let subscription = params.text_or_empty("subscription");
    let owner = state.get_for(ObjectKind::Subscription, &subscription, "subscription")?;
    refuse_ended(&owner)?;
    refuse_pending(params)?;
    let before = render::object(state, ObjectKind::Subscription, &subscription);
    let id = items::add(state, &subscription, params, "")?;
    if params.text("proration_behavior") != Some("none") {
        prorations::charge(state, &id);
    }
    finish(state, &subscription, params, &before)?;
    Ok(render::object(state, ObjectKind::SubscriptionItem, &id))
}

fn refuse_ended(owner: &Record) -> Result<(), ApiError> {
    if subscriptions::is_live(owner) {
        return Ok(());
    }
    Err(ApiError::invalid("A canceled subscription can only update its cancellation_details and metadata."))
}

/// Items that come or go only once they are paid are modelled by the subscription's own update.
fn refuse_pending(params: &Record) -> Result<(), ApiError> {
    if pending_updates::wanted(params) {
        return Err(ApiError::unmodelled_parameter("payment_behavior"));
    }
    Ok(())
}

/// What an update of the subscription would do after its items changed.
fn finish(state: &mut State, subscription: &str, params: &Record, before: &Value) -> Result<(), ApiError> {
    let mut rest = Record::default();
    rest.take_given(params, &["proration_behavior", "payment_behavior"]);
    subscription_update::apply(state, subscription, &rest)?;
    let name = "customer.subscription.updated";
    events::emit(state, name, ObjectKind::Subscription, subscription, Some(before));
    Ok(())
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::SubscriptionItem, input.id())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let subscription = input.params.text_or_empty("subscription");
    state.get_for(ObjectKind::Subscription, &subscription, "subscription")?;
    render::page(state, ObjectKind::SubscriptionItem, &input.params, "/v1/subscription_items", |item| {
        item.text("subscription") == Some(&subscription)
    })
}

/// An update of one item is an update of its subscription that names this item only.
pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let subscription = state.get(ObjectKind::SubscriptionItem, id)?.text_or_empty("subscription");
    let before = render::object(state, ObjectKind::Subscription, &subscription);
    let mut entry = Record::default();
    entry.take_given(&input.params, &["price", "quantity", "metadata", "discounts"]);
    entry.set("id", id);
    let mut rest = Record::default();
    rest.take_given(&input.params, &["proration_behavior", "payment_behavior"]);
    rest.set("items", json!([entry.public()]));
    subscription_update::apply_or_hold(state, &subscription, &rest)?;
    let name = "customer.subscription.updated";
    events::emit(state, name, ObjectKind::Subscription, &subscription, Some(&before));
    Ok(render::object(state, ObjectKind::SubscriptionItem, id))
}

pub(super) fn delete(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let subscription = state.get(ObjectKind::SubscriptionItem, id)?.text_or_empty("subscription");
    refuse_ended(&state.get(ObjectKind::Subscription, &subscription)?)?;
    refuse_pending(&input.params)?;
    let before = render::object(state, ObjectKind::Subscription, &subscription);
    items::remove(state, id, input.params.text("proration_behavior") != Some("none"), "id")?;
    finish(state, &subscription, &input.params, &before)?;
    Ok(json!({"id": id, "object": "subscription_item", "deleted": true}))
}
