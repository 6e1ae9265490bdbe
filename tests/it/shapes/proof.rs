//! What Stripe must show after a change, and what it must show unchanged.

use std::collections::BTreeSet;

use counteroffer::domain::offer::OfferType;
use serde_json::{Value, json};

use crate::support::app::{Subscriber, TestApp};

/// What Stripe has of a subscriber.
#[derive(Debug, PartialEq)]
pub(super) struct Picture {
    pub(super) subscription: Value,
    pub(super) customer: Value,
    invoices: Vec<Value>,
    /// The coupons in force.
    coupons: BTreeSet<String>,
}

type Proof = Result<(), String>;

impl Picture {
    pub(super) fn of(test: &TestApp, who: &Subscriber) -> Self {
        let subscription = test.in_stripe(who);
        let customer = test.sandbox.object(&who.customer).unwrap();
        let params = [("customer", who.customer.as_str()), ("limit", "100")];
        let invoices = test.sandbox.call("GET", "/v1/invoices", &params).unwrap()["data"].clone();
        let coupon = |discount: &Value| discount["source"]["coupon"].as_str().unwrap().to_owned();
        let own = subscription["discounts"].as_array().unwrap().iter();
        let mut coupons: BTreeSet<String> =
            own.map(|id| coupon(&test.sandbox.object(id.as_str().unwrap()).unwrap())).collect();
        // The customer's counts as long as the subscription has none of its own.
        if coupons.is_empty() && !customer["discount"].is_null() {
            coupons.insert(coupon(&customer["discount"]));
        }
        Self { subscription, customer, invoices: invoices.as_array().unwrap().clone(), coupons }
    }

    /// The invoices that Stripe would go on to charge.
    pub(super) fn collected(&self) -> Vec<&Value> {
        let unpaid = |invoice: &&Value| invoice["status"] == "open" || invoice["status"] == "draft";
        let collected = self.invoices.iter().filter(unpaid).filter(|invoice| invoice["auto_advance"] == true);
        collected.map(|invoice| &invoice["id"]).collect()
    }

    /// What open invoices ask for.
    fn owed(&self) -> i64 {
        let open = self.invoices.iter().filter(|invoice| invoice["status"] == "open");
        open.filter_map(|invoice| invoice["amount_remaining"].as_i64()).sum()
    }

    /// How many invoices an operation has made.
    fn marked(&self) -> usize {
        let marked = |invoice: &&Value| invoice["metadata"]["counteroffer_operation"].is_string();
        self.invoices.iter().filter(marked).count()
    }

    /// How many items have another price.
    fn repriced(&self, before: &Self) -> usize {
        let items = before.items().into_iter().zip(self.items());
        items.filter(|(old, new)| old["price"]["id"] != new["price"]["id"]).count()
    }

    fn items(&self) -> Vec<&Value> {
        self.subscription["items"]["data"].as_array().unwrap().iter().collect()
    }
}

fn demand(holds: bool, why: &str, after: &Picture) -> Proof {
    if holds { Ok(()) } else { Err(format!("{why}: {}", after.subscription)) }
}

/// What the subscriber picks, where there is something to pick.
pub(super) fn choice(kind: OfferType) -> Value {
    match kind {
        OfferType::Pause => json!({"choice": 0}),
        _ => json!({}),
    }
}

/// Whether Stripe shows what was promised.
pub(super) fn took_effect(kind: OfferType, before: &Picture, after: &Picture) -> Proof {
    let trial_end = |picture: &Picture| picture.subscription["trial_end"].as_i64().unwrap_or(0);
    let seen = match kind {
        OfferType::Discount => {
            let new: Vec<_> = after.coupons.difference(&before.coupons).collect();
            new.len() == 1 && new[0].starts_with("co_bop_")
        }
        OfferType::Pause => {
            let marked = after.subscription["metadata"]["counteroffer_pause"].is_string();
            let itself = after.subscription["status"] == "paused";
            marked && (itself == after.subscription["pause_collection"].is_null())
        }
        OfferType::TrialExtension => trial_end(after) > trial_end(before),
        OfferType::FreeFeatures => after.items().len() == before.items().len() + 1,
        OfferType::PlanChange => after.repriced(before) == 1,
        OfferType::Installments => after.marked() > before.marked(),
        OfferType::Waiver => after.owed() < before.owed(),
        OfferType::Credit => {
            let balance = |picture: &Picture| picture.customer["balance"].as_i64().unwrap_or(0);
            balance(after) < balance(before)
        }
        OfferType::Contact | OfferType::Redirect | OfferType::Custom => after == before,
    };
    demand(seen, "the effect is not to be seen", after)
}

