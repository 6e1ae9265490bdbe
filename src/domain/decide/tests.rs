use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::domain::facts::{Source, Value};
use crate::domain::flow::arbitrary::documents;
use crate::domain::flow::{Format, parse};
use crate::domain::gather::{Sources, gather};
use crate::domain::jurisdiction::BarRule;
use crate::domain::offer::OfferType;
use crate::domain::price::Prices;
use crate::domain::sample::{now, subscription};

const FLOW: &str = r#"
key: default
reasons:
  - {key: price, label: {en: Price}, stripe_feedback: too_expensive}
  - {key: other, label: {en: Other}, stripe_feedback: other}
segments:
  loyal: {attribute: subscription.tenure_days, gte: 365}
  travel: {attribute: customer.industry, eq: travel}
offers:
  half: {type: discount, terms: {percent_off: 50, duration: repeating, duration_in_months: 3}}
  breather: {type: pause, terms: {choices: [{interval: month, count: 1}]}}
  talk: {type: contact, terms: {url: "mailto:help@example.com"}}
  more: {type: redirect, terms: {url: "https://example.com"}}
rules:
  - {when: {segments: [travel], reasons: [price]}, present: [talk]}
  - {when: {segments: [travel, loyal], reasons: [price]}, present: [half, breather, talk]}
  - {otherwise: true, present: [breather, talk, more]}
policy:
  cooldown_days: {discount: 180}
  budgets: [{offer_types: [discount], per: month, amount: 20000, currency: usd}]
  margin_floor_percent: 20
"#;

/// Everything that a decision is made from, owned.
struct Case {
    flow: CompiledFlow,
    facts: Facts,
    subscription: Subscription,
    too_old: bool,
    history: History,
    reason: Option<Key>,
    answered: Vec<Key>,
    budgets_left: BTreeMap<String, i64>,
    prices: Prices,
}

impl Case {
    fn new(reason: Option<&str>) -> Self {
        let flow = CompiledFlow::compile(parse(FLOW, Format::Yaml).unwrap());
        let (subscription, history) = (subscription(), History::default());
        let known = Some((&subscription, now()));
        let sources =
            Sources { subscription: known, profile: None, token: None, history: &history, usage: None };
        let facts = gather(&sources, now());
        let reason = reason.map(key);
        Self {
            flow,
            facts,
            subscription,
            too_old: false,
            history,
            reason,
            answered: Vec::new(),
            budgets_left: BTreeMap::new(),
            prices: Prices::default(),
        }
    }

    fn input(&self) -> Input<'_> {
        Input {
            facts: &self.facts,
            subscription: &self.subscription,
            too_old: self.too_old,
            history: &self.history,
            reason: self.reason.as_ref(),
            answered: &self.answered,
            bar: None,
            budgets_left: &self.budgets_left,
            unit: None,
            prices: &self.prices,
            livemode: false,
            again: None,
            now: now(),
        }
    }

    /// The trace, as it is written.
    fn trace(&self) -> Json {
        serde_json::to_value(explain(&self.flow, &self.input())).unwrap()
    }

    fn decide(&self) -> Decision {
        let trace = explain(&self.flow, &self.input());
        let decision = decide(&self.flow, &self.input());
        assert_eq!(trace.decision, decision);
        let written = serde_json::to_value(trace).unwrap();
        let segments = written["segments"].as_array().unwrap().iter();
        let held: Vec<_> = segments
            .filter(|one| one["holds"] == true)
            .map(|one| key(one["segment"].as_str().unwrap()))
            .collect();
        assert_eq!(held, decision.segments);
        decision
    }

    /// Why the decision leaves out `half`.
    fn half(&self) -> Option<String> {
        let left_out = self.decide().left_out;
        left_out
            .into_iter()
            .find(|left_out| left_out.offer == key("half"))
            .map(|left_out| left_out.code.into_owned())
    }
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn keys(texts: &[&str]) -> Vec<Key> {
    texts.iter().copied().map(key).collect()
}

#[test]
fn before_a_reason_is_given_rules_for_reasons_do_not_match() {
    let decision = Case::new(None).decide();
    assert_eq!(decision.rule, Some(2));
    assert_eq!(decision.offers, keys(&["breather", "talk"]));
    assert_eq!(decision.left_out[0].offer, key("more"));
    assert_eq!(decision.left_out[0].code, "over_max_offers");
    assert_eq!(decision.segments, keys(&["loyal"]));
}

