//! How subscriptions are billed: an invoice over what is due, finalized and collected as the subscription says.
use super::calendar::plus_days;
use super::collection;
use super::discounts;
use super::events;
use super::invoice_items;
use super::invoicing::{self, Line};
use super::record::Record;
use super::state::{ObjectKind, State};
use serde_json::Value;

/// How an attempt to bill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Billed {
    Paid,
    Failed,
    /// Nobody tried: sent by mail, or collection is paused.
    NotTried,
}

/// Issues an invoice over these lines, the prorations and the invoice items that wait, tries to be paid, and tells.
pub(super) fn issue(state: &mut State, subscription: &str, lines: Vec<Line>, reason: &str) -> Billed {
    let id = draft(state, subscription, lines, reason);
    match state.any(ObjectKind::Subscription, subscription).cloned() {
        Some(owner) => carry_out(state, &owner, &id),
        None => Billed::NotTried,
    }
}

/// Drafts a subscription's invoice over these lines and all that waits, and answers its id.
pub(super) fn draft(state: &mut State, subscription: &str, mut lines: Vec<Line>, reason: &str) -> String {
    let id = State::id_for(ObjectKind::Invoice);
    let Some(owner) = state.any(ObjectKind::Subscription, subscription).cloned() else {
        return id;
    };
    lines.extend(invoicing::waiting(&owner));
    lines.extend(invoice_items::sweep_for_subscription(state, &owner, &id));
    let reductions = invoicing::discounts_for(state, &owner, state.now);
    let mut invoice = invoicing::invoice(state, &id, &owner, lines, &reductions, state.now);
    invoice.set("billing_reason", reason);
    let met: Vec<String> = reductions
        .iter()
        .filter(|r| r.once && took_something(&invoice, &r.discount))
        .map(|r| r.discount.clone())
        .collect();
    if let Some(days) = owner.int("days_until_due") {
        invoice.set("due_date", plus_days(state.now, days));
    }
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
    id
}

/// What becomes of the subscription's new invoice.
fn carry_out(state: &mut State, owner: &Record, id: &str) -> Billed {
    let paused = owner.inner("pause_collection");
    match paused.text("behavior") {
        Some("void") => {
            collection::finalize(state, id);
            collection::void(state, id);
            return Billed::NotTried;
        }
        Some("mark_uncollectible") => {
            collection::finalize(state, id);
            collection::write_off(state, id, "subscription_paused");
            return Billed::NotTried;
        }
        Some(_) => return Billed::NotTried,
        // Nobody tries to collect while a subscription is unpaid: its invoices stay drafts.
        None if owner.text("status") == Some("unpaid") => return Billed::NotTried,
        None => {}
    }
    state.edit(ObjectKind::Invoice, id, |i| i.set("auto_advance", true));
    collection::finalize(state, id);
    let invoice = state.any(ObjectKind::Invoice, id).cloned().unwrap_or_default();
    if invoice.text("status") == Some("paid") {
        Billed::Paid
    } else if invoice.text("collection_method") == Some("send_invoice") {
        Billed::NotTried
    } else if collection::attempt(state, id, None) {
        Billed::Paid
    } else {
        Billed::Failed
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
pub(super) fn payment_fails(state: &State, owner: &Record) -> bool {
    payment_method(state, owner).is_some_and(|method| declines(&method))
}

/// Whether charges to this payment method fail.
pub(super) fn declines(method: &str) -> bool {
    method.contains("chargeDeclined") || method.contains("chargeCustomerFail")
}

/// The payment method in force for a subscription or an invoice: its own, that of the invoice's subscription, the
/// customer's default, or the one attached at creation.
pub(super) fn payment_method(state: &State, owner: &Record) -> Option<String> {
    let customer = state.any(ObjectKind::Customer, owner.text("customer")?)?;
    let default = customer.inner("invoice_settings").text("default_payment_method").map(str::to_owned);
    let own = owner.text("default_payment_method").map(str::to_owned);
    let behind = owner.text("_subscription").and_then(|id| state.any(ObjectKind::Subscription, id));
    let behind = behind.and_then(|s| s.text("default_payment_method")).map(str::to_owned);
    own.or(behind).or(default).or_else(|| customer.text("_payment_method").map(str::to_owned))
}
