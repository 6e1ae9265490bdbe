//! Idempotency keys and scripted faults: what acted, what is replayed.
use super::*;
use counteroffer::sandbox::{Fault, FaultKind};
use std::time::Duration;

async fn keyed(sandbox: &Sandbox, key: &str, params: &[(&str, &str)]) -> Answer {
    let request = request(sandbox, Method::POST, "/v1/customers", params).header("idempotency-key", key);
    Answer::of(request.send().await.unwrap()).await
}

fn customers_made(sandbox: &Sandbox) -> usize {
    sandbox.calls().iter().filter(|c| c.path == "/v1/customers" && c.acted).count()
}

#[tokio::test]
async fn a_key_replays_for_a_day_and_refuses_other_parameters() {
    let sandbox = sandbox().await;
    let first = keyed(&sandbox, "k1", &[("email", "a@example.com"), ("name", "A")]).await;
    assert_eq!((first.header("idempotency-key"), first.header("idempotent-replayed")), (Some("k1"), None));
    let again = keyed(&sandbox, "k1", &[("name", "A"), ("email", "a@example.com")]).await;
    assert_eq!((again.id(), again.header("idempotent-replayed")), (first.id(), Some("true")));
    let other = keyed(&sandbox, "k1", &[("email", "b@example.com")]).await;
    assert_eq!(
        (other.status.as_u16(), other.body["error"]["type"].as_str()),
        (400, Some("idempotency_error"))
    );
    assert_eq!(customers_made(&sandbox), 1);
    sandbox.advance(DAY);
    assert_ne!(keyed(&sandbox, "k1", &[("email", "a@example.com"), ("name", "A")]).await.id(), first.id());
}

#[tokio::test]
async fn a_call_that_fails_validation_does_not_use_its_key() {
    let sandbox = sandbox().await;
    assert_eq!(keyed(&sandbox, "k", &[("foo", "1")]).await.status, 400);
    assert_eq!(keyed(&sandbox, "k", &[("email", "a@example.com")]).await.status, 200);
}

#[tokio::test]
async fn faults_before_the_work_do_nothing() {
    let sandbox = sandbox().await;
    let faults = [
        (FaultKind::RateLimited { retry_after: Some(2) }, 429, "rate_limit"),
        (FaultKind::LockTimeout, 409, "lock_timeout"),
        (FaultKind::IdempotencyInUse, 409, "idempotency_key_in_use"),
        (FaultKind::ServerError { acted: false }, 500, ""),
        (FaultKind::BadGateway { acted: false }, 502, ""),
    ];
    for (fault, status, code) in faults {
        sandbox.script(Fault::once("POST", "/v1/customers", fault.clone()));
        let answer = keyed(&sandbox, "k", &[("email", "a@example.com")]).await;
        assert_eq!((answer.status.as_u16(), answer.refusal().1), (status, code));
        if status == 429 {
            assert_eq!(
                (answer.header("retry-after"), answer.header("stripe-should-retry")),
                (Some("2"), Some("true"))
            );
        }
        if status == 502 {
            assert_eq!(
                (answer.header("content-type"), answer.header("request-id")),
                (Some("text/html"), None)
            );
        }
    }
    assert_eq!(customers_made(&sandbox), 0);
    assert_eq!(keyed(&sandbox, "k", &[("email", "a@example.com")]).await.status, 200);
}

#[tokio::test]
async fn a_500_that_acted_is_replayed() {
    let sandbox = sandbox().await;
    sandbox.script(Fault::once("POST", "/v1/customers", FaultKind::ServerError { acted: true }));
    for _ in 0..2 {
        assert_eq!(keyed(&sandbox, "k", &[("email", "a@example.com")]).await.status, 500);
    }
    assert_eq!(customers_made(&sandbox), 1);
}

#[tokio::test]
async fn a_timeout_that_acted_replays_its_real_answer() {
    let sandbox = sandbox().await;
    sandbox.script(Fault::once("POST", "/v1/customers", FaultKind::Timeout { acted: true }));
    let params = [("email", "a@example.com")];
    let silent = request(&sandbox, Method::POST, "/v1/customers", &params)
        .header("idempotency-key", "k")
        .timeout(Duration::from_millis(200))
        .send()
        .await;
    assert!(silent.unwrap_err().is_timeout());
    let again = keyed(&sandbox, "k", &params).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(customers_made(&sandbox), 1);
    let calls = sandbox.calls();
    assert_eq!((calls[0].status, calls[0].acted, calls[1].replayed), (None, true, true));
}

#[tokio::test]
async fn a_decline_is_remembered() {
    let sandbox = sandbox().await;
    sandbox.script(Fault::once("POST", "/v1/*", FaultKind::Decline { code: "insufficient_funds".into() }));
    for _ in 0..2 {
        let answer = keyed(&sandbox, "k", &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["error"]["decline_code"].as_str()),
            (402, Some("insufficient_funds"))
        );
    }
}

#[tokio::test]
async fn stopping_keeps_state_and_port() {
    let sandbox = sandbox().await;
    let customer = sandbox.seed_customer("a@example.com").unwrap();
    let path = format!("/v1/customers/{customer}");
    sandbox.stop().await;
    let refused = request(&sandbox, Method::GET, &path, &[]).send().await;
    assert!(refused.unwrap_err().is_connect());
    sandbox.start_again().await.unwrap();
    assert_eq!(get(&sandbox, &path, &[]).await.id(), customer);
    sandbox.stop().await;
}
