//! Drafts tried on recorded sessions, and compared in words, over HTTP.

use counteroffer::services::backtest;
use counteroffer::services::keys::Role;
use counteroffer::store::Lease;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::support::app::{Answer, FLOW, TestApp, on_every_database};

const YAML: &str = "application/yaml";
const BACKTESTS: &str = "/v1/flows/default/backtests";

async fn draft(test: &TestApp, key: &str, changes: &[(&str, &str)]) {
    let text = FLOW.replace("FREE_PRICE", &test.free_price);
    let text = changes.iter().fold(text, |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    test.send_text(Method::PUT, "/v1/flows/default", key, YAML, &text).await.expect(200);
}

/// Everything begun since the test's start.
async fn ask(test: &TestApp, key: &str) -> Answer {
    test.post(BACKTESTS, key, json!({"from": "2027-03-01T00:00:00Z", "to": "2027-04-01T00:00:00Z"})).await
}

/// A deeper discount for those who find it too expensive, and nothing for the others.
const DEEPER: [(&str, &str); 2] = [
    ("percent_off: 50", "percent_off: 80"),
    ("- {otherwise: true, present: [breather]}", "- {otherwise: true, present: []}"),
];

#[tokio::test]
async fn a_draft_is_tried_on_recorded_sessions() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let operator = test.key(Role::Operator).await;
        for reason in [Some("too_expensive"), Some("other"), None] {
            test.begin(&test.subscriber(), reason).await.expect(201);
        }
        test.clock.advance(SignedDuration::from_secs(1));
        draft(&test, &operator, &DEEPER).await;
        let asked = ask(&test, &key).await.expect(202);
        assert_eq!(asked.body["progress"], json!({"done": 0, "total": 3}));
        // What is drafted later changes nothing about it.
        draft(&test, &operator, &[]).await;

        assert_eq!(backtest::take_up(&test.app, || true).await.unwrap(), 1);
        let path = format!("/v1/backtests/{}", asked.text_at("/id"));
        let done = test.get(&path, &key).await.expect(200);
        assert_eq!(done.body["progress"], json!({"done": 3, "total": 3}));
        assert!(done.body["finished_at"].is_string(), "{}", done.text);
        assert_eq!(done.body["changed"], 2);
        assert_eq!(done.body["rules"], json!([{"rule": 0, "sessions": 1}, {"rule": 4, "sessions": 2}]));
        assert_eq!(done.body["rules_never_fired"], json!([1, 2, 3]));
        let half_off = json!({"offer": "half-off", "was": 1, "would_be": 1});
        assert!(done.body["offers"].as_array().unwrap().contains(&half_off), "{}", done.text);
        // Half of three months of 49.00 against a pause of three months, which is dearer, and which two more were
        // offered; the deeper discount is cheaper than that pause, too.
        assert_eq!(done.body["costs"], json!([{"currency": "usd", "was": 44100, "would_be": 14700}]));

        let changed = test.get(&format!("{path}/sessions?changed=true"), &key).await.expect(200);
        assert_eq!(changed.each("/data", "would_offer"), [json!([]), json!([])]);
        assert_eq!(changed.each("/data", "offered"), [json!(["breather"]), json!(["breather"])]);
        let listed = test.get(BACKTESTS, &key).await.expect(200);
        assert_eq!(listed.each("/data", "id"), [asked.body["id"].clone()]);
        test
    })
    .await;
}

