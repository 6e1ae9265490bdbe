//! Experiments over HTTP: who is in which arm, what they see, and how sessions are found by it.

mod results;

use counteroffer::services::keys::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::jurisdictions::living_in;
use crate::support::app::{Answer, FLOW, Subscriber, TestApp, on_every_database};

/// The tests' flow with experiments.
fn with(experiments: &str) -> String {
    let third = "offers:\n  third-off: {type: discount, terms: {percent_off: 33, duration: once}}";
    FLOW.replacen("offers:", third, 1) + experiments
}

/// An experiment in which everybody new is in one arm.
fn all_in(arm: &str) -> String {
    let weight = |of: &str| u8::from(of == arm);
    with(&format!(
        "experiments:\n  depth:\n    arms:\n      control: {{weight: {}}}\n      holdout: {{weight: {}}}\n      \
         less: {{weight: {}, replace: {{half-off: third-off}}}}\n",
        weight("control"),
        weight("holdout"),
        weight("less")
    ))
}

async fn begun(test: &TestApp) -> (Subscriber, Answer) {
    let who = test.subscriber();
    let session = test.begin(&who, Some("too_expensive")).await.expect(201);
    (who, session)
}

async fn listed(test: &TestApp, key: &str, query: &str) -> Vec<Value> {
    let page = test.get(&format!("/v1/sessions?{query}"), key).await.expect(200);
    page.body["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_arm_is_assigned_kept_explained_and_found_again() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let (_, plain) = begun(&test).await;
        assert_eq!(plain.presented(), ["half-off", "breather"]);
        test.publish(&all_in("less")).await;
        let (who, session) = begun(&test).await;
        assert_eq!(session.presented(), ["third-off", "breather"]);
        assert!(session.body.get("experiments").is_none(), "nothing for the page to know");

        let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
        let explained = test.get(&path, &key).await.expect(200).body;
        let decision = &explained["decisions"][0];
        let shares = json!({"control": 0.0, "holdout": 0.0, "less": 1.0});
        let exposure = json!({"experiment": "depth", "arm": "less", "propensity": 1.0, "shares": shares});
        assert_eq!(decision["decision"]["experiments"], json!([exposure]));
        assert_eq!(decision["trace"]["experiments"][0]["standing"], "exposed");
        assert_eq!(decision["trace"]["decision"], decision["decision"]);
        let left_out = &decision["decision"]["left_out"][0];
        assert_eq!([&left_out["offer"], &left_out["code"]], ["half-off", "replaced"]);

        let mine = json!([{"experiment": "depth", "arm": "less", "propensity": 1.0}]);
        let found = listed(&test, &key, "experiment=depth&arm=less").await;
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0]["id"], &found[0]["experiments"]), (&session.body["id"], &mine));
        assert_eq!(listed(&test, &key, "arm=less").await.len(), 1);
        assert!(listed(&test, &key, "experiment=depth&arm=control").await.is_empty());
        assert!(listed(&test, &key, "experiment=other").await.is_empty());
        let summary = test.get("/v1/analytics/summary?experiment=depth", &key).await.expect(200);
        assert_eq!(summary.body["sessions"], 1);
        let csv =
            test.send(Method::GET, "/v1/sessions", &key, None, &[("accept", "text/csv")]).await.expect(200);
        let mut reader = csv::Reader::from_reader(csv.text.as_bytes());
        let rows: Vec<std::collections::HashMap<String, String>> =
            reader.deserialize().map(Result::unwrap).collect();
        let mut columns: Vec<_> = rows.iter().map(|row| row["experiments"].as_str()).collect();
        columns.sort_unstable();
        assert_eq!(columns, ["", "depth=less"]);

        // Others come to another arm; whoever was in one stays there.
        test.act(&who, &session, "keep", json!({})).await.expect(200);
        test.publish(&all_in("control")).await;
        let again = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(again.presented(), ["third-off", "breather"]);
        let (_, other) = begun(&test).await;
        assert_eq!(other.presented(), ["half-off", "breather"]);
        assert_eq!(listed(&test, &key, "experiment=depth&arm=less").await.len(), 2);
        test
    })
    .await;
}

