use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::domain::offer::Terms;
use crate::domain::preview::preview;
use crate::domain::sample::{now, subscription};

fn terms(offer_type: &str, terms: serde_json::Value) -> Terms {
    serde_json::from_value(json!({"type": offer_type, "terms": terms})).unwrap()
}

fn discount() -> Terms {
    terms("discount", json!({"percent_off": 12.5, "duration": "repeating", "duration_in_months": 3}))
}

fn custom() -> Terms {
    terms("custom", json!({}))
}

fn headline(terms: &Terms, template: &str, tag: &str) -> String {
    headline_for(terms, template, tag, &subscription().items[0].name, None)
}

fn headline_for(terms: &Terms, template: &str, tag: &str, plan: &str, customer: Option<&str>) -> String {
    let mut subscription = subscription();
    plan.clone_into(&mut subscription.items[0].name);
    let copy = CopyTemplate { headline: Some(template.to_owned()), ..CopyTemplate::default() };
    let preview = preview(terms, &subscription, now());
    let shown =
        Shown { terms, subscription: Some(&subscription), preview: &preview, customer_name: customer };
    let filled = Prepared::new(&copy, terms.offer_type()).fill_in(&shown, &Formatter::new(tag));
    filled.headline.to_string()
}

#[test]
fn variables_are_filled_in() {
    let pause = terms("pause", json!({"choices": [{"interval": "month", "count": 1}]}));
    let trial = terms("trial_extension", json!({"days": 14}));
    let credit = terms("credit", json!({"amount": 1500, "currency": "usd"}));
    for (terms, template, tag, text) in [
        (
            &discount(),
            "{{ percent_off }} % off until {{ discount_ends }}",
            "en",
            "12.5 % off until June 4, 2027",
        ),
        (&discount(), "{{ percent_off }} % bis {{ discount_ends }}", "de", "12,5 % bis 4. Juni 2027"),
        (
            &discount(),
            "{{plan.name}}: {{plan.amount}}, {{ current_period_end }}",
            "en",
            "Pro: 49.00 USD, March 18, 2027",
        ),
        (&pause, "Back on {{ resumes_at }}", "en-GB", "Back on 4 April 2027"),
        (&trial, "{{ days }} days, until {{ trial_end }}", "en", "14 days, until April 1, 2027"),
        (&credit, "{{ credit_amount }} for you", "en", "15.00 USD for you"),
    ] {
        assert_eq!(check(template, terms), Vec::new(), "{template}");
        assert_eq!(headline(terms, template, tag), text, "{template}");
    }
}

#[test]
fn counts_have_a_plural() {
    let template = "{{ duration_in_months }} {% if duration_in_months is one %}miesiąc{% elif duration_in_months is few %}miesiące{% else %}miesięcy{% endif %}";
    for (months, text) in [(1, "1 miesiąc"), (3, "3 miesiące"), (12, "12 miesięcy")] {
        let months = json!({"percent_off": 50, "duration": "repeating", "duration_in_months": months});
        let terms = terms("discount", months);
        assert_eq!(check(template, &terms), Vec::new());
        assert_eq!(headline(&terms, template, "pl"), text);
    }
    let trial = terms("trial_extension", json!({"days": 1}));
    assert_eq!(headline(&trial, "{% if days is not one %}days{% else %}day{% endif %}", "en"), "day");
}

#[test]
fn what_cannot_be_filled_in_gets_the_default_and_markup_stays_text() {
    assert_eq!(headline(&custom(), "{{ broken", "en"), "Before you go");
    assert_eq!(headline(&custom(), "Until {{ trial_end }}", "en"), "Before you go");
    assert_eq!(headline_for(&custom(), "Keep {{ plan.name }}!", "en", " \u{202E} ", None), "Before you go");
    assert_eq!(headline(&custom(), "{% if customer.name %}x{% endif %}", "en"), "Before you go");
    assert_eq!(headline(&custom(), "<b>{{ plan.name }}</b>", "en"), "<b>Pro</b>");
}

#[test]
fn a_customer_is_called_by_name_where_the_app_tells_it() {
    let template = "{% if customer.name %}{{ customer.name }}, stay{% else %}Stay{% endif %}";
    assert_eq!(check(template, &custom()), Vec::new());
    assert_eq!(headline_for(&custom(), template, "en", "Pro", Some("Zoë")), "Zoë, stay");
    assert_eq!(headline_for(&custom(), template, "en", "Pro", None), "Stay");
    let [(code, detail)] = &check("{{ customer.name }}, stay", &custom())[..] else { panic!() };
    assert_eq!(*code, "variable_may_be_missing");
    assert!(detail.contains("{% if customer.name %}"), "{detail}");
}

#[test]
fn a_name_is_text_whatever_it_says() {
    let shown = |plan: &str| headline_for(&custom(), "[{{ plan.name }}]", "en", plan, None);
    assert_eq!(shown("{{ plan.amount }}\u{202E}\n<i>"), "[{{ plan.amount }} <i>]");
    assert_eq!(shown("{% if plan.name %}"), "[{% if plan.name %}]");
    assert_eq!(shown("\u{2067}\u{0}'; DROP TABLE--\u{7f}"), "['; DROP TABLE--]");
    let long = headline_for(&custom(), &"{{ plan.name }}".repeat(100), "en", &"x".repeat(100_000), None);
    assert_eq!(long.chars().count(), 4_000);
}

#[test]
fn a_text_without_variables_is_only_handed_out() {
    let copy = CopyTemplate { headline: Some("Stay".to_owned()), ..CopyTemplate::default() };
    let (prepared, preview, terms) =
        (Prepared::new(&copy, custom().offer_type()), preview(&custom(), &subscription(), now()), custom());
    let shown = Shown { terms: &terms, subscription: None, preview: &preview, customer_name: None };
    let fill = || prepared.fill_in(&shown, &Formatter::new("en"));
    assert!(Arc::ptr_eq(&fill().headline, &fill().headline));
    assert!(Arc::ptr_eq(&fill().accept, &fill().accept));
    assert_eq!(&*fill().headline, "Stay");
}

#[test]
fn only_variables_conditions_and_plurals_are_taken() {
    for (template, code) in [
        ("{{ trial_end }}", "unknown_variable"),
        ("{{ plan }}", "unknown_variable"),
        ("{{ plan.name|upper }}", "invalid_template"),
        ("{{ 7 * 7 }}", "invalid_template"),
        ("{{ plan.name plan.amount }}", "invalid_template"),
        ("{{ }}", "invalid_template"),
        ("{% for x in plan %}{% endfor %}", "invalid_template"),
        ("{% if plan.name %}", "invalid_template"),
        ("{% if plan.name is one %}a{% endif %}", "invalid_template"),
        ("{% if duration_in_months is odd %}a{% endif %}", "invalid_template"),
        ("{% if duration_in_months is %}a{% endif %}", "invalid_template"),
        ("{% include plan.name %}", "invalid_template"),
    ] {
        let found = check(template, &discount());
        assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [code], "{template}");
    }
    for template in ["a } b { c", "{% if plan.name and not plan.amount %}a{%- endif -%}", "{# note #}a"] {
        assert_eq!(check(template, &discount()), Vec::new(), "{template}");
    }
}