#[test]
fn one_of_a_rules_segments_is_enough_and_the_first_rule_counts() {
    let mut case = Case::new(Some("price"));
    assert_eq!(case.decide().rule, Some(1));
    assert_eq!(case.decide().offers, keys(&["half", "breather"]));
    case.facts.state("customer.industry", Value::Text("travel".into()), Source::Token, now());
    assert_eq!(case.decide().rule, Some(0));
    assert_eq!(case.trace()["rules"][1]["why"], "an earlier rule counts");
}

#[test]
fn answered_offers_make_room_for_the_next() {
    let mut case = Case::new(Some("price"));
    case.answered = keys(&["half"]);
    assert_eq!(case.decide().offers, keys(&["breather", "talk"]));
    assert_eq!(case.half().as_deref(), Some("already_answered"));
}

#[test]
fn a_cooldown_holds_to_its_last_moment() {
    let mut case = Case::new(Some("price"));
    let before = |days: i64| now() - jiff::SignedDuration::from_hours(24 * days);
    case.history.accepted =
        vec![(OfferType::Discount, key("half"), before(180) + jiff::SignedDuration::from_secs(1))];
    assert_eq!(case.half().as_deref(), Some("cooldown"));
    case.history.accepted = vec![(OfferType::Discount, key("half"), before(180))];
    assert_eq!(case.half(), None);
    case.history.accepted = vec![(OfferType::Pause, key("breather"), before(1))];
    assert_eq!(case.half(), None);
}

#[test]
fn a_budget_must_hold_what_the_offer_may_cost() {
    let mut case = Case::new(Some("price"));
    // Three invoices of 98.00, half of each.
    for (left, code) in [(14_700, None), (14_699, Some("budget_exhausted"))] {
        case.budgets_left.insert("discount/month/usd".into(), left);
        assert_eq!(case.half().as_deref(), code);
    }
    case.subscription.currency = "eur".parse().unwrap();
    assert_eq!(case.half(), None, "a budget in dollars does not hold subscriptions in euros");
}

#[test]
fn the_margin_floor_is_kept_where_the_cost_is_known() {
    let mut case = Case::new(Some("price"));
    assert_eq!(case.half(), None);
    let skipped = case.trace();
    let named = |list: &Json, member: &str, name: &str| {
        list.as_array().unwrap().iter().find(|one| one[member] == name).unwrap().clone()
    };
    let half = named(&skipped["offers"], "offer", "half");
    assert_eq!(named(&half["guards"], "guard", "margin_floor")["outcome"], "skipped");
    // Half of 98.00 is 49.00, of which a fifth must be left.
    for (serving, code) in [(3_920, None), (3_921, Some("below_margin_floor"))] {
        case.facts.state("customer.cost_to_serve", Value::Number(serving.into()), Source::Profile, now());
        assert_eq!(case.half().as_deref(), code);
    }
}

#[test]
fn what_billing_cannot_take_is_not_presented() {
    let mut case = Case::new(Some("price"));
    case.subscription.cancel_at_period_end = true;
    let decision = case.decide();
    assert_eq!(decision.offers, keys(&["talk"]));
    assert_eq!(
        decision.left_out.iter().map(|l| l.code.as_ref()).collect::<Vec<_>>(),
        ["cancel_scheduled"; 2]
    );
}

#[test]
fn a_trace_names_fact_source_and_age() {
    let mut case = Case::new(Some("other"));
    let yesterday = now() - jiff::SignedDuration::from_hours(24);
    case.facts.state("customer.industry", Value::Text("bank".into()), Source::Profile, yesterday);
    let json = case.trace();
    let travel = &json["segments"][1]["condition"];
    assert_eq!(travel["result"], "false");
    assert_eq!(travel["operator"], "eq");
    assert_eq!(travel["constant"], "travel");
    assert_eq!(travel["fact"]["source"], "profile");
    assert_eq!(travel["fact"]["age_seconds"], 86_400);
    assert_eq!(json["rules"][1]["why"], "it is not for the reason `other`");
}

#[test]
fn a_picture_too_old_leaves_what_asks_nothing_of_billing() {
    let mut case = Case::new(None);
    case.too_old = true;
    let decision = decide(&case.flow, &case.input());
    assert_eq!(decision.offers, [key("talk"), key("more")]);
    let left_out: Vec<_> = decision.left_out.iter().map(|out| (out.offer.as_str(), &*out.code)).collect();
    assert_eq!(left_out, [("breather", "stale_snapshot")]);
}

