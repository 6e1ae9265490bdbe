//! Rules by place: how they are read, which govern whom, and what each preset allows and refuses.

use super::*;
use crate::domain::jurisdiction::{Jurisdiction, Permission, Place, SurveyRule};

fn flow(jurisdictions: &str) -> String {
    format!("key: k\nrules: [{{otherwise: true, present: []}}]\npolicy: {{jurisdictions: {jurisdictions}}}\n")
}

/// A session of a preset: whether the subscriber gave permission, how many screens there were, and the code by which
/// offers are refused; none where they are allowed.
type Case = (&'static str, Permission, u8, Option<&'static str>);

const CASES: [Case; 19] = [
    ("california", Permission::NotNeeded, 0, None),
    ("california", Permission::NotNeeded, 9, None),
    ("minnesota", Permission::NotNeeded, 0, Some("permission_needed")),
    ("minnesota", Permission::Needed, 0, Some("permission_needed")),
    ("minnesota", Permission::Granted, 0, None),
    ("minnesota", Permission::Granted, 9, None),
    ("minnesota", Permission::Refused, 0, Some("permission_refused")),
    ("new_york", Permission::NotNeeded, 0, None),
    ("new_york", Permission::NotNeeded, 9, None),
    ("us_other", Permission::NotNeeded, 0, None),
    ("us_other", Permission::NotNeeded, 1, None),
    ("us_other", Permission::NotNeeded, 2, Some("over_max_offer_screens")),
    ("germany", Permission::NotNeeded, 0, Some("not_permitted_here")),
    ("germany", Permission::Granted, 0, Some("not_permitted_here")),
    ("eu", Permission::NotNeeded, 0, None),
    ("eu", Permission::NotNeeded, 9, None),
    ("uk", Permission::NotNeeded, 0, None),
    ("none", Permission::NotNeeded, 0, None),
    ("none", Permission::NotNeeded, 9, None),
];

#[test]
fn each_preset_allows_and_refuses_what_it_says() {
    for (key, permission, screens, refused) in CASES {
        let policy = preset(&key.parse().unwrap()).unwrap().policy.clone();
        let session = Jurisdiction { permission, screens, ..Jurisdiction::new(policy, Place::default()) };
        assert_eq!(session.bar().map(|bar| bar.code()), refused, "{key} {permission:?} {screens}");
        assert_eq!(session.shows_survey(), key != "germany", "{key}");
    }
    for preset in presets() {
        let key = preset.policy.key.as_str();
        assert!(CASES.iter().any(|case| case.0 == key), "{key} has no case");
        assert_eq!(preset.policy.receipt, ["germany", "eu"].contains(&key), "{key}");
        assert_eq!(preset.policy.retention.is_some(), key == "california", "{key}");
    }
}

#[test]
fn rules_by_place_are_read_written_and_compared() {
    let own = "{key: own, version: 2, offers: not_before_cancel, survey: not_before_cancel, max_offer_screens: 3, \
        receipt: true, retention: {years: 3, years_after_end: 1}}";
    let text = flow(&format!(
        "{{default: us_other, unknown_place: strictest, places: {{US-CA: california, CH: {own}}}}}"
    ));
    let document = yaml(&text);
    let json = document.to_json().unwrap();
    assert_eq!(parse(&json, Format::Json).unwrap(), document);
    assert!(json.contains(r#""US-CA":"california""#), "{json}");
    let other = yaml(&flow("{default: eu, unknown_place: strictest, places: {US-CA: california}}"));
    let pointers: Vec<_> = diff(&document, &other).into_iter().map(|change| change.pointer).collect();
    assert_eq!(pointers, ["/policy/jurisdictions/default", "/policy/jurisdictions/places/CH"]);
    let bare = yaml(&flow("{}")).policy.jurisdictions.unwrap();
    assert_eq!((bare.default.policy().key.as_str(), bare.unknown_place), ("none", UnknownPlace::Default));
}

#[test]
fn every_problem_with_rules_by_place_is_found() {
    let text = flow(
        "{default: nowhere, unknown_place: guess, places: {us: eu, UK: uk, EU-DE: eu, FR: {key: eu, version: 1}, \
         DE: {key: own, version: 0, offers: never, max_offer_screens: 0, retention: {years: 0}, exit: false}}}",
    );
    let found = codes(&text);
    let at = |pointer: &str| format!("/policy/jurisdictions{pointer}");
    for (pointer, code) in [
        ("/default", "unknown_policy"),
        ("/unknown_place", "unknown_value"),
        ("/places/us", "invalid_place"),
        ("/places/UK", "invalid_place"),
        ("/places/EU-DE", "invalid_place"),
        ("/places/FR", "duplicate_policy"),
        ("/places/DE/version", "out_of_range"),
        ("/places/DE/offers", "unknown_value"),
        ("/places/DE/max_offer_screens", "out_of_range"),
        ("/places/DE/retention/years", "out_of_range"),
        ("/places/DE/exit", "unknown_field"),
    ] {
        assert!(found.contains(&(at(pointer), code)), "{pointer} {code} in {found:#?}");
    }
}

#[test]
fn the_closest_place_counts_and_an_unknown_one_has_all_rules_together_where_wanted() {
    let places = "{US: us_other, US-MN: minnesota, US-CA: california, EU: eu, DE: germany}";
    let governing = |unknown: &str, country: &str, state: &str| {
        let flow = yaml(&flow(&format!("{{unknown_place: {unknown}, places: {places}}}")));
        let state = (!state.is_empty()).then_some(state);
        let place = Place::new((!country.is_empty()).then_some(country), state);
        flow.jurisdiction(place).unwrap().policy
    };
    for (country, state, key) in [
        ("US", "MN", "minnesota"),
        ("US", "TX", "us_other"),
        ("US", "", "us_other"),
        ("DE", "", "germany"),
        ("FR", "", "eu"),
        ("JP", "", "none"),
        ("", "", "none"),
    ] {
        assert_eq!(governing("default", country, state).key.as_str(), key, "{country} {state}");
    }
    let some_state = governing("strictest", "US", "");
    assert_eq!(some_state.offers, crate::domain::jurisdiction::OffersRule::WithPermission);
    assert_eq!((some_state.survey, some_state.max_offer_screens), (SurveyRule::Optional, Some(2)));
    assert!(some_state.retention.is_some(), "as California wants it");
    let nowhere = governing("strictest", "", "");
    assert_eq!((nowhere.survey, nowhere.receipt), (SurveyRule::NotBeforeCancel, true));
    assert_eq!(governing("strictest", "US", "TX").key.as_str(), "us_other");
}