#[tokio::test]
async fn the_sessions_of_a_backtest_come_as_csv_in_pages() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        for _ in 0..3 {
            test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        }
        test.clock.advance(SignedDuration::from_secs(1));
        draft(&test, &key, &DEEPER).await;
        let asked = ask(&test, &key).await.expect(202);
        backtest::take_up(&test.app, || true).await.unwrap();
        let mut path = format!("/v1/backtests/{}/sessions?limit=2", asked.text_at("/id"));
        let mut lines = Vec::new();
        let csv = [("accept", "text/csv")];
        loop {
            let page = test.send(Method::GET, &path, &key, None, &csv).await.expect(200);
            let mut rows = page.text.lines().map(str::to_owned);
            assert!(
                rows.next()
                    .unwrap()
                    .starts_with("session,at,reason,segments,rule,offered,would_offer,changed,")
            );
            lines.extend(rows);
            let Some(link) = page.headers.get("link") else { break };
            let link = link.to_str().unwrap();
            path = link[1..link.find('>').unwrap()].to_owned();
        }
        assert_eq!(lines.len(), 3);
        assert!(
            lines
                .iter()
                .all(|line| line.ends_with(",half-off breather,half-off breather,false,usd,14700,14700")),
            "{lines:?}"
        );
        test
    })
    .await;
}

#[tokio::test]
async fn a_backtest_left_off_by_a_dead_process_is_taken_over() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        test.begin(&test.subscriber(), None).await.expect(201);
        test.clock.advance(SignedDuration::from_secs(1));
        draft(&test, &key, &[]).await;
        let asked = ask(&test, &key).await.expect(202);
        let path = format!("/v1/backtests/{}", asked.text_at("/id"));
        // Told to stop, it begins nothing.
        assert_eq!(backtest::take_up(&test.app, || false).await.unwrap(), 0);

        let now = test.clock.now();
        let until = now.checked_add(SignedDuration::from_secs(60)).unwrap();
        let dead = Lease { owner: "dead".to_owned(), until };
        assert!(test.app.store.claim_backtest(dead, now).await.unwrap().is_some());
        assert_eq!(backtest::take_up(&test.app, || true).await.unwrap(), 0);
        assert!(test.get(&path, &key).await.expect(200).body["finished_at"].is_null());

        test.clock.advance(SignedDuration::from_secs(61));
        assert_eq!(backtest::take_up(&test.app, || true).await.unwrap(), 1);
        assert_eq!(test.get(&path, &key).await.expect(200).body["progress"], json!({"done": 1, "total": 1}));
        test
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_of_a_backtest_must_make_sense() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        ask(&test, &key).await.expect(404);
        draft(&test, &key, &[]).await;
        let backwards = json!({"from": "2027-04-01T00:00:00Z", "to": "2027-03-01T00:00:00Z"});
        let refused = test.post(BACKTESTS, &key, backwards).await.expect(422);
        assert_eq!(refused.text_at("/errors/0/pointer"), "/to");
        let missing = json!({"from": "2027-03-01T00:00:00Z", "to": "2027-04-01T00:00:00Z", "version": 99});
        test.post(BACKTESTS, &key, missing).await.expect(404);
        for _ in 0..backtest::MAX_UNFINISHED {
            ask(&test, &key).await.expect(202);
        }
        let refused = ask(&test, &key).await.expect(409);
        assert_eq!(refused.text_at("/code"), "too_many_backtests");
        test
    })
    .await;
}

#[tokio::test]
async fn what_differs_is_told_in_words() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        draft(&test, &key, &DEEPER).await;
        let differs = test.get("/v1/flows/default/diff", &key).await.expect(200);
        assert_eq!((&differs.body["from"], &differs.body["to"]), (&json!(1), &json!(null)));
        let words = [
            "Offer `half-off`: `terms.percent_off` is 80; it was 50.",
            "Rule 5 is gone: otherwise, present breather.",
            "Rule 5 is new: otherwise, present nothing.",
        ];
        assert_eq!(differs.body["changes_in_words"], json!(words));
        test.post("/v1/flows/default/publish", &key, json!({})).await.expect(200);
        let versions = test.get("/v1/flows/default/versions", &key).await.expect(200);
        assert_eq!(versions.body["data"][0]["changes_in_words"], json!(words));
        let same = test.get("/v1/flows/default/diff?from=2&to=2", &key).await.expect(200);
        assert_eq!(same.body["changes"], json!([]));
        test.get("/v1/flows/default/diff?from=9", &key).await.expect(404);
        test
    })
    .await;
}
