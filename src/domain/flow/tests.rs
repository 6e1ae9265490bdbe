use super::*;

const DESIGN: &str = r#"
key: default
reasons:
  - {key: too_expensive, label: {en: It costs too much}, stripe_feedback: too_expensive}
  - {key: missing_feature, label: {en: Something is missing}, stripe_feedback: missing_features, follow_up: {en: What is missing?}}
segments:
  struggling: {any: [{attribute: customer.industry, in: [travel, hospitality]}, {attribute: subscription.past_due, eq: true}]}
  loyal:      {all: [{attribute: subscription.tenure_days, gte: 365}, {attribute: plan.interval, eq: month}]}
offers:
  half-off:   {type: discount, terms: {percent_off: 50, duration: repeating, duration_in_months: 3}, copy: {en: {headline: "Half price until {{discount_ends}}"}}}
  breather:   {type: pause, terms: {choices: [{interval: month, count: 1}, {interval: month, count: 3}]}}
rules:
  - {when: {segments: [struggling], reasons: [too_expensive]}, present: [half-off, breather]}
  - {otherwise: true, present: [breather]}
policy:
  max_offers: 2
  cooldown_days: {discount: 180}
  budgets: [{offer_types: [discount], per: month, amount: 500000, currency: usd}]
  margin_floor_percent: 20
"#;

fn yaml(text: &str) -> FlowDocument {
    parse(text, Format::Yaml).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn problems(text: &str) -> Vec<Problem> {
    parse(text, Format::Yaml).unwrap_err()
}

#[test]
fn the_example_of_the_design_reads_and_its_json_reads_the_same() {
    let document = yaml(DESIGN);
    assert_eq!(document.segments.len(), 2);
    let json = document.to_json().unwrap();
    let again = parse(&json, Format::Json).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(again, document);
    assert_eq!(again.to_json().unwrap(), json);
    CompiledFlow::compile(again);
}
