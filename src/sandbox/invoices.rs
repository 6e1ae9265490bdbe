//! Invoices: issued at the start of periods, paid or not.
use super::calendar::plus_days;
use super::discounts;
use super::errors::ApiError;
use super::events;
use super::invoicing::{self, Line};
use super::params::{AFTER, BEFORE, EXPAND, Field, ID, Kind, LIMIT, field};
use super::record::Record;
use super::render;
use super::routes::{Input, Outcome};
use super::state::{ObjectKind, State};
use serde_json::Value;

pub(super) const LIST: &[Field] = &[
    field("customer", ID),
    field("subscription", ID),
    field("status", Kind::Enum(&["draft", "open", "paid", "uncollectible", "void"])),
    field("collection_method", Kind::Enum(&["charge_automatically", "send_invoice"])),
    field("created", Kind::TimeRange),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

pub(super) const PAY: &[Field] = &[field("payment_method", ID), EXPAND];

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    state.get(ObjectKind::Invoice, input.id())?;
    Ok(render::object(state, ObjectKind::Invoice, input.id()))
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    for (name, kind) in [("customer", ObjectKind::Customer), ("subscription", ObjectKind::Subscription)] {
        if let Some(id) = params.text(name) {
            state.get_for(kind, id, name)?;
        }
    }
    let same = |record: &Record, field: &str, wanted: &str| {
        params.text(wanted).is_none_or(|value| record.text(field) == Some(value))
    };
    render::page(state, ObjectKind::Invoice, params, "/v1/invoices", |invoice| {
        same(invoice, "customer", "customer")
            && same(invoice, "_subscription", "subscription")
            && same(invoice, "status", "status")
            && same(invoice, "collection_method", "collection_method")
    })
}

/// How an attempt to bill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Billed {
    Paid,
    Failed,
    /// Nobody tried: sent by mail, or collection is paused.
    NotTried,
}

/// Issues an invoice over these lines and the prorations that wait, tries to be paid, and tells.
pub(super) fn issue(state: &mut State, subscription: &str, mut lines: Vec<Line>, reason: &str) -> Billed {
    let Some(owner) = state.any(ObjectKind::Subscription, subscription).cloned() else {
        return Billed::NotTried;
    };
    lines.extend(invoicing::waiting(&owner));
    let reductions = invoicing::discounts_for(state, &owner, state.now);
    let id = State::id_for(ObjectKind::Invoice);
    let mut invoice = invoicing::invoice(state, &id, &owner, lines, &reductions, state.now);
    invoice.set("billing_reason", reason);
    let met: Vec<String> = reductions
        .iter()
        .filter(|r| r.once && took_something(&invoice, &r.discount))
        .map(|r| r.discount.clone())
        .collect();
    let billed = collect(state, &owner, &mut invoice);
    settle_balance(state, &mut invoice);
    state.put(ObjectKind::Invoice, invoice);
    state.edit(ObjectKind::Subscription, subscription, |s| {
        s.set("latest_invoice", id.clone());
        s.set("_prorations", Value::Array(Vec::new()));
    });
    for discount in met {
        // A `once` discount is gone after the first invoice that it met.
        drop_discount(state, subscription, &discount);
    }
    events::emit(state, "invoice.created", ObjectKind::Invoice, &id, None);
    match billed {
        Billed::Paid => events::emit(state, "invoice.paid", ObjectKind::Invoice, &id, None),
        Billed::Failed => events::emit(state, "invoice.payment_failed", ObjectKind::Invoice, &id, None),
        Billed::NotTried => {}
    }
    billed
}

fn collect(state: &State, owner: &Record, invoice: &mut Record) -> Billed {
    let mut moments = invoice.inner("status_transitions");
    let now = state.now;
    let paused = owner.inner("pause_collection");
    let (status, billed) = match paused.text("behavior") {
        Some("void") => ("void", Billed::NotTried),
        Some("mark_uncollectible") => ("uncollectible", Billed::NotTried),
        Some(_) => ("draft", Billed::NotTried),
        None if invoice.int("amount_due") == Some(0) => ("paid", Billed::Paid),
        None if owner.text("collection_method") == Some("send_invoice") => ("open", Billed::NotTried),
        None if payment_fails(state, owner) => ("open", Billed::Failed),
        None => ("paid", Billed::Paid),
    };
    match status {
        "void" => moments.set("voided_at", now),
        "uncollectible" => moments.set("marked_uncollectible_at", now),
        _ => {}
    }
    if status != "draft" {
        moments.set("finalized_at", now);
        invoice.set("effective_at", now);
        invoice.set(
            "number",
            format!("SANDBOX-{:04}", state.all(ObjectKind::Invoice).count().saturating_add(1)),
        );
    }
    if billed != Billed::NotTried {
        invoice.set("attempted", true);
        invoice.set("attempt_count", 1);
    }
    invoice.set("status", status);
    invoice.set("status_transitions", moments.public());
    match billed {
        Billed::Paid => mark_paid(invoice, now),
        Billed::Failed => invoice.set("next_payment_attempt", plus_days(now, 3)),
        Billed::NotTried => {}
    }
    if let Some(days) = owner.int("days_until_due") {
        invoice.set("due_date", plus_days(now, days));
    }
    billed
}

