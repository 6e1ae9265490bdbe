//! What the law of a place lets a session show, over HTTP: every preset, every rule, and the evidence that is kept.

use counteroffer::domain::evidence::What;
use counteroffer::domain::session::Session;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};
use counteroffer::services::keys::Role;

/// A flow that offers to everybody, with the rules of every preset.
const FLOW: &str = r#"
key: default
reasons:
  - {key: price, label: {en: Price}, stripe_feedback: too_expensive}
  - {key: other, label: {en: Other}, stripe_feedback: other}
offers:
  half: {type: discount, terms: {percent_off: 50, duration: once}}
  rest: {type: pause, terms: {choices: [{interval: month, count: 1}]}}
  talk: {type: contact, terms: {url: "mailto:help@example.com"}}
rules:
  - {when: {reasons: [price]}, present: [half]}
  - {when: {reasons: [other]}, present: [talk]}
  - {otherwise: true, present: [rest]}
policy:
  jurisdictions:
    default: none
    unknown_place: UNKNOWN
    places:
      US: us_other
      US-CA: california
      US-MN: minnesota
      US-NY: new_york
      EU: eu
      DE: germany
      GB: uk
      CH: {key: one-screen, version: 7, max_offer_screens: 1, retention: {years: 2}}
"#;

async fn publish(test: &TestApp, unknown: &str) {
    test.publish(&FLOW.replace("UNKNOWN", unknown)).await;
}

/// A subscriber whose billing address in Stripe is there.
pub(crate) fn living_in(test: &TestApp, country: &str, state: &str) -> Subscriber {
    let who = test.subscriber();
    let mut address = vec![("address[country]", country)];
    if !state.is_empty() {
        address.push(("address[state]", state));
    }
    if !country.is_empty() {
        test.sandbox.call("POST", &format!("/v1/customers/{}", who.customer), &address).unwrap();
    }
    who
}

async fn session(test: &TestApp, answer: &Answer) -> Session {
    let id = answer.text_at("/id").parse().unwrap();
    test.app.store.session(id).await.unwrap().unwrap().session
}

async fn cancel(test: &TestApp, who: &Subscriber, session: &Answer) {
    let canceled = test.act(who, session, "cancel", json!({})).await.expect(200);
    assert_eq!(canceled.body["status"], "canceled");
}

/// What a session must look like when it begins: the place, the policy, the step, the offers, the survey's reasons.
const BEGINS: [(&str, &str, &str, &str, &[&str], usize); 10] = [
    ("US", "CA", "california", "offer", &["rest"], 2),
    ("US", "California", "california", "offer", &["rest"], 2),
    ("US", "MN", "minnesota", "permission", &[], 2),
    ("US", "NY", "new_york", "offer", &["rest"], 2),
    ("US", "TX", "us_other", "offer", &["rest"], 2),
    ("DE", "BE", "germany", "confirm", &[], 0),
    ("FR", "", "eu", "offer", &["rest"], 2),
    ("GB", "", "uk", "offer", &["rest"], 2),
    ("JP", "", "none", "offer", &["rest"], 2),
    ("", "", "none", "offer", &["rest"], 2),
];

#[tokio::test]
async fn each_place_has_its_rules_and_the_way_out_is_always_there() {
    on_every_database(async |test| {
        publish(&test, "default").await;
        for (country, state, policy, step, offers, reasons) in BEGINS {
            let who = living_in(&test, country, state);
            let begun = test.begin(&who, None).await.expect(201);
            let place = format!("{country} {state}");
            assert_eq!(begun.text_at("/compliance/policy"), policy, "{place}");
            assert_eq!(begun.body["compliance"]["exit_visible"], true, "{place}");
            assert_eq!(begun.body["survey"]["required"], false, "{place}");
            assert_eq!((begun.text_at("/step"), begun.presented()), (step, offers.to_vec()), "{place}");
            assert_eq!(begun.body["survey"]["reasons"].as_array().unwrap().len(), reasons, "{place}");
            assert!(begun.body["actions"].as_array().unwrap().contains(&json!("cancel")), "{place}");
            cancel(&test, &who, &begun).await;
            assert!(session(&test, &begun).await.evidence.is_sound(), "{place}");
        }
        test
    })
    .await;
}

