//! Credit notes: what a finalized invoice is reduced by.
use super::balance::{self, Change};
use super::call::{Input, Outcome};
use super::collection;
use super::errors::ApiError;
use super::events;
use super::params::{
    AFTER, AMOUNT, BEFORE, COUNT, EXPAND, Field, ID, Kind, LIMIT, NEW_METADATA, TEXT, field,
};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State, new_id};
use serde_json::json;

pub(super) const CREATE: &[Field] = &[
    field("invoice", ID).required(),
    field("amount", COUNT),
    field("credit_amount", AMOUNT),
    field("out_of_band_amount", AMOUNT),
    field("memo", TEXT),
    NEW_METADATA,
    field("reason", Kind::Enum(&["duplicate", "fraudulent", "order_change", "product_unsatisfactory"])),
    field("email_type", Kind::Enum(&["credit_note", "none"])),
    field("effective_at", Kind::Unmodelled),
    field("lines", Kind::Unmodelled),
    field("refund_amount", Kind::Unmodelled),
    field("refunds", Kind::Unmodelled),
    field("shipping_cost", Kind::Unmodelled),
    EXPAND,
];

pub(super) const LIST: &[Field] = &[
    field("customer", ID),
    field("invoice", ID),
    field("created", Kind::TimeRange),
    field("customer_account", Kind::Unmodelled),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

/// What of an amount reduces what is still to pay, and what of it was paid already.
struct Parts {
    amount: i64,
    before_payment: i64,
    after_payment: i64,
}

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let invoice = state.get_for(ObjectKind::Invoice, &params.text_or_empty("invoice"), "invoice")?;
    let parts = parts(&invoice, params)?;
    let id = State::id_for(ObjectKind::CreditNote);
    let customer = invoice.text_or_empty("customer");
    let currency = invoice.text_or_empty("currency");
    let credited = params.int("credit_amount").filter(|amount| *amount > 0).map(|amount| {
        let amount = amount.saturating_neg();
        let change = Change {
            amount,
            kind: "credit_note",
            currency: &currency,
            invoice: invoice.text("id"),
            credit_note: Some(&id),
        };
        balance::change(state, &customer, change)
    });
    let note = note(state, &id, &invoice, params, &parts, credited);
    state.put(ObjectKind::CreditNote, note);
    reduce(state, &invoice, &parts);
    events::emit(state, "credit_note.created", ObjectKind::CreditNote, &id, None);
    Ok(render::object(state, ObjectKind::CreditNote, &id))
}

fn parts(invoice: &Record, params: &Record) -> Result<Parts, ApiError> {
    if !matches!(invoice.text("status"), Some("open" | "paid" | "uncollectible")) {
        return Err(ApiError::invalid(format!(
            "A credit note needs a finalized invoice; this one's status is `{}`.",
            invoice.text_or_empty("status")
        ))
        .param("invoice"));
    }
    let amount = params.int("amount").ok_or_else(|| ApiError::missing("amount"))?;
    let of = |field: &str| invoice.int(field).unwrap_or(0);
    let credited =
        of("pre_payment_credit_notes_amount").saturating_add(of("post_payment_credit_notes_amount"));
    if amount > of("total").saturating_sub(credited) {
        return Err(ApiError::invalid("The sum of credit amounts cannot exceed the total of the invoice.")
            .param("amount"));
    }
    let before_payment = amount.min(of("amount_remaining"));
    let after_payment = amount.saturating_sub(before_payment);
    let given = ["credit_amount", "out_of_band_amount"];
    let given = given.iter().fold(0_i64, |sum, name| sum.saturating_add(params.int(name).unwrap_or(0)));
    if given != after_payment {
        return Err(ApiError::invalid(format!(
            "The sum of credit_amount, refund_amount and out_of_band_amount ({given}) must equal the credit note \
             amount less what reduces the amount remaining ({after_payment})."
        )));
    }
    Ok(Parts { amount, before_payment, after_payment })
}

