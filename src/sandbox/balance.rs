//! The customer's balance: every change of it is a transaction, and the next invoice that is finalized takes it.
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::params::{AFTER, BEFORE, EXPAND, Field, ID, Kind, LIMIT, METADATA, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::json;

const MOST: i64 = 99_999_999;

pub(super) const CREATE: &[Field] = &[
    field("amount", Kind::Integer(-MOST, MOST)).required(),
    field("currency", Kind::Currency).required(),
    field("description", Kind::Text(350)),
    METADATA,
    EXPAND,
];
pub(super) const UPDATE: &[Field] = &[field("description", Kind::Text(350)), METADATA, EXPAND];
pub(super) const LIST: &[Field] =
    &[field("created", Kind::TimeRange), field("invoice", ID), LIMIT, AFTER, BEFORE, EXPAND];

/// What changed a balance, and by how much in minor units: below zero is a credit of the customer's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) amount: i64,
    pub(super) kind: &'a str,
    pub(super) currency: &'a str,
    pub(super) invoice: Option<&'a str>,
    pub(super) credit_note: Option<&'a str>,
}

impl<'a> Change<'a> {
    /// A change that no invoice or credit note caused.
    pub(super) fn plain(kind: &'a str, amount: i64, currency: &'a str) -> Self {
        Self { amount, kind, currency, invoice: None, credit_note: None }
    }
}

/// Changes a customer's balance and answers the transaction's id.
pub(super) fn change(state: &mut State, customer: &str, change: Change<'_>) -> String {
    let id = State::id_for(ObjectKind::BalanceTransaction);
    let before = state.any(ObjectKind::Customer, customer).and_then(|c| c.int("balance")).unwrap_or(0);
    let after = before.saturating_add(change.amount);
    state.put(
        ObjectKind::BalanceTransaction,
        Record::of(json!({
            "id": id, "object": "customer_balance_transaction", "amount": change.amount,
            "checkout_session": null, "created": state.now, "credit_note": change.credit_note,
            "currency": if change.currency.is_empty() { "usd" } else { change.currency }, "customer": customer, "customer_account": null, "description": null,
            "ending_balance": after, "invoice": change.invoice, "livemode": false, "metadata": {},
            "type": change.kind,
        })),
    );
    state.edit(ObjectKind::Customer, customer, |c| {
        c.set("balance", after);
        if !c.is_set("currency") && !change.currency.is_empty() {
            c.set("currency", change.currency);
        }
    });
    id
}

/// The balance that this invoice can take: none when the customer's is in another currency.
pub(super) fn usable(state: &State, invoice: &Record) -> i64 {
    let Some(customer) = invoice.text("customer").and_then(|id| state.any(ObjectKind::Customer, id)) else {
        return 0;
    };
    match (customer.text("currency"), invoice.text("currency")) {
        (Some(own), Some(billed)) if own != billed => 0,
        _ => customer.int("balance").unwrap_or(0),
    }
}

/// The customer's balance pays first; a negative total goes to it. For an invoice that is being finalized.
pub(super) fn settle(state: &mut State, invoice: &mut Record) {
    let start = invoice.int("starting_balance").unwrap_or(0);
    // What the balance owed is billed with the invoice; a credit that the invoice did not use up stays.
    let end = start.saturating_add(invoice.int("total").unwrap_or(0)).min(0);
    invoice.set("ending_balance", end);
    move_between(state, invoice, "applied_to_invoice", end.saturating_sub(start));
}

/// Gives back what a finalized invoice took from the balance.
pub(super) fn give_back(state: &mut State, invoice: &mut Record) {
    let start = invoice.int("starting_balance").unwrap_or(0);
    let end = invoice.int("ending_balance").unwrap_or(start);
    move_between(state, invoice, "unapplied_from_invoice", start.saturating_sub(end));
}

fn move_between(state: &mut State, invoice: &Record, kind: &str, amount: i64) {
    if amount == 0 {
        return;
    }
    let currency = invoice.text_or_empty("currency");
    let moved = Change { amount, kind, currency: &currency, invoice: invoice.text("id"), credit_note: None };
    change(state, &invoice.text_or_empty("customer"), moved);
}

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let customer = state.get(ObjectKind::Customer, input.id())?;
    let currency = params.text_or_empty("currency");
    if let Some(own) = customer.text("currency").filter(|own| *own != currency) {
        return Err(ApiError::invalid(format!(
            "The customer's balance is in `{own}`; a transaction in `{currency}` cannot change it."
        ))
        .param("currency"));
    }
    let plain = Change::plain("adjustment", params.int("amount").unwrap_or(0), &currency);
    let id = change(state, input.id(), plain);
    write(state, &id, params);
    Ok(render::object(state, ObjectKind::BalanceTransaction, &id))
}

fn write(state: &mut State, id: &str, params: &Record) {
    state.edit(ObjectKind::BalanceTransaction, id, |t| {
        t.take_given(params, &["description"]);
        t.merge_metadata(params);
    });
}

/// The transaction named second in the path, if it is of the customer named first.
fn of_customer(state: &State, input: &Input) -> Result<String, ApiError> {
    state.get(ObjectKind::Customer, input.id())?;
    let id = input.ids.get(1).cloned().unwrap_or_default();
    let found = state.get(ObjectKind::BalanceTransaction, &id)?;
    if found.text("customer") == Some(input.id()) {
        Ok(id)
    } else {
        Err(ApiError::no_such(ObjectKind::BalanceTransaction.words(), &id))
    }
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    let id = of_customer(state, input)?;
    Ok(render::object(state, ObjectKind::BalanceTransaction, &id))
}

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let id = of_customer(state, input)?;
    write(state, &id, &input.params);
    Ok(render::object(state, ObjectKind::BalanceTransaction, &id))
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let customer = input.id();
    state.get(ObjectKind::Customer, customer)?;
    let params = &input.params;
    let url = format!("/v1/customers/{customer}/balance_transactions");
    render::page(state, ObjectKind::BalanceTransaction, params, &url, |t| {
        t.text("customer") == Some(customer)
            && params.text("invoice").is_none_or(|invoice| t.text("invoice") == Some(invoice))
    })
}
