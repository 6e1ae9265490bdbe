//! Discounts: coupons as redeemed by a customer, a subscription or one of its items.
use super::calendar::plus_months;
use super::coupons;
use super::errors::ApiError;
use super::events;
use super::params::{Field, ID, Kind, field};
use super::promotion_codes;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::{Value, json};

/// The `discounts` parameter of subscriptions, items and previews.
pub(super) const DISCOUNTS: Field = field("discounts", Kind::List(&ENTRY)).clearable();
const ENTRY: Kind = Kind::Object(&[field("coupon", ID), field("promotion_code", ID), field("discount", ID)]);

/// The most discounts that one subscription or item takes.
const MOST: usize = 20;

/// Who is to have the discounts of a `discounts` parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) customer: &'a str,
    pub(super) subscription: Option<&'a str>,
    pub(super) item: Option<&'a str>,
    pub(super) currency: &'a str,
    /// The discounts it has now.
    pub(super) existing: &'a [String],
}

/// Carries out a `discounts` parameter: the given entries become *all* the discounts, whatever is not repeated is
/// gone. Answers the ids of the new list; the caller stores it.
pub(super) fn overwrite(
    state: &mut State,
    params: &Record,
    owner: Owner<'_>,
    prefix: &str,
) -> Result<Vec<String>, ApiError> {
    let entries = params.records("discounts");
    if entries.len() > MOST {
        return Err(ApiError::invalid(format!("You can apply at most {MOST} discounts.")).param(prefix));
    }
    let mut ids = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("{prefix}[{index}]");
        let id = entry_of(state, entry, owner, &path)?;
        let coupon = coupon_of(state, &id);
        if ids.iter().any(|other: &String| coupon_of(state, other) == coupon) {
            return Err(
                ApiError::invalid(format!("The coupon `{coupon}` is given more than once.")).param(path)
            );
        }
        ids.push(id);
    }
    for gone in owner.existing.iter().filter(|id| !ids.contains(id)) {
        remove(state, gone);
    }
    Ok(ids)
}

fn entry_of(state: &mut State, entry: &Record, owner: Owner<'_>, path: &str) -> Result<String, ApiError> {
    let given: Vec<&str> =
        ["coupon", "promotion_code", "discount"].into_iter().filter(|name| entry.has(name)).collect();
    let (&[name], Some(id)) = (given.as_slice(), given.first().and_then(|name| entry.text(name))) else {
        return Err(ApiError::invalid("Pass exactly one of coupon, promotion_code and discount.").param(path));
    };
    let param = format!("{path}[{name}]");
    let id = match name {
        "discount" if owner.existing.iter().any(|own| own == id) => return Ok(id.to_owned()),
        "discount" => {
            // A discount of the customer's own may be carried over to the subscription.
            let theirs = state.get_for(ObjectKind::Discount, id, &param)?;
            if theirs.text("customer") != Some(owner.customer) {
                return Err(ApiError::no_such_in("discount", id, &param));
            }
            let end = theirs.value("end");
            let copy = give(state, &theirs.inner("source").text_or_empty("coupon"), None, owner);
            state.edit(ObjectKind::Discount, &copy, |discount| discount.set("end", end));
            copy
        }
        "promotion_code" => {
            let coupon = promotion_codes::coupon_for(state, id, owner.customer, &param)?;
            redeem_as(state, &coupon, &param, Some(id), owner)?
        }
        _ => redeem_as(state, id, &param, None, owner)?,
    };
    announce(state, &id);
    Ok(id)
}

/// Redeems a coupon for a customer.
pub(super) fn redeem(
    state: &mut State,
    coupon: &str,
    param: &str,
    customer: &str,
) -> Result<String, ApiError> {
    let owner = Owner { customer, subscription: None, item: None, currency: "", existing: &[] };
    redeem_as(state, coupon, param, None, owner)
}

