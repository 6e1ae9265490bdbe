//! Updates of subscriptions: what each parameter does, and what Stripe refuses.
use super::calendar::longest_trial;
use super::call::{Input, Outcome};
use super::discounts::{self, DISCOUNTS, Owner};
use super::errors::ApiError;
use super::events;
use super::issuing::{self, Billed};
use super::items::{self, CHANGED_ITEMS};
use super::params::{COLLECTION_METHOD, EXPAND, Field, ID, Kind, METADATA, PAYMENT_BEHAVIOR, TEXT, field};
use super::pending_updates::{self, Before};
use super::prorations;
use super::record::Record;
use super::render;
use super::schedule_phases;
use super::state::{ObjectKind, State};
use super::subscriptions::{current_lines, is_live, period_end, touched};
use serde_json::{Value, json};

pub(super) const PRORATION: Field =
    field("proration_behavior", Kind::Enum(&["always_invoice", "create_prorations", "none"]));

const FEEDBACK: Kind = Kind::Enum(&[
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
]);
pub(super) const CANCELLATION_DETAILS: Field = field(
    "cancellation_details",
    Kind::Object(&[
        field("comment", TEXT).clearable(),
        field("feedback", FEEDBACK).clearable(),
        field("feedback_option", Kind::Unmodelled),
    ]),
);
const END_BEHAVIOR: Kind = Kind::Object(&[
    field("missing_payment_method", Kind::Enum(&["cancel", "create_invoice", "pause"])),
    field("billing_cycle_anchor", Kind::Unmodelled),
]);
pub(super) const TRIAL_SETTINGS: Field =
    field("trial_settings", Kind::Object(&[field("end_behavior", END_BEHAVIOR).required()]));
const PAUSE: Kind = Kind::Object(&[
    field("behavior", Kind::Enum(&["keep_as_draft", "mark_uncollectible", "void"])).required(),
    field("resumes_at", Kind::TimeOr(&[])),
]);

pub(super) const CANCEL_AT: Field =
    field("cancel_at", Kind::TimeOr(&["min_period_end", "max_period_end"])).clearable();
pub(super) const CANCEL_AT_PERIOD_END: Field = field("cancel_at_period_end", Kind::Boolean);
pub(super) const BILLING_CYCLE_ANCHOR: Field = field(
    "billing_cycle_anchor",
    Kind::Object(&[field("type", Kind::Enum(&["now", "unchanged"])).required()]),
);
pub(super) const TRIAL_END: Field = field("trial_end", Kind::TimeOr(&["now"]));

pub(super) const UPDATE: &[Field] = &[
    CHANGED_ITEMS,
    DISCOUNTS,
    METADATA,
    CANCELLATION_DETAILS,
    TRIAL_SETTINGS,
    TRIAL_END,
    CANCEL_AT,
    CANCEL_AT_PERIOD_END,
    PRORATION,
    field("pause_collection", PAUSE).clearable(),
    field("description", Kind::Text(500)).clearable(),
    COLLECTION_METHOD,
    field("days_until_due", Kind::Integer(0, 365)),
    field("default_payment_method", ID),
    BILLING_CYCLE_ANCHOR,
    PAYMENT_BEHAVIOR,
    field("off_session", Kind::Boolean),
    field("add_invoice_items", Kind::Unmodelled),
    field("application_fee_percent", Kind::Unmodelled),
    field("automatic_tax", Kind::Unmodelled),
    field("billing_schedules", Kind::Unmodelled),
    field("billing_thresholds", Kind::Unmodelled),
    field("default_source", Kind::Unmodelled),
    field("default_tax_rates", Kind::Unmodelled),
    field("invoice_settings", Kind::Unmodelled),
    field("on_behalf_of", Kind::Unmodelled),
    field("payment_settings", Kind::Unmodelled),
    field("pending_invoice_item_interval", Kind::Unmodelled),
    field("proration_date", Kind::Unmodelled),
    field("transfer_data", Kind::Unmodelled),
    field("trial_from_plan", Kind::Unmodelled),
    EXPAND,
];

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let before = render::object(state, ObjectKind::Subscription, id);
    let subscription = state.get(ObjectKind::Subscription, id)?;
    if pending_updates::supersedes(&subscription, &input.params) {
        pending_updates::discard(state, id);
    }
    apply_or_hold(state, id, &input.params)?;
    schedule_phases::mirror(state, id);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, id, Some(&before));
    Ok(render::object(state, ObjectKind::Subscription, id))
}