fn mark_paid(invoice: &mut Record, now: i64) {
    let mut moments = invoice.inner("status_transitions");
    moments.set("paid_at", now);
    invoice.set("status_transitions", moments.public());
    invoice.set("status", "paid");
    invoice.set("amount_paid", invoice.value("amount_due"));
    invoice.set("amount_remaining", 0);
    invoice.set("next_payment_attempt", Value::Null);
}

/// The customer's balance pays first; a negative total goes to it.
fn settle_balance(state: &mut State, invoice: &mut Record) {
    if invoice.text("status") == Some("draft") {
        return;
    }
    let start = invoice.int("starting_balance").unwrap_or(0);
    // What the balance owed is billed with the invoice; a credit that the invoice did not use up stays.
    let end = start.saturating_add(invoice.int("total").unwrap_or(0)).min(0);
    invoice.set("ending_balance", end);
    if end != start {
        state.edit(ObjectKind::Customer, invoice.text("customer").unwrap_or_default(), |c| {
            c.set("balance", end)
        });
    }
}

fn took_something(invoice: &Record, discount: &str) -> bool {
    let amounts = invoice.records("total_discount_amounts");
    amounts.iter().any(|a| a.text("discount") == Some(discount) && a.int("amount").unwrap_or(0) > 0)
}

/// Takes a discount away from wherever it is.
pub(super) fn drop_discount(state: &mut State, subscription: &str, discount: &str) {
    state.edit(ObjectKind::Subscription, subscription, |s| s.remove_from("discounts", discount));
    let customer = state.any(ObjectKind::Subscription, subscription).map(|s| s.text_or_empty("customer"));
    state.edit(ObjectKind::Customer, &customer.unwrap_or_default(), |c| {
        if c.text("_discount") == Some(discount) {
            c.set("_discount", Value::Null);
        }
    });
    discounts::remove(state, discount);
}

/// Stripe's own test payment methods whose name says that charges fail do so here. A customer without any payment
/// method can pay: the sandbox models no cards.
pub(super) fn payment_fails(state: &State, subscription: &Record) -> bool {
    let method = payment_method(state, subscription);
    method.is_some_and(|m| m.contains("chargeDeclined") || m.contains("chargeCustomerFail"))
}

/// The payment method in force: the subscription's, the customer's default, or the one attached at creation.
pub(super) fn payment_method(state: &State, subscription: &Record) -> Option<String> {
    let customer = state.any(ObjectKind::Customer, subscription.text("customer")?)?;
    let default = customer.inner("invoice_settings").text("default_payment_method").map(str::to_owned);
    let own = subscription.text("default_payment_method").map(str::to_owned);
    own.or(default).or_else(|| customer.text("_payment_method").map(str::to_owned))
}

/// Pays an open invoice, and brings a subscription that was behind back to active.
pub(super) fn pay(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let mut invoice = state.get(ObjectKind::Invoice, id)?;
    match invoice.text("status") {
        Some("open" | "uncollectible" | "draft") => {}
        Some("paid") => return Err(ApiError::invalid("Invoice is already paid").code("invoice_already_paid")),
        _ => return Err(ApiError::invalid("This invoice can no longer be paid").code("invoice_not_editable")),
    }
    let subscription = invoice.text_or_empty("_subscription");
    let owner = state.any(ObjectKind::Subscription, &subscription).cloned().unwrap_or_default();
    let method = input.params.text("payment_method").map(str::to_owned);
    let fails = match method {
        Some(method) => method.contains("chargeDeclined") || method.contains("chargeCustomerFail"),
        None => payment_fails(state, &owner),
    };
    if fails {
        return Err(ApiError::declined("generic_decline"));
    }
    mark_paid(&mut invoice, state.now);
    state.put(ObjectKind::Invoice, invoice);
    events::emit(state, "invoice.paid", ObjectKind::Invoice, id, None);
    if matches!(owner.text("status"), Some("past_due" | "incomplete" | "unpaid")) {
        let before = render::object(state, ObjectKind::Subscription, &subscription);
        state.edit(ObjectKind::Subscription, &subscription, |s| s.set("status", "active"));
        super::subscriptions::touched(state, &subscription);
        let name = "customer.subscription.updated";
        events::emit(state, name, ObjectKind::Subscription, &subscription, Some(&before));
    }
    Ok(render::object(state, ObjectKind::Invoice, id))
}
