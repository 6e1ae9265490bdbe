//! The calls that move an invoice on: finalize, pay, void, mark uncollectible.
use super::call::{Input, Outcome};
use super::collection;
use super::errors::ApiError;
use super::params::{EXPAND, Field, ID, Kind, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};

pub(super) const FINALIZE: &[Field] = &[field("auto_advance", Kind::Boolean), EXPAND];
pub(super) const PAY: &[Field] = &[
    field("payment_method", ID),
    field("paid_out_of_band", Kind::Boolean),
    field("off_session", Kind::Boolean),
    field("forgive", Kind::Unmodelled),
    field("mandate", Kind::Unmodelled),
    field("source", Kind::Unmodelled),
    EXPAND,
];

fn shown(state: &State, id: &str) -> Outcome {
    Ok(render::object(state, ObjectKind::Invoice, id))
}

/// An invoice in a status that rules the call out.
fn wrong_status(invoice: &Record, call: &str) -> ApiError {
    let status = invoice.text_or_empty("status");
    ApiError::invalid(format!("An invoice whose status is `{status}` cannot be {call}."))
}

pub(super) fn finalize(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let invoice = state.get(ObjectKind::Invoice, id)?;
    if invoice.text("status") != Some("draft") {
        return Err(ApiError::invalid(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
        )
        .code("invoice_not_editable"));
    }
    if input.params.has("auto_advance") {
        let advance = input.params.flag("auto_advance");
        state.edit(ObjectKind::Invoice, id, |i| i.set("auto_advance", advance));
    }
    collection::finalize(state, id);
    collection::first_attempt_later(state, id);
    collection::follow(state, &state.get(ObjectKind::Invoice, id)?);
    shown(state, id)
}

/// Pays an invoice now. A declined attempt counts as one.
pub(super) fn pay(state: &mut State, input: &Input) -> Outcome {
    let (id, params) = (input.id(), &input.params);
    let invoice = state.get(ObjectKind::Invoice, id)?;
    match invoice.text("status") {
        Some("open" | "uncollectible") => {}
        Some("draft") => collection::finalize(state, id),
        Some("paid") => return Err(ApiError::invalid("Invoice is already paid").code("invoice_already_paid")),
        _ => return Err(wrong_status(&invoice, "paid")),
    }
    if state.get(ObjectKind::Invoice, id)?.text("status") != Some("paid") {
        if params.flag("paid_out_of_band") {
            collection::settle_paid(state, id);
        } else if !collection::attempt(state, id, params.text("payment_method")) {
            collection::follow(state, &invoice);
            return Err(ApiError::declined_attempt("generic_decline"));
        }
    }
    collection::follow(state, &state.get(ObjectKind::Invoice, id)?);
    shown(state, id)
}

pub(super) fn void(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let invoice = state.get(ObjectKind::Invoice, id)?;
    if !matches!(invoice.text("status"), Some("open" | "uncollectible")) {
        return Err(wrong_status(&invoice, "voided"));
    }
    collection::void(state, id);
    collection::follow(state, &invoice);
    shown(state, id)
}

pub(super) fn mark_uncollectible(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let invoice = state.get(ObjectKind::Invoice, id)?;
    if invoice.text("status") != Some("open") {
        return Err(wrong_status(&invoice, "marked uncollectible"));
    }
    collection::write_off(state, id, "user_forgiven");
    collection::follow(state, &invoice);
    shown(state, id)
}
