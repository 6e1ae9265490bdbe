use reqwest::header::WWW_AUTHENTICATE;
use serde_json::json;

use super::*;

async fn send(test: &TestApp, operation: &Operation, credentials: &str) -> crate::support::app::Answer {
    test.send(operation.method.clone(), &operation.path, credentials, operation.example(), &[]).await
}

#[tokio::test]
async fn who_is_not_named_may_not_call() {
    let test = TestApp::start(sqlite()).await;
    let token = test.token(&test.subscriber());
    let mut keys = Vec::new();
    for (name, role) in ROLES {
        keys.push((name, test.key(role).await));
    }
    let unknown = format!("co_{}", "0".repeat(48));
    let document = document();
    for operation in operations(&document) {
        let name = operation.name();
        let (customers, roles) = (operation.scheme("customerToken").is_some(), operation.scheme("apiKey"));
        if !customers && roles.is_none() {
            assert!(PUBLIC.contains(&operation.path.as_str()), "{name} names nobody who may call it");
            continue;
        }
        assert!(!PUBLIC.contains(&operation.path.as_str()), "{name}");
        for credentials in ["", "no.to.ken", &unknown] {
            let answer = send(&test, &operation, credentials).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.body["code"]),
                (401, &json!("unauthorized")),
                "{name}"
            );
            assert!(answer.headers.contains_key(WWW_AUTHENTICATE), "{name}");
        }
        let refused = |answer: &crate::support::app::Answer| matches!(answer.status.as_u16(), 401 | 403);
        let answer = send(&test, &operation, &token).await;
        assert_eq!(!refused(&answer), customers, "{name} with a customer token: {}", answer.text);
        for (role, key) in &keys {
            let allowed = roles.as_ref().is_some_and(|roles| roles.contains(role));
            let answer = send(&test, &operation, key).await;
            assert_eq!(!refused(&answer), allowed, "{name} as {role}: {}", answer.text);
            assert!(allowed || answer.status == 403, "{name} as {role}: {}", answer.text);
            assert!(answer.status.as_u16() < 500, "{name} as {role}: {}", answer.text);
        }
    }
    test.finish().await;
}
