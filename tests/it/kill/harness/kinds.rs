//! The kinds of operations, each with a subscriber whose subscription can take it.

use super::*;

/// The flow: each offer for a reason of its own, which has the same name.
pub(super) fn flow(prices: &Prices) -> String {
    let offers = [
        ("discount", "discount", "percent_off: 50, duration: repeating, duration_in_months: 3".to_owned()),
        ("pause", "pause", "choices: [{interval: month, count: 1}]".to_owned()),
        ("break", "pause", "choices: [{interval: month, count: 1}], access: withdrawn".to_owned()),
        ("trial_extension", "trial_extension", "days: 14".to_owned()),
        (
            "free_features",
            "free_features",
            format!("price: {}, features: [Export], lasts: {{interval: month, count: 2}}", prices.free),
        ),
        (
            "plan_now",
            "plan_change",
            format!("choices: [{{price: {}}}], when: now, proration: none", prices.lite),
        ),
        ("plan_later", "plan_change", format!("choices: [{{price: {}}}], when: period_end", prices.lite)),
        (
            "plan_dearer",
            "plan_change",
            format!("choices: [{{price: {}}}], when: now, proration: always_invoice", prices.plus),
        ),
        (
            "plan_yearly",
            "plan_change",
            format!("choices: [{{price: {}}}], when: now, proration: create_prorations", prices.yearly),
        ),
        ("credit", "credit", format!("amount: {CREDIT}, currency: usd")),
        ("waiver", "waiver", "cap: {amount: 6000, currency: usd}".to_owned()),
        ("installments", "installments", "parts: 3, every: {interval: month, count: 1}".to_owned()),
    ];
    let each = |line: &dyn Fn(&(&str, &str, String)) -> String| offers.iter().map(line).collect::<String>();
    let reasons =
        each(&|(key, ..)| format!("  - {{key: {key}, label: {{en: {key}}}, stripe_feedback: other}}\n"));
    let terms = each(&|(key, kind, terms)| format!("  {key}: {{type: {kind}, terms: {{{terms}}}}}\n"));
    let rules = each(&|(key, ..)| format!("  - {{when: {{reasons: [{key}]}}, present: [{key}]}}\n"));
    format!(
        "key: default\nreasons:\n{reasons}offers:\n{terms}rules:\n{rules}policy:\n  cancel_now: true\n  budgets:\n    \
         - {{offer_types: [credit], per: month, amount: 900000000, currency: usd}}\n    \
         - {{offer_types: [discount, pause, trial_extension, waiver, installments], per: month, amount: 900000000, \
         currency: usd}}\n"
    )
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// What the subscription is like at first.
    shape: Shape,
    /// What the subscriber takes; nothing where they leave.
    pub(super) offer: Option<&'static str>,
    /// What is done.
    pub(super) act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shape {
    /// A month paid for.
    Paying,
    /// In a trial.
    Trialing,
    /// An invoice sent and not paid.
    Owing,
    /// Driven by a schedule.
    Scheduled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// The offer is accepted.
    Accept,
    /// The subscriber leaves, at this time.
    Cancel(&'static str),
    /// What was accepted is a pause, which the subscriber ends early.
    Resume,
    /// What was accepted are features whose time is over.
    Detach,
    /// What was accepted, or the cancellation where nothing was, is undone.
    Undo,
}

impl Act {
    /// For reports.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Cancel(_) => "cancel",
            Self::Resume => "resume",
            Self::Detach => "detach",
            Self::Undo => "undo",
        }
    }
}

const fn kind(shape: Shape, offer: &'static str, act: Act) -> Kind {
    Kind { shape, offer: Some(offer), act }
}

const fn leaving(shape: Shape, act: Act) -> Kind {
    Kind { shape, offer: None, act }
}