#[tokio::test]
async fn with_permission_offers_come_and_without_it_none_and_it_is_asked_once() {
    on_every_database(async |test| {
        publish(&test, "default").await;
        for granted in [true, false] {
            let who = living_in(&test, "US", "MN");
            let begun = test.begin(&who, None).await.expect(201);
            assert_eq!(begun.body["compliance"]["permission"], "needed");
            assert_eq!(begun.body["actions"], json!(["answer", "permission", "keep", "cancel"]));
            let answered = test.act(&who, &begun, "answers", json!({"reason": "price"})).await.expect(200);
            assert_eq!((answered.text_at("/step"), answered.presented().len()), ("permission", 0));
            let said = test.act(&who, &begun, "permission", json!({"granted": granted})).await.expect(200);
            let again = test.act(&who, &begun, "permission", json!({"granted": true})).await.expect(409);
            assert_eq!(again.text_at("/code"), "permission_answered");
            if granted {
                assert_eq!((said.text_at("/step"), said.presented()), ("offer", vec!["half"]));
                assert_eq!(said.body["compliance"]["permission"], "granted");
            } else {
                assert_eq!((said.text_at("/step"), said.presented().len()), ("confirm", 0));
                assert_eq!(said.body["compliance"]["permission"], "refused");
                let other = test.act(&who, &begun, "answers", json!({"reason": "other"})).await.expect(200);
                assert_eq!((other.text_at("/step"), other.presented().len()), ("confirm", 0));
            }
            let key = test.key(Role::Analyst).await;
            let path = format!("/v1/sessions/{}/explanation", begun.text_at("/id"));
            let explained = test.get(&path, &key).await.expect(200);
            let left_out = &explained.body["decisions"][0]["decision"]["left_out"][0];
            assert_eq!(
                (&left_out["offer"], &left_out["code"]),
                (&json!("rest"), &json!("permission_needed"))
            );
            assert!(left_out["detail"].as_str().unwrap().contains("`minnesota`, version 1"));
            cancel(&test, &who, &begun).await;
        }
        let who = living_in(&test, "US", "CA");
        let begun = test.begin(&who, None).await.expect(201);
        let needless = test.act(&who, &begun, "permission", json!({"granted": true})).await.expect(409);
        assert_eq!(needless.text_at("/code"), "permission_not_needed");
        test
    })
    .await;
}

#[tokio::test]
async fn where_offers_wait_for_the_cancellation_there_are_none_and_no_survey() {
    on_every_database(async |test| {
        publish(&test, "default").await;
        let who = living_in(&test, "DE", "");
        let begun = test.begin(&who, Some("price")).await.expect(201);
        assert_eq!((begun.text_at("/step"), begun.presented().len()), ("confirm", 0));
        assert_eq!(begun.body["actions"], json!(["keep", "cancel"]));
        assert_eq!(begun.body["compliance"]["receipt_required"], true);
        let refused = test.act(&who, &begun, "answers", json!({"reason": "other"})).await.expect(409);
        assert_eq!(refused.text_at("/code"), "survey_not_permitted");
        let key = test.key(Role::Analyst).await;
        let path = format!("/v1/sessions/{}/explanation", begun.text_at("/id"));
        let explained = test.get(&path, &key).await.expect(200);
        let decision = &explained.body["decisions"][0];
        assert_eq!(decision["decision"]["left_out"][0]["code"], "not_permitted_here");
        let guards = decision["trace"]["offers"][0]["guards"].as_array().unwrap();
        assert_eq!(guards.last().unwrap()["guard"], "jurisdiction");
        assert_eq!(guards.last().unwrap()["outcome"], "failed");
        cancel(&test, &who, &begun).await;
        test
    })
    .await;
}

#[tokio::test]
async fn a_number_of_screens_is_not_exceeded() {
    on_every_database(async |test| {
        publish(&test, "default").await;
        for (country, most) in [("US", 2), ("CH", 1), ("JP", 3)] {
            let who = living_in(&test, country, "");
            let begun = test.begin(&who, None).await.expect(201);
            assert_eq!(begun.presented(), ["rest"]);
            for (screens, reason, offer) in [(2, "price", "half"), (3, "other", "talk")] {
                let next = test.act(&who, &begun, "answers", json!({"reason": reason})).await.expect(200);
                let wanted = if screens <= most { vec![offer] } else { Vec::new() };
                assert_eq!(next.presented(), wanted, "{country}");
            }
            let shown = session(&test, &begun).await.evidence;
            let screens = shown.entries().iter().filter(|e| matches!(e.what, What::Presented { .. })).count();
            assert_eq!(screens, most, "{country}");
            cancel(&test, &who, &begun).await;
        }
        test
    })
    .await;
}

