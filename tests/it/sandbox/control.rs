//! The sandbox's own calls, and webhooks as a receiver sees them.
use super::*;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use counteroffer::sandbox::signature;
use std::sync::Mutex;
use tokio::sync::Notify;

/// What a receiver got: signature and payload of each delivery.
#[derive(Default)]
struct Inbox {
    got: Mutex<Vec<(String, String)>>,
    rang: Notify,
}

async fn receive(inbox: web::Data<Inbox>, request: HttpRequest, body: String) -> HttpResponse {
    let header = request.headers().get("stripe-signature").unwrap().to_str().unwrap().to_owned();
    inbox.got.lock().unwrap().push((header, body));
    inbox.rang.notify_one();
    HttpResponse::Ok().finish()
}

/// A receiver on a free port.
fn receiver() -> (web::Data<Inbox>, url::Url) {
    let inbox = web::Data::new(Inbox::default());
    let data = inbox.clone();
    let server = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(receive)));
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", server.addrs()[0]).parse().unwrap();
    tokio::spawn(server.run());
    (inbox, url)
}

fn ids(inbox: &Inbox) -> Vec<String> {
    let got = inbox.got.lock().unwrap();
    got.iter()
        .map(|(_, p)| serde_json::from_str::<Value>(p).unwrap()["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn webhooks_are_signed_and_delivered_as_the_test_decides() {
    let sandbox = sandbox().await;
    let (inbox, url) = receiver();
    let Seeds { subscription, .. } = seeds(&sandbox);
    assert!(sandbox.deliver_all().await.is_empty(), "there is no address yet");
    sandbox.set_webhook_url(Some(url));
    post(&sandbox, &path_of(&subscription), &[("metadata[a]", "1")]).await;
    post(&sandbox, &path_of(&subscription), &[("metadata[a]", "2")]).await;
    let mut events = sandbox.take_webhooks();
    events.reverse();
    events.push(events[0].clone());
    assert!(sandbox.deliver(&events).await.iter().all(|d| d.taken()));
    let sent: Vec<String> = events.iter().map(|e| e.id.clone()).collect();
    assert_eq!(ids(&inbox), sent);
    let (header, payload) = inbox.got.lock().unwrap()[0].clone();
    assert_eq!(header, signature(WEBHOOK_SECRET, sandbox.now().as_second(), &payload));
    let event: Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(event["type"], "customer.subscription.updated");
    assert_eq!(event["data"]["previous_attributes"]["metadata"]["a"], "1");
    assert!(sandbox.pending_webhooks().is_empty());
}

#[tokio::test]
async fn automatic_delivery_needs_no_hand() {
    let sandbox = sandbox().await;
    let (inbox, url) = receiver();
    sandbox.set_webhook_url(Some(url));
    sandbox.auto_deliver(true);
    sandbox.seed_customer("a@example.com").unwrap();
    inbox.rang.notified().await;
    assert_eq!(ids(&inbox).len(), 1);
}

#[tokio::test]
async fn clock_faults_calls_and_state_over_http() {
    let sandbox = sandbox().await;
    let Seeds { subscription, .. } = seeds(&sandbox);
    let client = &*CLIENT;
    let at = |path: &str| sandbox.url().join(path).unwrap();
    let body = serde_json::json!({"seconds": 60});
    let moved: Value =
        client.post(at("/_sandbox/advance")).json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(moved["now"], sandbox.now().as_second());
    let fault =
        serde_json::json!({"method": "GET", "path": "/v1/*", "times": 2, "fault": {"kind": "lock_timeout"}});
    assert_eq!(client.post(at("/_sandbox/faults")).json(&fault).send().await.unwrap().status(), 200);
    assert_eq!(get(&sandbox, &path_of(&subscription), &[]).await.status, 409);
    assert_eq!(client.delete(at("/_sandbox/faults")).send().await.unwrap().status(), 204);
    assert_eq!(get(&sandbox, &path_of(&subscription), &[]).await.status, 200);
    let calls: Value = client.get(at("/_sandbox/calls")).send().await.unwrap().json().await.unwrap();
    assert_eq!(calls.as_array().unwrap().len(), sandbox.calls().len());
    let state: Value = client.get(at("/_sandbox/state")).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["subscription"][0]["id"], subscription.as_str());
    let wrong = serde_json::json!({"path": "/v1/*", "fault": {"kind": "earthquake"}});
    assert_eq!(client.post(at("/_sandbox/faults")).json(&wrong).send().await.unwrap().status(), 400);
}