/// Carries out the parameters; when they are to wait for their payment and it fails, they do.
pub(super) fn apply_or_hold(state: &mut State, id: &str, params: &Record) -> Result<(), ApiError> {
    if !pending_updates::wanted(params) {
        return apply(state, id, params);
    }
    let subscription = state.get(ObjectKind::Subscription, id)?;
    pending_updates::check(&subscription, params)?;
    let before = Before::of(state, &subscription);
    apply(state, id, params)?;
    let changed = state.get(ObjectKind::Subscription, id)?;
    let billed = changed.text("latest_invoice") != subscription.text("latest_invoice");
    let latest = state.any(ObjectKind::Invoice, changed.text("latest_invoice").unwrap_or_default());
    if billed && latest.and_then(|i| i.text("status")) == Some("open") {
        pending_updates::hold(state, before);
        touched(state, id);
    }
    Ok(())
}

/// Carries out the parameters. Previews run it too, and roll it back.
pub(super) fn apply(state: &mut State, id: &str, params: &Record) -> Result<(), ApiError> {
    let subscription = state.get(ObjectKind::Subscription, id)?;
    if !is_live(&subscription) {
        let harmless =
            |name: &String| matches!(name.as_str(), "cancellation_details" | "metadata" | "expand");
        if !params.0.keys().all(harmless) {
            return Err(ApiError::invalid(
                "A canceled subscription can only update its cancellation_details and metadata.",
            ));
        }
    }
    if ["cancel_at", "cancel_at_period_end", "trial_end"].iter().any(|name| params.has(name)) {
        refuse_scheduled(&subscription)?;
    }
    carry_out(state, id, params)
}

/// As `apply`, for a schedule too: what is refused to others is its to change.
pub(super) fn carry_out(state: &mut State, id: &str, params: &Record) -> Result<(), ApiError> {
    set_simple(state, id, params)?;
    let prorate = params.text("proration_behavior") != Some("none");
    let restarts = change_items(state, id, params, prorate)?;
    items::check_intervals(state, id)?;
    change_discounts(state, id, params)?;
    change_trial(state, id, params, prorate)?;
    set_cancellation(state, id, params)?;
    bill_changes(state, id, params, restarts, prorate)?;
    touched(state, id);
    Ok(())
}

/// What a schedule manages is not changed behind its back.
pub(super) fn refuse_scheduled(subscription: &Record) -> Result<(), ApiError> {
    match subscription.text("schedule") {
        None => Ok(()),
        Some(schedule) => Err(ApiError::invalid(format!(
            "The subscription is managed by the subscription schedule `{schedule}`, and updating any cancelation \
             behavior directly is not allowed. Please update the schedule instead."
        ))),
    }
}

fn set_simple(state: &mut State, id: &str, params: &Record) -> Result<(), ApiError> {
    let mut subscription = state.get(ObjectKind::Subscription, id)?;
    subscription.take_given(
        params,
        &["description", "collection_method", "days_until_due", "default_payment_method"],
    );
    if subscription.text("collection_method") == Some("send_invoice")
        && !subscription.is_set("days_until_due")
    {
        return Err(ApiError::missing("days_until_due"));
    }
    if params.is_cleared("pause_collection") {
        subscription.set("pause_collection", Value::Null);
    } else if params.has("pause_collection") {
        let pause = params.inner("pause_collection");
        future(state, pause.int("resumes_at"), "pause_collection[resumes_at]")?;
        subscription.set(
            "pause_collection",
            json!({"behavior": pause.value("behavior"), "resumes_at": pause.value("resumes_at")}),
        );
    }
    set_trial_settings(&mut subscription, params);
    set_details(&mut subscription, params);
    subscription.merge_metadata(params);
    state.put(ObjectKind::Subscription, subscription);
    Ok(())
}

