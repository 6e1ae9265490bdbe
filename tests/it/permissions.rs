//! Restricted keys: what is missing is found out without changing anything, and what is listed is enough.

use counteroffer::billing::{Access, Gateway, PERMISSIONS, Permission, StripeOptions};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::database::sqlite;

const KEY: &str = "rk_test_restricted";

/// The permission as Stripe's API names it.
fn code(permission: &Permission) -> String {
    let resource = match permission.resource {
        // Stripe's name for prices from before there were any.
        "Prices" => "plan".to_owned(),
        other => other.trim_end_matches('s').to_lowercase().replace(' ', "_"),
    };
    format!("{resource}_{}", permission.access.as_str())
}

async fn restricted(permissions: &[String]) -> TestApp {
    let test = TestApp::start_with(sqlite(), &[("COUNTEROFFER_STRIPE__SECRET_KEY", KEY)]).await;
    let permissions: Vec<_> = permissions.iter().map(String::as_str).collect();
    test.sandbox.restricted_key(KEY, &permissions);
    test.sandbox.clear_calls();
    test
}

#[tokio::test]
async fn what_is_missing_is_found_and_nothing_is_changed() {
    let all: Vec<_> = PERMISSIONS.iter().map(code).collect();
    let test = restricted(&all).await;
    assert!(test.app.gateway.missing_permissions().await.unwrap().is_empty());
    test.finish().await;
    for absent in PERMISSIONS {
        let others: Vec<_> = all.iter().filter(|held| **held != code(absent)).cloned().collect();
        let test = restricted(&others).await;
        assert_eq!(test.app.gateway.missing_permissions().await.unwrap(), [absent]);
        assert!(test.sandbox.calls().iter().all(|call| !call.acted));
        test.finish().await;
    }
}

#[tokio::test]
async fn to_read_is_not_to_write() {
    let reads: Vec<_> = PERMISSIONS.iter().map(|held| code(held).replace("_write", "_read")).collect();
    let test = restricted(&reads).await;
    let missing = test.app.gateway.missing_permissions().await.unwrap();
    assert!(!missing.is_empty());
    let writes = PERMISSIONS.iter().filter(|held| held.access == Access::Write);
    assert_eq!(missing, writes.collect::<Vec<_>>());
    test.finish().await;
}

#[tokio::test]
async fn a_secret_key_is_not_asked() {
    let test = TestApp::start(sqlite()).await;
    test.sandbox.clear_calls();
    assert!(test.app.gateway.missing_permissions().await.unwrap().is_empty());
    assert!(test.sandbox.calls().is_empty());
    let unknown = Gateway::new(&StripeOptions::new(test.sandbox.url(), "rk_test_unknown".into())).unwrap();
    unknown.missing_permissions().await.unwrap_err();
    test.finish().await;
}

#[tokio::test]
async fn the_listed_permissions_are_enough() {
    let all: Vec<_> = PERMISSIONS.iter().map(code).collect();
    let test = restricted(&all).await;
    for (reason, offer, body) in [
        ("too_expensive", "half-off", json!({})),
        ("no_time", "breather", json!({"choice": 0})),
        ("no_time", "more-time", json!({})),
        ("missing_feature", "add-ons", json!({})),
    ] {
        let who = test.subscriber();
        let session = test.begin(&who, Some(reason)).await.expect(201);
        let accept = format!("offers/{}/accept", session.offer(offer));
        let saved = test.act(&who, &session, &accept, body).await.expect(200);
        assert_eq!(saved.body["billing"]["state"], "applied", "{offer}: {}", saved.text);
    }
    for when in ["period_end", "now"] {
        let who = test.subscriber();
        let session = test.begin(&who, None).await.expect(201);
        test.act(&who, &session, "cancel", json!({"when": when})).await.expect(200);
    }
    counteroffer::services::replay::replay(&test.app).await.unwrap();
    let refused: Vec<_> = test.sandbox.calls().into_iter().filter(|call| call.status == Some(403)).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    test.finish().await;
}