#[test]
fn without_billing_what_asks_nothing_of_it_is_offered_and_the_app_is_believed() {
    let mut case = Case::new(Some("price"));
    case.facts = Facts::default();
    let decide = |case: &Case| {
        let Case { facts, history, answered, .. } = case;
        let reason = case.reason.as_ref();
        let bar = None;
        decide_unseen(&case.flow, &Unseen { facts, history, reason, answered, bar, unit: None, now: now() })
    };
    let decision = decide(&case);
    assert_eq!(decision.offers, [key("talk"), key("more")]);
    assert_eq!(decision.left_out[0].code, "subscription_unknown");
    case.facts.state("customer.industry", Value::Text("travel".into()), Source::Profile, now());
    assert_eq!(decide(&case).offers, [key("talk")]);
    let barred = Bar { policy: key("own"), version: 1, rule: BarRule::NotBeforeCancel };
    let Case { flow, facts, history, answered, .. } = &case;
    let unseen =
        Unseen { facts, history, reason: None, answered, bar: Some(&barred), unit: None, now: now() };
    assert!(decide_unseen(flow, &unseen).offers.is_empty());
    case.answered.push(key("talk"));
    assert_eq!(decide(&case).left_out[0].code, "already_answered");
}

#[test]
fn segments_name_others_tiers_and_tags_and_the_trace_shows_each() {
    let flow = FLOW
        .replace("segments:\n", "tiers: {attribute: subscription.mrr, bands: [{key: low, from: 0}, {key: high, from: 4000}]}\nsegments:\n  prized: {condition: {all: [{segment: loyal}, {tier: high}]}, tags: [dear]}\n")
        .replace("{segments: [travel], reasons: [price]}", "{segment_tags: [dear], reasons: [price]}");
    let mut case = Case::new(Some("price"));
    case.flow = CompiledFlow::compile(parse(&flow, Format::Yaml).unwrap());
    let decision = case.decide();
    assert_eq!((decision.rule, decision.segments), (Some(0), keys(&["loyal", "prized"])));
    let trace = case.trace();
    let prized = &trace["segments"][1]["condition"];
    assert_eq!(prized["parts"][0], serde_json::json!({"kind": "segment", "segment": "loyal", "holds": true}));
    let tier = &prized["parts"][1];
    assert_eq!(
        (&tier["tier"], &tier["found"], &tier["holds"]),
        (&"high".into(), &"high".into(), &true.into())
    );
    assert_eq!(tier["fact"]["attribute"], "subscription.mrr");
}

#[test]
fn the_first_route_that_fits_counts() {
    let flow = FLOW.replace(
        "rules:",
        "routes: [{when: {segments: [travel]}, flow: trips}, {when: {segments: [travel, loyal]}, flow: friends}]\nrules:",
    );
    let flow = CompiledFlow::compile(parse(&flow, Format::Yaml).unwrap());
    let mut case = Case::new(None);
    assert_eq!(flow.route(&case.facts, now()), Some((1, keys(&["loyal"]))));
    case.facts.state("customer.industry", Value::Text("travel".into()), Source::Token, now());
    assert_eq!(flow.route(&case.facts, now()), Some((0, keys(&["travel"]))));
    assert_eq!(case.flow.route(&case.facts, now()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever can be published decides without a panic, says the same when it explains, and keeps to its policy.
    #[test]
    fn whatever_validates_decides(document in documents(), reason in 0..3_usize) {
        let Ok(document) = parse(&document.to_string(), Format::Json) else { return Ok(()) };
        let (most, reason) = (document.policy.max_offers, document.reasons.get(reason));
        let reason = reason.map(|reason| reason.key.to_string());
        let case = Case { flow: CompiledFlow::compile(document), ..Case::new(reason.as_deref()) };
        let decision = case.decide();
        prop_assert!(decision.offers.len() <= usize::from(most));
        let Input { facts, history, reason, answered, now, .. } = case.input();
        let unseen = Unseen { facts, history, reason, answered, unit: None, bar: None, now };
        prop_assert!(decide_unseen(&case.flow, &unseen).offers.len() <= usize::from(most));
        let _ = (case.flow.route(facts, now), case.flow.signals(facts, now));
    }
}