fn redeem_as(
    state: &mut State,
    coupon: &str,
    param: &str,
    code: Option<&str>,
    owner: Owner<'_>,
) -> Result<String, ApiError> {
    let found = state.get_for(ObjectKind::Coupon, coupon, param)?;
    if !coupons::is_valid(&found, state.now) {
        return Err(ApiError::invalid(format!("Coupon expired: {coupon}"))
            .code("coupon_expired")
            .param(param));
    }
    if let Some(currency) =
        found.text("currency").filter(|c| !owner.currency.is_empty() && *c != owner.currency)
    {
        return Err(ApiError::invalid(format!(
            "The coupon `{coupon}` is in `{currency}`, which doesn't match the expected currency: `{}`.",
            owner.currency
        ))
        .param(param));
    }
    Ok(give(state, coupon, code, owner))
}

fn give(state: &mut State, coupon: &str, code: Option<&str>, owner: Owner<'_>) -> String {
    let id = State::id_for(ObjectKind::Discount);
    let found = state.any(ObjectKind::Coupon, coupon).cloned().unwrap_or_default();
    let end = found.int("duration_in_months").map(|months| plus_months(state.now, months));
    state.put(
        ObjectKind::Discount,
        Record::of(json!({
            "id": id, "object": "discount", "checkout_session": null, "customer": owner.customer,
            "customer_account": null, "end": end, "invoice": null, "invoice_item": null, "promotion_code": code,
            "source": {"coupon": coupon, "type": "coupon"}, "start": state.now,
            "subscription": owner.subscription, "subscription_item": owner.item,
        })),
    );
    let count = |record: &mut Record| {
        let times = record.int("times_redeemed").unwrap_or(0);
        record.set("times_redeemed", times.saturating_add(1));
    };
    state.edit(ObjectKind::Coupon, coupon, count);
    if let Some(code) = code {
        state.edit(ObjectKind::PromotionCode, code, count);
    }
    id
}

pub(super) fn announce(state: &mut State, id: &str) {
    events::emit(state, "customer.discount.created", ObjectKind::Discount, id, None);
}

/// Takes a discount away and answers it as deleted.
pub(super) fn remove(state: &mut State, id: &str) -> Value {
    events::emit(state, "customer.discount.deleted", ObjectKind::Discount, id, None);
    state.delete(ObjectKind::Discount, id);
    let mut shown = Record::of(render::object(state, ObjectKind::Discount, id));
    shown.set("deleted", true);
    shown.public()
}

/// The id of the coupon behind a discount.
pub(super) fn coupon_of(state: &State, id: &str) -> String {
    state.any(ObjectKind::Discount, id).map(|d| d.inner("source").text_or_empty("coupon")).unwrap_or_default()
}

/// What a discount takes off.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reduction {
    pub(super) discount: String,
    /// Hundredths of a percent, when it is a percentage.
    pub(super) hundredths: Option<i64>,
    /// Minor units, otherwise.
    pub(super) amount: i64,
    /// The products it is limited to; empty for all.
    pub(super) products: Vec<String>,
    pub(super) once: bool,
}

/// The discounts in this list that hold at a time.
pub(super) fn reductions(state: &State, ids: &[String], at: i64) -> Vec<Reduction> {
    let holding = ids.iter().filter(|id| {
        state.find(ObjectKind::Discount, id).is_some_and(|d| d.int("end").is_none_or(|end| at < end))
    });
    holding.filter_map(|id| reduction(state, id)).collect()
}

/// The discounts in this list whether they still hold or not: a draft keeps those that it was drafted with.
pub(super) fn recorded(state: &State, ids: &[String]) -> Vec<Reduction> {
    ids.iter().filter_map(|id| reduction(state, id)).collect()
}

fn reduction(state: &State, id: &str) -> Option<Reduction> {
    let coupon = state.any(ObjectKind::Coupon, &coupon_of(state, id))?;
    Some(Reduction {
        discount: id.to_owned(),
        hundredths: coupons::hundredths_of_percent(coupon),
        amount: coupon.int("amount_off").unwrap_or(0),
        products: coupon.texts("_products"),
        once: coupon.text("duration") == Some("once"),
    })
}