pub(super) fn set_trial_settings(subscription: &mut Record, params: &Record) {
    let wanted = params.inner("trial_settings").inner("end_behavior");
    if let Some(method) = wanted.text("missing_payment_method") {
        subscription.set("trial_settings", json!({"end_behavior": {"missing_payment_method": method}}));
    }
}

pub(super) fn set_details(subscription: &mut Record, params: &Record) {
    let mut details = subscription.inner("cancellation_details");
    details.take_given(&params.inner("cancellation_details"), &["comment", "feedback"]);
    subscription.set("cancellation_details", details.public());
}

fn future(state: &State, at: Option<i64>, param: &str) -> Result<(), ApiError> {
    match at {
        Some(at) if at <= state.now => {
            Err(ApiError::invalid("Invalid timestamp: must be an integer Unix timestamp in the future.")
                .param(param))
        }
        _ => Ok(()),
    }
}

/// The items of an update; answers whether any got another interval, which starts new periods at once.
fn change_items(state: &mut State, id: &str, params: &Record, prorate: bool) -> Result<bool, ApiError> {
    let mut restarts = false;
    for (index, entry) in params.records("items").iter().enumerate() {
        let prefix = format!("items[{index}]");
        let Some(item) = entry.text("id") else {
            let added = items::add(state, id, entry, &prefix)?;
            if prorate {
                prorations::charge(state, &added);
            }
            continue;
        };
        let param = format!("{prefix}[id]");
        let own = state.get(ObjectKind::Subscription, id)?.texts("_items").iter().any(|i| i == item);
        if !own {
            return Err(ApiError::no_such_in("subscription_item", item, &param));
        }
        if entry.flag("deleted") {
            items::remove(state, item, prorate, &param)?;
        } else {
            restarts |= items::change(state, item, entry, &prefix, prorate)?;
        }
    }
    Ok(restarts)
}

fn change_discounts(state: &mut State, id: &str, params: &Record) -> Result<(), ApiError> {
    if !params.has("discounts") {
        return Ok(());
    }
    let subscription = state.get(ObjectKind::Subscription, id)?;
    let owner = Owner {
        customer: &subscription.text_or_empty("customer"),
        subscription: Some(id),
        item: None,
        currency: &subscription.text_or_empty("currency"),
        existing: &subscription.texts("discounts"),
    };
    let ids = discounts::overwrite(state, params, owner, "discounts")?;
    state.edit(ObjectKind::Subscription, id, |s| s.set("discounts", ids));
    Ok(())
}

/// The time a `trial_end` names, if one is wanted: in the future and at most two years away.
pub(super) fn checked_trial_end(state: &State, params: &Record) -> Result<Option<i64>, ApiError> {
    let end = params.int("trial_end");
    future(state, end, "trial_end")?;
    if end.is_some_and(|at| at > longest_trial(state.now)) {
        return Err(
            ApiError::invalid("Invalid trial_end: must be at most 730 days from now.").param("trial_end")
        );
    }
    Ok(end)
}

/// A new end of the trial moves the billing anchor there; an active subscription goes back into trial.
fn change_trial(state: &mut State, id: &str, params: &Record, prorate: bool) -> Result<(), ApiError> {
    if !params.has("trial_end") {
        return Ok(());
    }
    let subscription = state.get(ObjectKind::Subscription, id)?;
    let trialing = subscription.text("status") == Some("trialing");
    let now = state.now;
    match checked_trial_end(state, params)? {
        Some(end) => {
            if !trialing && prorate {
                for item in subscription.texts("_items") {
                    prorations::credit(state, &item);
                }
            }
            state.edit(ObjectKind::Subscription, id, |s| {
                if !trialing {
                    s.set("trial_start", now);
                }
                s.set("status", "trialing");
                s.set("trial_end", end);
                s.set("billing_cycle_anchor", end);
                s.set("_trial_notice", false);
            });
            items::restart_periods(state, id);
        }
        None if trialing => super::passage::end_trial(state, id),
        None => {}
    }
    Ok(())
}