/// Whether everything is as it was but for what this type of offer is about.
pub(super) fn nothing_else_changed(kind: OfferType, before: &Picture, after: &Picture) -> Proof {
    if kind == OfferType::PlanChange {
        keeps_quantities(before, after)?;
    } else {
        keeps_what_was_bought(before, after)?;
    }
    let fields =
        ["cancel_at", "cancel_at_period_end", "pending_update", "schedule", "trial_end", "pause_collection"];
    for field in fields {
        let own = match kind {
            OfferType::TrialExtension => field == "trial_end",
            OfferType::Pause => field == "pause_collection",
            _ => false,
        };
        demand(own || after.subscription[field] == before.subscription[field], field, after)?;
    }
    Ok(())
}

/// Whether a schedule says that the plan changes, everything else as it was.
pub(super) fn plan_change_comes(test: &TestApp, before: &Picture, after: &Picture) -> Proof {
    keeps_what_was_bought(before, after)?;
    let schedule = after.subscription["schedule"].as_str().unwrap_or_default();
    let phases = test.sandbox.object(schedule).unwrap_or_default()["phases"].clone();
    let lines = |phase: usize, what: &str| -> Vec<Value> {
        let items = phases[phase]["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|line| line[what].clone()).collect()
    };
    let (old, new) = (lines(0, "price"), lines(1, "price"));
    let changed = old.iter().zip(&new).filter(|(old, new)| old != new).count();
    demand(old.len() == new.len() && changed == 1, "no plan change is scheduled", after)?;
    demand(lines(0, "quantity") == lines(1, "quantity"), "a quantity would change", after)?;
    demand(phases[0]["discounts"] == phases[1]["discounts"], "a discount would go", after)?;
    for field in
        ["cancel_at", "cancel_at_period_end", "pending_update", "trial_end", "pause_collection", "status"]
    {
        demand(after.subscription[field] == before.subscription[field], field, after)?;
    }
    Ok(())
}

/// Whether prices, quantities and discounts are those that were there.
pub(super) fn keeps_what_was_bought(before: &Picture, after: &Picture) -> Proof {
    let changed = after.repriced(before) > 0;
    demand(!changed, "an item was changed", after)?;
    keeps_quantities(before, after)
}

/// Whether items, quantities and discounts are those that were there.
fn keeps_quantities(before: &Picture, after: &Picture) -> Proof {
    for item in before.items() {
        let kept = after.items().into_iter().find(|kept| kept["id"] == item["id"]);
        let same = kept.is_some_and(|kept| kept["quantity"] == item["quantity"]);
        demand(same, "an item was changed", after)?;
    }
    demand(after.coupons.is_superset(&before.coupons), "a discount was lost", after)?;
    let fields =
        ["customer", "currency", "collection_method", "days_until_due", "billing_mode", "test_clock"];
    for field in fields {
        demand(after.subscription[field] == before.subscription[field], field, after)?;
    }
    Ok(())
}

/// Whether nothing was changed at all.
pub(super) fn untouched(before: &Picture, after: &Picture) -> Proof {
    demand(before == after, "something was changed", after)
}

/// Whether the subscription has ended, or will with its period, as the session says.
pub(super) fn ends(after: &Picture, session: &Value) -> Proof {
    let ended =
        after.subscription["status"] == "canceled" || after.subscription["status"] == "incomplete_expired";
    let scheduled = after.subscription["cancel_at_period_end"] == true;
    demand(ended || scheduled, "it does not end", after)?;
    let ends = if ended { &after.subscription["ended_at"] } else { &after.subscription["cancel_at"] };
    let said: Option<jiff::Timestamp> = session["effective_at"].as_str().and_then(|said| said.parse().ok());
    demand(said.map(jiff::Timestamp::as_second) == ends.as_i64(), "the session says otherwise", after)
}