pub(super) const KINDS: &[Kind] = &[
    kind(Shape::Paying, "discount", Act::Accept),
    kind(Shape::Paying, "pause", Act::Accept),
    kind(Shape::Paying, "break", Act::Accept),
    kind(Shape::Paying, "trial_extension", Act::Accept),
    kind(Shape::Trialing, "trial_extension", Act::Accept),
    kind(Shape::Paying, "free_features", Act::Accept),
    kind(Shape::Paying, "plan_now", Act::Accept),
    kind(Shape::Paying, "plan_later", Act::Accept),
    kind(Shape::Paying, "plan_dearer", Act::Accept),
    kind(Shape::Paying, "plan_yearly", Act::Accept),
    kind(Shape::Paying, "credit", Act::Accept),
    kind(Shape::Owing, "waiver", Act::Accept),
    kind(Shape::Owing, "installments", Act::Accept),
    kind(Shape::Paying, "installments", Act::Accept),
    leaving(Shape::Paying, Act::Cancel("period_end")),
    leaving(Shape::Scheduled, Act::Cancel("period_end")),
    leaving(Shape::Owing, Act::Cancel("now")),
    kind(Shape::Paying, "pause", Act::Resume),
    kind(Shape::Paying, "break", Act::Resume),
    kind(Shape::Paying, "free_features", Act::Detach),
    kind(Shape::Paying, "discount", Act::Undo),
    kind(Shape::Paying, "pause", Act::Undo),
    kind(Shape::Paying, "break", Act::Undo),
    kind(Shape::Paying, "trial_extension", Act::Undo),
    kind(Shape::Paying, "free_features", Act::Undo),
    kind(Shape::Paying, "plan_now", Act::Undo),
    kind(Shape::Paying, "plan_later", Act::Undo),
    kind(Shape::Paying, "credit", Act::Undo),
    leaving(Shape::Paying, Act::Undo),
];

impl Kind {
    /// Somebody new whose subscription can take it.
    pub(super) fn subscriber(self, sandbox: &Sandbox) -> Subscriber {
        let price = sandbox.seed_price("Pro", 4900, "usd", "month").unwrap();
        let customer = sandbox.seed_customer("subscriber@example.com").unwrap();
        let mut params = vec![("customer", customer.as_str()), ("items[0][price]", price.as_str())];
        match self.shape {
            Shape::Paying | Shape::Scheduled => {}
            Shape::Trialing => params.push(("trial_period_days", "10")),
            Shape::Owing => params.extend([("collection_method", "send_invoice"), ("days_until_due", "30")]),
        }
        let subscription = sandbox.create("subscriptions", &params).unwrap();
        if self.shape == Shape::Owing {
            let latest = sandbox.object(&subscription).unwrap()["latest_invoice"].clone();
            let latest = latest.as_str().unwrap();
            if sandbox.object(latest).unwrap()["status"] == "draft" {
                sandbox.call("POST", &format!("/v1/invoices/{latest}/finalize"), &[]).unwrap();
            }
        }
        if self.shape == Shape::Scheduled {
            let of = [("from_subscription", subscription.as_str())];
            sandbox.create("subscription_schedules", &of).unwrap();
        }
        Subscriber { customer, subscription }
    }

    /// Whether this operation of the session, as the API shows it, is what the act comes to.
    pub(super) fn is_done_by(self, operation: &Value) -> bool {
        let effect = operation["effect"].as_str().unwrap();
        let undoes = operation.get("undoes").is_some_and(|of| !of.is_null());
        match self.act {
            Act::Accept | Act::Cancel(_) => !undoes && !matches!(effect, "detach_features" | "resume"),
            Act::Resume => effect == "resume",
            Act::Detach => effect == "detach_features",
            Act::Undo => undoes,
        }
    }

    /// The session's status where the operation has come to this state.
    pub(super) fn outcome(self, state: Option<&str>) -> &'static str {
        let left = self.offer.is_none();
        match (self.act, state) {
            // What was decided before stays.
            (Act::Detach | Act::Undo, _) | (_, Some("applied")) => {
                if left {
                    "canceled"
                } else {
                    "saved"
                }
            }
            _ => "in_progress",
        }
    }
}
