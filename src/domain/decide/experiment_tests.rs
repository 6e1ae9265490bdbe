//! Experiments in decisions.

use super::super::experiment::{Bandits, HOLDOUT};
use super::*;
use crate::domain::flow::{Format, parse};
use crate::domain::gather::{Sources, gather};
use crate::domain::ids::CustomerId;
use crate::domain::sample::{now, subscription};

const FLOW: &str = r#"
key: default
reasons: [{key: price, label: {en: Price}, stripe_feedback: too_expensive}]
segments: {dear: {attribute: subscription.mrr, gte: 5000}, cheap: {attribute: subscription.mrr, lt: 5000}}
offers:
  half: {type: discount, terms: {percent_off: 50, duration: once}}
  third: {type: discount, terms: {percent_off: 33, duration: once}}
  breather: {type: pause, terms: {choices: [{interval: month, count: 1}]}}
rules:
  - {when: {reasons: [price]}, present: [half, breather]}
  - {otherwise: true, present: [breather]}
experiments:
  depth:
    layer: offers
    segments: [dear]
    traffic: {to: 50}
    arms: {control: {}, less: {replace: {half: third}}}
  rank:
    layer: offers
    traffic: {from: 50}
    arms: {control: {}, rest: {order: [breather]}, holdout: {}}
  others: {segments: [cheap], arms: {control: {}, less: {replace: {half: third}}}}
"#;

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn words(keys: &[Key]) -> Vec<&str> {
    keys.iter().map(Key::as_str).collect()
}

struct Case {
    flow: CompiledFlow,
    subscription: Subscription,
    recorded: Vec<Exposure>,
}

impl Case {
    fn new(flow: &str) -> Self {
        let document = parse(flow, Format::Yaml).unwrap_or_else(|problems| panic!("{problems:#?}"));
        Self { flow: CompiledFlow::compile(document), subscription: subscription(), recorded: Vec::new() }
    }

    fn decide(&self, customer: u32, reason: Option<&str>) -> Decision {
        let customer: CustomerId = format!("customer-{customer}").parse().unwrap();
        let history = History::default();
        let known = Some((&self.subscription, now()));
        let facts = gather(
            &Sources { subscription: known, profile: None, token: None, history: &history, usage: None },
            now(),
        );
        let reason = reason.map(key);
        let input = Input {
            facts: &facts,
            subscription: &self.subscription,
            too_old: false,
            history: &history,
            reason: reason.as_ref(),
            answered: &[],
            bar: None,
            budgets_left: &BTreeMap::new(),
            prices: &crate::domain::price::Prices::default(),
            livemode: false,
            unit: Some(Unit { customer: &customer, recorded: &self.recorded, bandits: &Bandits::new() }),
            again: None,
            now: now(),
        };
        let decision = decide(&self.flow, &input);
        let trace = explain(&self.flow, &input);
        assert_eq!(trace.decision, decision);
        let written = serde_json::to_value(trace).unwrap();
        let experiments = written["experiments"].as_array().into_iter().flatten();
        let exposed = experiments.filter(|one| one["standing"] == "exposed");
        let arms: Vec<_> = exposed
            .map(|one| (key(one["experiment"].as_str().unwrap()), key(one["arm"].as_str().unwrap())))
            .collect();
        let decided = decision.experiments.iter().map(|one| &one.assignment);
        assert_eq!(arms, decided.map(|one| (one.experiment.clone(), one.arm.clone())).collect::<Vec<_>>());
        decision
    }
}

#[test]
fn arms_change_the_offers_and_one_layer_holds_nobody_twice() {
    let case = Case::new(FLOW);
    let mut seen = BTreeMap::new();
    for number in 0..400 {
        let decision = case.decide(number, Some("price"));
        let [exposure] = decision.experiments.as_slice() else { panic!("{:?}", decision.experiments) };
        let one = &exposure.assignment;
        let shown = match (one.experiment.as_str(), one.arm.as_str()) {
            (_, "control") => ["half", "breather"].as_slice(),
            ("depth", "less") => &["third", "breather"],
            ("rank", "rest") => &["breather", "half"],
            ("rank", "holdout") => &[],
            other => panic!("{other:?}"),
        };
        assert_eq!(words(&decision.offers), shown);
        if one.arm.as_str() == HOLDOUT {
            assert!(decision.left_out.iter().all(|left_out| left_out.code == "holdout"));
        }
        assert_eq!(case.decide(number, Some("price")), decision, "sticky");
        *seen.entry((one.experiment.to_string(), one.arm.to_string())).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn who_cannot_be_touched_by_any_arm_is_not_counted_and_who_can_is_counted_in_every_arm() {
    let mut case = Case::new(FLOW);
    for number in 0..200 {
        let silent = case.decide(number, None);
        // A rule that presents the pause alone differs for the holdout and nobody else.
        assert!(silent.experiments.iter().all(|one| one.assignment.experiment == key("rank")));
    }
    // Nothing can be taken by this subscription, in whatever arm; all the same it is counted.
    case.subscription.cancel_at_period_end = true;
    let exposed =
        (0..200).filter(|number| !case.decide(*number, Some("price")).experiments.is_empty()).count();
    assert_eq!(exposed, 200);
    assert!((0..200).all(|number| case.decide(number, Some("price")).offers.is_empty()));
}

#[test]
fn what_was_recorded_stays_when_shares_and_traffic_change() {
    let mut case = Case::new(FLOW);
    let first = case.decide(1, Some("price"));
    case.recorded = first.experiments.clone();
    let moved = FLOW
        .replace("traffic: {to: 50}", "traffic: {from: 99}")
        .replace("traffic: {from: 50}", "traffic: {to: 1}");
    case.flow = Case::new(&moved.replace("less: {", "less: {weight: 0, ")).flow;
    assert_eq!(case.decide(1, Some("price")).experiments, first.experiments);
    let gone = FLOW
        .replace("control: {}", "control: {weight: 0}")
        .replace("rest: {", "new: {")
        .replace("less: {", "other: {");
    case.flow = Case::new(&gone).flow;
    case.recorded[0].assignment.arm = key("rest");
    let again = case.decide(1, Some("price"));
    assert_ne!(again.experiments[0].assignment.arm, key("rest"), "an arm that is no more holds nobody");
}

#[test]
fn the_flows_holdout_is_the_holdout_of_each_experiment() {
    let case = Case::new(&FLOW.replace("experiments:", "holdout: {percent: 25}\nexperiments:"));
    let mut held = 0;
    for number in 0..400 {
        let decision = case.decide(number, Some("price"));
        let [of_flow, of_experiment] = decision.experiments.as_slice() else { panic!("{decision:?}") };
        assert_eq!(of_flow.assignment.experiment, key(HOLDOUT));
        let sum: u32 = of_experiment.shares.values().map(|share| share.millionths()).sum();
        assert_eq!(sum, 1_000_000);
        if of_flow.assignment.arm == key(HOLDOUT) {
            held += 1;
            assert_eq!(of_experiment.assignment.arm, key(HOLDOUT));
            assert!(decision.offers.is_empty());
        }
    }
    assert!((60..140).contains(&held), "{held}");
    assert!(case.decide(1, None).experiments.len() <= 2);
}