/// `cancel_at` and `cancel_at_period_end`, for new subscriptions too.
pub(super) fn set_cancellation(state: &mut State, id: &str, params: &Record) -> Result<(), ApiError> {
    if params.is_set("cancel_at") && params.flag("cancel_at_period_end") {
        return Err(ApiError::exclusive("cancel_at", "cancel_at_period_end"));
    }
    let subscription = state.get(ObjectKind::Subscription, id)?;
    let at = if params.has("cancel_at_period_end") {
        params.flag("cancel_at_period_end").then(|| period_end(state, &subscription)).flatten()
    } else if params.has("cancel_at") {
        future(state, params.int("cancel_at"), "cancel_at")?;
        match params.text("cancel_at") {
            Some("min_period_end") => period_end(state, &subscription),
            Some(_) => last_period_end(state, &subscription),
            None => params.int("cancel_at"),
        }
    } else {
        return Ok(());
    };
    let (now, by_flag) = (state.now, params.flag("cancel_at_period_end"));
    state.edit(ObjectKind::Subscription, id, |s| {
        s.set("cancel_at_period_end", by_flag);
        s.set("cancel_at", at);
        s.set("canceled_at", at.map(|_| now));
        let mut details = s.inner("cancellation_details");
        details.set("reason", at.map(|_| "cancellation_requested"));
        s.set("cancellation_details", details.public());
    });
    Ok(())
}

fn last_period_end(state: &State, subscription: &Record) -> Option<i64> {
    let items = subscription.texts("_items");
    items.iter().filter_map(|i| state.any(ObjectKind::SubscriptionItem, i)?.int("current_period_end")).max()
}

/// The items whose unused time was given back when their price or quantity changed.
fn repriced(params: &Record) -> Vec<String> {
    let entries = params.records("items");
    let changed = entries.iter().filter(|e| e.has("price") || e.has("quantity"));
    changed.filter_map(|e| e.text("id")).map(str::to_owned).collect()
}

/// Bills at once what must be: new periods, and prorations when the caller wants them invoiced.
fn bill_changes(
    state: &mut State,
    id: &str,
    params: &Record,
    restarts: bool,
    prorate: bool,
) -> Result<(), ApiError> {
    let subscription = state.get(ObjectKind::Subscription, id)?;
    let active = subscription.text("status") == Some("active");
    let by_anchor = params.inner("billing_cycle_anchor").text("type") == Some("now");
    let now = state.now;
    let mut lines = Vec::new();
    if active && (restarts || by_anchor) {
        if prorate {
            let credited = if restarts { repriced(params) } else { Vec::new() };
            for item in subscription.texts("_items").iter().filter(|item| !credited.contains(item)) {
                prorations::credit(state, item);
            }
        }
        state.edit(ObjectKind::Subscription, id, |s| s.set("billing_cycle_anchor", now));
        items::restart_periods(state, id);
        lines = current_lines(state, &state.get(ObjectKind::Subscription, id)?, false);
    } else if params.text("proration_behavior") != Some("always_invoice")
        || subscription.list("_prorations").is_empty()
    {
        return Ok(());
    }
    if params.text("payment_behavior") == Some("error_if_incomplete")
        && issuing::payment_fails(state, &subscription)
    {
        return Err(ApiError::declined("generic_decline"));
    }
    if issuing::issue(state, id, lines, "subscription_update") == Billed::Failed {
        state.edit(ObjectKind::Subscription, id, |s| s.set("status", "past_due"));
    }
    Ok(())
}