#[tokio::test]
async fn an_unknown_place_has_the_default_or_all_rules_together() {
    on_every_database(async |test| {
        let begin = async |country: &str| {
            let who = living_in(&test, country, "");
            let begun = test.begin(&who, None).await.expect(201);
            test.act(&who, &begun, "keep", json!({})).await.expect(200);
            begun.body["compliance"].clone()
        };
        publish(&test, "default").await;
        assert_eq!(begin("").await["policy"], "none");
        assert_eq!(begin("US").await["policy"], "us_other");
        publish(&test, "strictest").await;
        let nowhere = begin("").await;
        assert_eq!(nowhere["policy"], "strictest");
        assert_eq!(nowhere["offers"], "not_before_cancel");
        let some_state = begin("US").await;
        assert_eq!(
            (&some_state["policy"], &some_state["offers"]),
            (&json!("strictest"), &json!("with_permission"))
        );
        assert_eq!(begin("JP").await["policy"], "none");
        test
    })
    .await;
}

#[tokio::test]
async fn the_profile_says_where_stripe_does_not_know_it_and_a_request_says_nothing() {
    on_every_database(async |test| {
        publish(&test, "default").await;
        let key = test.key(Role::Server).await;
        let who = test.subscriber();
        let profile = json!({"attributes": {"country": "US", "state": "MN"}});
        let path = format!("/v1/customers/{}", who.customer);
        test.send(Method::PUT, &path, &key, Some(profile), &[]).await.expect(200);
        let body =
            json!({"subscription": who.subscription, "context": {"country": "JP", "customer.country": "JP"}});
        let begun = test.post("/v1/sessions", &test.token(&who), body).await.expect(201);
        assert_eq!(begun.text_at("/compliance/policy"), "minnesota");
        let unknown = json!({"subscription": who.subscription, "country": "JP"});
        test.post("/v1/sessions", &test.token(&who), unknown).await.expect(400);
        test
    })
    .await;
}

#[tokio::test]
async fn the_preview_and_later_versions_of_the_flow_leave_a_begun_session_its_rules() {
    on_every_database(async |test| {
        publish(&test, "default").await;
        let who = living_in(&test, "US", "MN");
        let key = test.key(Role::Operator).await;
        let preview = json!({"subscription": who.subscription, "version": 2});
        let seen = test.post("/v1/flows/default/preview", &key, preview).await.expect(200);
        assert_eq!(seen.body["offers"], json!([]));
        assert_eq!(seen.body["trace"]["decision"]["left_out"][0]["code"], "permission_needed");
        let begun = test.begin(&who, None).await.expect(201);
        test.publish(crate::support::app::FLOW).await;
        let said = test.act(&who, &begun, "permission", json!({"granted": true})).await.expect(200);
        assert_eq!(said.presented(), ["rest"]);
        assert_eq!(said.text_at("/compliance/policy"), "minnesota");
        test
    })
    .await;
}

#[tokio::test]
async fn the_evidence_tells_the_whole_session_and_erasing_leaves_what_must_be_kept() {
    on_every_database(async |test| {
        publish(&test, "default").await;
        let admin = test.key(Role::Admin).await;
        for (country, state, kept) in [("US", "CA", true), ("JP", "", false)] {
            let who = living_in(&test, country, state);
            let begun = test.begin(&who, None).await.expect(201);
            test.act(&who, &begun, "answers", json!({"reason": "price", "comment": "I am Ada"}))
                .await
                .expect(200);
            let half = test.read(&who, &begun).await.expect(200);
            let half = format!("offers/{}/decline", half.offer("half"));
            test.act(&who, &begun, &half, json!({})).await.expect(200);
            cancel(&test, &who, &begun).await;
            let before = session(&test, &begun).await.evidence;
            let told: Vec<Value> = before.entries().iter().map(|e| json!(e)["event"].clone()).collect();
            let wanted =
                ["begun", "presented", "answered", "presented", "declined", "cancel_received", "canceled"];
            assert_eq!(told, wanted);
            let text = serde_json::to_string(&before).unwrap();
            assert!(text.contains("Take a break instead") && !text.contains("Ada"), "{text}");
            assert!(before.is_sound());

            let path = format!("/v1/customers/{}", who.customer);
            test.send(Method::DELETE, &path, &admin, None, &[]).await.expect(204);
            let after = session(&test, &begun).await;
            assert!(after.evidence.is_sound());
            assert_eq!(after.evidence.deleted_at().is_none(), kept, "{country}");
            let text = serde_json::to_string(&after).unwrap();
            assert!(!text.contains("Take a break") && !text.contains(&who.customer), "{text}");
        }
        test
    })
    .await;
}
