use proptest::prelude::*;

use super::*;
use crate::domain::facts::{Facts, Source, Value};

fn now() -> Timestamp {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn policy(key: &str, offers: OffersRule) -> JurisdictionPolicy {
    JurisdictionPolicy {
        key: key.parse().unwrap(),
        version: 3,
        offers,
        survey: SurveyRule::Optional,
        max_offer_screens: None,
        receipt: false,
        retention: None,
    }
}

fn facts(stated: &[(&'static str, &str)]) -> Facts {
    let mut facts = Facts::default();
    for (name, text) in stated {
        facts.state(*name, Value::Text((*text).to_owned()), Source::Stripe, now());
    }
    facts
}

fn names(place: &Place) -> Vec<String> {
    place.names().map(String::from).collect()
}

#[test]
fn a_place_is_read_however_it_was_written_and_stripe_goes_before_the_app() {
    let of = |stated: &[(&'static str, &str)]| names(&Place::of(&facts(stated)));
    assert_eq!(of(&[("subscription.country", "US"), ("subscription.state", "California")]), ["US-CA", "US"]);
    assert_eq!(of(&[("subscription.country", "us"), ("subscription.state", " us-mn ")]), ["US-MN", "US"]);
    assert_eq!(of(&[("subscription.country", "US"), ("subscription.state", "somewhere")]), ["US"]);
    assert_eq!(of(&[("customer.country", "DE")]), ["DE", "EU"]);
    assert_eq!(of(&[("customer.country", "UK")]), ["GB"]);
    assert_eq!(of(&[("customer.state", "CA")]), [""; 0]);
    let both = [("subscription.country", "DE"), ("customer.country", "US"), ("customer.state", "CA")];
    assert_eq!(of(&both), ["DE", "EU"]);
    assert_eq!(of(&[("subscription.country", "US"), ("customer.state", "NY")]), ["US-NY", "US"]);
    assert_eq!(of(&[]), [""; 0]);
}

#[test]
fn names_of_places() {
    for good in ["US", "US-CA", "EU", "GB-SCT", "DE"] {
        assert!(good.parse::<PlaceName>().is_ok(), "{good}");
    }
    for bad in ["", "us", "USA", "US-", "US-CALI", "EU-DE", "U", "US CA", "UK"] {
        assert!(bad.parse::<PlaceName>().is_err(), "{bad}");
    }
}

#[test]
fn what_bars_offers() {
    let bar = |offers, permission, screens| {
        let policy = JurisdictionPolicy { max_offer_screens: Some(2), ..policy("own", offers) };
        let jurisdiction =
            Jurisdiction { permission, screens, ..Jurisdiction::new(policy, Place::default()) };
        jurisdiction.bar().map(|bar| bar.code())
    };
    use OffersRule::{Allowed, NotBeforeCancel, WithPermission};
    use Permission::{Granted, Needed, NotNeeded, Refused};
    assert_eq!(bar(Allowed, NotNeeded, 1), None);
    assert_eq!(bar(Allowed, NotNeeded, 2), Some("over_max_offer_screens"));
    assert_eq!(bar(WithPermission, NotNeeded, 0), Some("permission_needed"));
    assert_eq!(bar(WithPermission, Needed, 0), Some("permission_needed"));
    assert_eq!(bar(WithPermission, Refused, 0), Some("permission_refused"));
    assert_eq!(bar(WithPermission, Granted, 0), None);
    assert_eq!(bar(WithPermission, Granted, 2), Some("over_max_offer_screens"));
    assert_eq!(bar(NotBeforeCancel, Granted, 0), Some("not_permitted_here"));
}

#[test]
fn evidence_is_kept_for_the_longer_of_both_spans() {
    let retention = Retention { years: 3, years_after_end: 1 };
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    assert!(retention.holds(now(), Some(now()), at("2030-03-01T11:59:59Z")));
    assert!(!retention.holds(now(), Some(now()), at("2030-03-01T12:00:00Z")));
    let end = at("2031-06-01T00:00:00Z");
    assert!(retention.holds(now(), Some(end), at("2032-05-31T23:59:59Z")));
    assert!(!retention.holds(now(), Some(end), at("2032-06-01T00:00:00Z")));
    assert!(retention.holds(now(), None, at("2050-01-01T00:00:00Z")), "the contract goes on");
    assert!(!Retention { years: 1, years_after_end: 0 }.holds(now(), None, at("2028-03-01T12:00:00Z")));
}

fn policies() -> impl Strategy<Value = JurisdictionPolicy> {
    let retention =
        (1..30_u16, 0..30_u16).prop_map(|(years, years_after_end)| Retention { years, years_after_end });
    let offers = prop::sample::select(OffersRule::VARIANTS.to_vec());
    let survey = prop::sample::select(SurveyRule::VARIANTS.to_vec());
    (offers, survey, prop::option::of(1..20_u8), any::<bool>(), prop::option::of(retention)).prop_map(
        |(offers, survey, max_offer_screens, receipt, retention)| JurisdictionPolicy {
            survey,
            max_offer_screens,
            receipt,
            retention,
            ..policy("any", offers)
        },
    )
}

proptest! {
    /// Whatever one of two policies forbids is forbidden by both together, in whichever order.
    #[test]
    fn both_together_are_as_strict_as_each(one in policies(), other in policies()) {
        let both = one.clone().and(&other);
        prop_assert_eq!(&both, &other.clone().and(&one));
        for each in [&one, &other] {
            prop_assert!(both.offers >= each.offers && both.survey >= each.survey && both.receipt >= each.receipt);
            let most = each.max_offer_screens.unwrap_or(u8::MAX);
            prop_assert!(both.max_offer_screens.unwrap_or(u8::MAX) <= most);
            if let Some(wanted) = each.retention {
                let kept = both.retention.unwrap();
                prop_assert!(kept.years >= wanted.years && kept.years_after_end >= wanted.years_after_end);
            }
        }
    }
}