#[tokio::test]
async fn an_arm_is_recorded_by_the_answer_that_it_matters_to() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        test.publish(&with(
            "experiments: {depth: {arms: {control: {weight: 0}, less: {replace: {half-off: third-off}}}}}\n",
        ))
        .await;
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        assert_eq!(session.presented(), ["breather"]);
        assert!(listed(&test, &key, "experiment=depth").await.is_empty(), "no arm differs yet");
        let reason = json!({"reason": "too_expensive"});
        let answered = test.act(&who, &session, "answers", reason.clone()).await.expect(200);
        assert_eq!(answered.presented(), ["third-off", "breather"]);
        assert_eq!(listed(&test, &key, "experiment=depth&arm=less").await.len(), 1);
        test.act(&who, &session, "answers", reason).await.expect(200);
        assert_eq!(listed(&test, &key, "experiment=depth").await.len(), 1, "once");
        test
    })
    .await;
}

#[tokio::test]
async fn the_holdout_sees_the_way_out_and_no_offer() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        test.publish(&all_in("holdout")).await;
        let (_, held) = begun(&test).await;
        assert!(held.presented().is_empty());
        test.publish(&(all_in("less") + "holdout: {percent: 100}\n")).await;
        let (who, session) = begun(&test).await;
        assert!(session.presented().is_empty());
        assert_eq!(session.body["exit"]["when"], json!(["period_end", "now"]));
        let page = listed(&test, &key, "experiment=holdout&arm=holdout").await;
        let arm = |experiment: &str| json!({"experiment": experiment, "arm": "holdout", "propensity": 1.0});
        assert_eq!(page[0]["experiments"], json!([arm("holdout"), arm("depth")]));
        assert_eq!(listed(&test, &key, "experiment=depth&arm=holdout").await.len(), 2);
        let answered = test.act(&who, &session, "answers", json!({"reason": "no_time"})).await.expect(200);
        assert!(answered.presented().is_empty());
        let canceled = test.act(&who, &session, "cancel", json!({})).await.expect(200);
        assert_eq!(canceled.body["status"], "canceled");
        test
    })
    .await;
}

/// The flow of an experiment with one arm under the rules of two places; `of` says whom the experiment is for.
fn under_the_law(of: &str) -> String {
    let places =
        "cancel_now: true\n  jurisdictions:\n    default: none\n    places: {DE: germany, US-MN: minnesota}";
    let segments = "segments:\n  vip: {attribute: customer.tier, eq: vip}";
    let flow = all_in("less").replace("cancel_now: true", places).replacen("segments:", segments, 1);
    flow.replace("  depth:\n", &format!("  depth:\n{of}"))
}

#[tokio::test]
async fn nobody_is_in_an_experiment_where_no_offer_may_be_shown() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        test.publish(&under_the_law("")).await;
        let who = living_in(&test, "DE", "BE");
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert!(session.presented().is_empty());
        assert!(listed(&test, &key, "experiment=depth").await.is_empty());
        test
    })
    .await;
}

#[tokio::test]
async fn an_arm_met_only_once_offers_are_permitted_is_on_record() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        test.publish(&under_the_law("    segments: [vip]\n")).await;
        let who = living_in(&test, "US", "MN");
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        assert_eq!(session.body["step"], "permission");
        assert!(listed(&test, &key, "experiment=depth").await.is_empty());

        let path = format!("/v1/customers/{}", who.customer);
        let profile = json!({"stripe_customer": who.customer, "attributes": {"tier": "vip"}});
        let server = test.key(Role::Server).await;
        test.send(Method::PUT, &path, &server, Some(profile), &[]).await.expect(200);
        let session = test.act(&who, &session, "permission", json!({"granted": true})).await.expect(200);
        assert_eq!(session.presented(), ["third-off", "breather"]);
        assert_eq!(listed(&test, &key, "experiment=depth&arm=less").await.len(), 1);
        test
    })
    .await;
}