fn note(
    state: &State,
    id: &str,
    invoice: &Record,
    params: &Record,
    parts: &Parts,
    credited: Option<String>,
) -> Record {
    let kind = match (parts.before_payment, parts.after_payment) {
        (_, 0) => "pre_payment",
        (0, _) => "post_payment",
        _ => "mixed",
    };
    let earlier = state.all(ObjectKind::CreditNote).filter(|n| n.value("invoice") == invoice.value("id"));
    let number = format!("{}-CN-{:02}", invoice.text_or_empty("number"), earlier.count().saturating_add(1));
    let line = json!({
        "id": new_id("cnli"), "object": "credit_note_line_item", "amount": parts.amount, "description": null,
        "discount_amount": 0, "discount_amounts": [], "invoice_line_item": null, "livemode": state.livemode,
        "metadata": {}, "pretax_credit_amounts": [], "quantity": 1, "tax_rates": [], "taxes": [],
        "type": "custom_line_item", "unit_amount": parts.amount,
        "unit_amount_decimal": parts.amount.to_string(),
    });
    let mut note = Record::of(json!({
        "id": id, "object": "credit_note", "amount": parts.amount, "amount_shipping": 0, "created": state.now,
        "currency": invoice.value("currency"), "customer": invoice.value("customer"),
        "customer_account": null, "customer_balance_transaction": credited, "discount_amount": 0,
        "discount_amounts": [], "effective_at": state.now, "invoice": invoice.value("id"),
        "lines": render::list_of(vec![line], false, &format!("/v1/credit_notes/{id}/lines")),
        "livemode": false, "memo": null, "metadata": {}, "number": number, "out_of_band_amount": null,
        "pdf": format!("https://pay.stripe.com/credit_notes/sandbox/{id}/pdf"),
        "post_payment_amount": parts.after_payment, "pre_payment_amount": parts.before_payment,
        "pretax_credit_amounts": [], "reason": null, "refunds": [], "shipping_cost": null, "status": "issued",
        "subtotal": parts.amount, "subtotal_excluding_tax": parts.amount, "total": parts.amount,
        "total_excluding_tax": parts.amount, "total_taxes": [], "type": kind, "voided_at": null,
    }));
    note.take_given(params, &["memo", "out_of_band_amount", "reason"]);
    note.merge_metadata(params);
    note
}

/// The invoice asks for less; when nothing is left it is paid.
fn reduce(state: &mut State, invoice: &Record, parts: &Parts) {
    let id = invoice.text_or_empty("id");
    add_to(state, &id, "pre_payment_credit_notes_amount", parts.before_payment);
    add_to(state, &id, "post_payment_credit_notes_amount", parts.after_payment);
    add_to(state, &id, "amount_due", parts.before_payment.saturating_neg());
    add_to(state, &id, "amount_remaining", parts.before_payment.saturating_neg());
    let left = state.any(ObjectKind::Invoice, &id).and_then(|i| i.int("amount_remaining"));
    if parts.before_payment > 0 && left == Some(0) {
        collection::settle_paid(state, &id);
        collection::follow(state, invoice);
    }
}

fn add_to(state: &mut State, invoice: &str, field: &str, amount: i64) {
    state.edit(ObjectKind::Invoice, invoice, |i| {
        let sum = i.int(field).unwrap_or(0).saturating_add(amount);
        i.set(field, sum);
    });
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::CreditNote, input.id())
}

/// Takes a credit note back, as long as the invoice is open.
pub(super) fn void(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let mut note = state.get(ObjectKind::CreditNote, id)?;
    let invoice = note.text_or_empty("invoice");
    let open = state.get(ObjectKind::Invoice, &invoice)?.text("status") == Some("open");
    if note.text("status") != Some("issued") || !open {
        return Err(ApiError::invalid("Only an issued credit note of an open invoice can be voided."));
    }
    let before = note.int("pre_payment_amount").unwrap_or(0);
    note.set("status", "void");
    note.set("voided_at", state.now);
    state.put(ObjectKind::CreditNote, note);
    add_to(state, &invoice, "pre_payment_credit_notes_amount", before.saturating_neg());
    add_to(state, &invoice, "amount_due", before);
    add_to(state, &invoice, "amount_remaining", before);
    events::emit(state, "credit_note.voided", ObjectKind::CreditNote, id, None);
    Ok(render::object(state, ObjectKind::CreditNote, id))
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    for (name, kind) in [("customer", ObjectKind::Customer), ("invoice", ObjectKind::Invoice)] {
        if let Some(id) = params.text(name) {
            state.get_for(kind, id, name)?;
        }
    }
    render::page(state, ObjectKind::CreditNote, params, "/v1/credit_notes", |note| {
        ["customer", "invoice"].iter().all(|f| params.text(f).is_none_or(|v| note.text(f) == Some(v)))
    })
}
