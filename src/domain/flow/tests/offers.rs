//! What offers are refused for: their terms and their texts.

use super::*;

#[test]
fn discounts_keep_to_what_stripe_takes() {
    let with = |terms: &str| {
        codes(&flow_with("{attribute: plan.name, eq: x}", &format!("{{type: discount, terms: {terms}}}")))
    };
    for (terms, code) in [
        ("{amount_off: 5, currency: usd, duration: forever}", "amount_off_forever"),
        ("{amount_off: 0, currency: usd, duration: once}", "out_of_range"),
        ("{amount_off: 5, duration: once}", "required"),
        ("{percent_off: 5, currency: usd, duration: once}", "invalid_discount"),
        ("{duration: once}", "invalid_discount"),
        ("{percent_off: 5, amount_off: 5, duration: once}", "invalid_discount"),
        ("{percent_off: 5, duration: once, duration_in_months: 2}", "invalid_discount"),
        ("{percent_off: 5, duration: repeating, duration_in_months: 37}", "out_of_range"),
        ("{percent_off: 12.345, duration: once}", "invalid_percent"),
        ("{percent_off: '5', duration: once}", "invalid_type"),
    ] {
        let found = with(terms);
        assert!(found.iter().any(|(_, found)| *found == code), "{terms}: {found:?}");
    }
}

#[test]
fn amounts_are_whole_positive_and_have_a_currency() {
    let with = |terms: &str| {
        codes(&flow_with("{attribute: plan.name, eq: x}", &format!("{{type: credit, terms: {terms}}}")))
    };
    for (terms, pointer, code) in [
        ("{amount: 0, currency: usd}", "amount", "out_of_range"),
        ("{amount: -5, currency: usd}", "amount", "out_of_range"),
        ("{amount: 12.5, currency: usd}", "amount", "out_of_range"),
        ("{amount: 100000000, currency: usd}", "amount", "out_of_range"),
        ("{amount: '5', currency: usd}", "amount", "invalid_type"),
        ("{currency: usd}", "amount", "required"),
        ("{amount: 5}", "currency", "required"),
        ("{amount: 5, currency: USD}", "currency", "invalid_currency"),
        ("{amount: 5, currency: usd, percent_off: 5}", "percent_off", "unknown_field"),
    ] {
        let found = with(terms);
        let named = |(at, found): &(String, &str)| at.ends_with(pointer) && *found == code;
        assert!(found.iter().any(named), "{terms}: {found:?}");
    }
}

#[test]
fn waivers_and_installments_name_the_field_that_is_wrong() {
    let with = |offer: &str| codes(&flow_with("{attribute: plan.name, eq: x}", offer));
    for (offer, pointer, code) in [
        ("{type: waiver, terms: {}}", "/terms/cap", "required"),
        ("{type: waiver, terms: {cap: 5}}", "/terms/cap", "invalid_type"),
        ("{type: waiver, terms: {cap: {amount: 0, currency: usd}}}", "/cap/amount", "out_of_range"),
        ("{type: waiver, terms: {cap: {amount: 5}}}", "/cap/currency", "required"),
        ("{type: waiver, terms: {cap: {amount: 5, currency: usd, x: 1}}}", "/cap/x", "unknown_field"),
        (
            "{type: waiver, terms: {cap: {amount: 5, currency: usd}, max_invoices: 13}}",
            "/max_invoices",
            "out_of_range",
        ),
        (
            "{type: installments, terms: {parts: 1, every: {interval: month, count: 1}}}",
            "/parts",
            "out_of_range",
        ),
        (
            "{type: installments, terms: {parts: 13, every: {interval: month, count: 1}}}",
            "/parts",
            "out_of_range",
        ),
        ("{type: installments, terms: {parts: 3}}", "/every", "required"),
        ("{type: installments, terms: {parts: 3, every: {interval: year, count: 1}}}", "/every", "too_long"),
    ] {
        let found = with(offer);
        let named = |(at, found): &(String, &str)| at.ends_with(pointer) && *found == code;
        assert!(found.iter().any(named), "{offer}: {found:?}");
    }
}

#[test]
fn templates_use_only_the_variables_that_the_offer_has() {
    let discount = |headline: &str, duration: &str| {
        let offer = format!(
            "{{type: discount, terms: {{percent_off: 5, {duration}}}, copy: {{en: {{headline: \"{headline}\"}}}}}}"
        );
        parse(&flow_with("{attribute: plan.name, eq: x}", &offer), Format::Yaml)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>()
    };
    let repeating = "duration: repeating, duration_in_months: 3";
    for (headline, terms, expected) in [
        ("Until {{ discount_ends }}", repeating, vec![]),
        ("Until {{ discount_ends }}", "duration: once", vec!["unknown_variable"]),
        (
            "{{ plan.name }} {{ percent_off }} {% if plan.amount %}{{plan.amount}}{% endif %}",
            "duration: once",
            vec![],
        ),
        (
            "{{ plan.colour }} {{ amount_off }}",
            "duration: once",
            vec!["unknown_variable", "unknown_variable"],
        ),
        ("{{ plan", "duration: once", vec!["invalid_template"]),
        ("{% for a in b %}x{% endfor %}", "duration: once", vec!["invalid_template"]),
        ("{{ 'x' * 100000000 }}", "duration: once", vec!["invalid_template"]),
        ("{{ plan.name|upper }}", "duration: once", vec!["invalid_template"]),
        ("{% set x = plan.name %}", "duration: once", vec!["invalid_template"]),
        ("50 % {off}", "duration: once", vec![]),
    ] {
        assert_eq!(discount(headline, terms), expected, "{headline}");
    }
}
