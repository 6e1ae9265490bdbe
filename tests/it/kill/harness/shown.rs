//! What Stripe shows of a subscriber, read past all of our own code, without ids and instants, so that it can be
//! compared with what another subscriber of the same kind came to.

use super::*;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    status: String,
    ends: bool,
    collection_paused: bool,
    /// Days from the beginning to the end of the trial.
    trial: Option<i64>,
    /// Price and quantity.
    items: Vec<(i64, i64)>,
    discounts: usize,
    /// The prices of each phase of each schedule.
    schedules: Vec<Vec<Vec<i64>>>,
    balance: i64,
    transactions: Vec<i64>,
    /// Status, whether Stripe collects it by itself, total, what is left to pay. Money is in whole dollars: prorations
    /// depend on the second.
    invoices: Vec<(String, bool, i64, i64)>,
    /// What the coming invoice takes in besides.
    pending: Vec<i64>,
}

impl Shown {
    pub(super) fn of(sandbox: &Sandbox, who: &Subscriber) -> Self {
        let subscription = sandbox.object(&who.subscription).unwrap();
        let list = |path: &str, more: &[(&str, &str)]| {
            let params = [&[("limit", "100")], more].concat();
            sandbox.call("GET", path, &params).unwrap()["data"].as_array().unwrap().clone()
        };
        let theirs = ("customer", who.customer.as_str());
        let amount = |price: &Value| sandbox.object(id(price)).unwrap()["unit_amount"].as_i64().unwrap();
        let began = subscription["created"].as_i64().unwrap();
        let mut shown = Self {
            status: text(&subscription["status"]),
            ends: subscription["cancel_at_period_end"] == true || !subscription["cancel_at"].is_null(),
            collection_paused: !subscription["pause_collection"].is_null(),
            trial: subscription["trial_end"].as_i64().map(|end| (end - began + 43_200).div_euclid(86_400)),
            items: each(&subscription["items"]["data"], |item| {
                (amount(&item["price"]), item["quantity"].as_i64().unwrap())
            }),
            discounts: subscription["discounts"].as_array().unwrap().len(),
            schedules: Vec::new(),
            balance: dollars(&sandbox.object(&who.customer).unwrap()["balance"]),
            transactions: Vec::new(),
            invoices: Vec::new(),
            pending: Vec::new(),
        };
        for schedule in list("/v1/subscription_schedules", &[theirs]) {
            if matches!(schedule["status"].as_str(), Some("active" | "not_started")) {
                let phase = |phase: &Value| each(&phase["items"], |item| amount(&item["price"]));
                shown.schedules.push(each(&schedule["phases"], phase));
            }
        }
        let changes = list(&format!("/v1/customers/{}/balance_transactions", who.customer), &[]);
        shown.transactions.extend(changes.iter().map(|change| dollars(&change["amount"])));
        for invoice in list("/v1/invoices", &[theirs]) {
            let advances = invoice["auto_advance"] == true;
            // A draft that nobody has told to finalize asks nothing of anybody.
            if invoice["status"] != "draft" || advances {
                let (total, left) = (dollars(&invoice["total"]), dollars(&invoice["amount_remaining"]));
                shown.invoices.push((text(&invoice["status"]), advances, total, left));
            }
        }
        let pending = list("/v1/invoiceitems", &[theirs, ("pending", "true")]);
        shown.pending.extend(pending.iter().map(|item| dollars(&item["amount"])));
        shown.items.sort_unstable();
        shown.transactions.sort_unstable();
        shown.invoices.sort_unstable();
        shown.pending.sort_unstable();
        shown
    }
}

/// An object's id, whether it is shown whole or not.
fn id(object: &Value) -> &str {
    object.as_str().or_else(|| object["id"].as_str()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn dollars(cents: &Value) -> i64 {
    (cents.as_i64().unwrap() + 50).div_euclid(100)
}

fn each<T>(list: &Value, of: impl FnMut(&Value) -> T) -> Vec<T> {
    list.as_array().unwrap().iter().map(of).collect()
}
