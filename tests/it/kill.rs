//! The process dies in the middle of what Stripe is asked to do, and everything happens once all the same.

mod harness;

use std::time::Duration;

use counteroffer::clock::Clock;
use counteroffer::sandbox::{Fault, FaultKind, Sandbox};
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber};
use crate::support::database::{Database, databases, on_each, postgres, sqlite};
use crate::support::process::Served;
use crate::support::scene::{Scene, setting};

const FLOW: &str = "key: default
offers:
  half-off: {type: discount, terms: {percent_off: 50, duration: repeating, duration_in_months: 3}}
rules:
  - {otherwise: true, present: [half-off]}
policy:
  cancel_now: true
";
/// How often to look, and how long to wait in between: longer than a lease in all.
const LOOKS: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

impl Scene {
    /// Posts below a session, without waiting for an answer that may never come.
    fn post(&self, served: &Served, who: &Subscriber, path: &str, body: Value) {
        let request = self.client.post(format!("{}/v1/sessions/{path}", served.base));
        tokio::spawn(request.bearer_auth(self.token(who)).json(&body).send());
    }

    /// Waits until Stripe has done this and said nothing about it.
    async fn until_silent(&self, method: &str, path: &str) {
        for _ in 0..LOOKS {
            let calls = self.sandbox.calls();
            let silent = |call: &counteroffer::sandbox::RecordedCall| {
                call.method == method && call.path == path && call.status.is_none()
            };
            if calls.iter().any(silent) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("no unanswered {method} {path} among {:?}", self.sandbox.calls());
    }

    /// Reads a session until it has an outcome.
    async fn outcome(&self, served: &Served, who: &Subscriber, session: &Answer) -> Value {
        let mut last = Value::Null;
        for _ in 0..LOOKS {
            let path = format!("{}/v1/sessions/{}", served.base, session.text_at("/id"));
            last = Answer::of(self.client.get(path).bearer_auth(self.token(who))).await.expect(200).body;
            if last["status"] != "in_progress" {
                return last;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("no outcome: {last}");
    }

    fn acted(&self, method: &str, path: &str) -> usize {
        let calls = self.sandbox.calls();
        calls.iter().filter(|call| call.acted && call.method == method && call.path == path).count()
    }

    /// Three subscribers, each of whom has Stripe's answer lost at another step, and then the process dies.
    async fn play(&self, served: Served, after: impl FnOnce() -> Served) {
        let (coupon, discount, leaver) = (self.subscriber(), self.subscriber(), self.subscriber());
        let [of_coupon, of_discount, of_leaver] = [
            self.begin(&served, &coupon, None).await,
            self.begin(&served, &discount, None).await,
            self.begin(&served, &leaver, None).await,
        ];
        let accept = |session: &Answer| {
            format!("{}/offers/{}/accept", session.text_at("/id"), session.offer("half-off"))
        };
        let path_of = |who: &Subscriber| format!("/v1/subscriptions/{}", who.subscription);
        let silence = || FaultKind::Timeout { acted: true };
        self.sandbox.clear_calls();

        self.sandbox.script(Fault::once("POST", "/v1/coupons", silence()));
        self.post(&served, &coupon, &accept(&of_coupon), json!({}));
        self.until_silent("POST", "/v1/coupons").await;
        self.sandbox.script(Fault::once("POST", &path_of(&discount), silence()));
        self.sandbox.script(Fault::once("DELETE", &path_of(&leaver), silence()));
        self.post(&served, &discount, &accept(&of_discount), json!({}));
        let cancel = format!("{}/cancel", of_leaver.text_at("/id"));
        self.post(&served, &leaver, &cancel, json!({"when": "now"}));
        self.until_silent("POST", &path_of(&discount)).await;
        self.until_silent("DELETE", &path_of(&leaver)).await;
        served.kill();

        let served = after();
        for (who, session) in [(&coupon, &of_coupon), (&discount, &of_discount)] {
            let saved = self.outcome(&served, who, session).await;
            assert_eq!((&saved["status"], &saved["billing"]["state"]), (&json!("saved"), &json!("applied")));
            assert_eq!(
                self.sandbox.object(&who.subscription).unwrap()["discounts"].as_array().unwrap().len(),
                1
            );
            assert_eq!(self.acted("POST", &path_of(who)), 1);
        }
        assert_eq!(self.acted("POST", "/v1/coupons"), 2, "one coupon for each");
        let coupons = self.sandbox.call("GET", "/v1/coupons", &[]).unwrap();
        assert_eq!(coupons["data"].as_array().unwrap().len(), 2);
        let left = self.outcome(&served, &leaver, &of_leaver).await;
        assert_eq!(left["status"], "canceled");
        assert_eq!(self.acted("DELETE", &path_of(&leaver)), 1);
        assert_eq!(self.sandbox.object(&leaver.subscription).unwrap()["status"], "canceled");
        assert!(served.terminate().success());
        self.sandbox.stop().await;
    }
}

#[tokio::test]
async fn a_process_that_dies_and_comes_back_ends_what_it_began() {
    on_each(databases(), async |database| {
        let scene = Scene::set(database).await;
        scene.publish(FLOW);
        scene.play(scene.program.serve(), || scene.program.serve()).await;
    })
    .await;
}

#[tokio::test]
async fn another_process_ends_what_a_dead_one_began() {
    let Some(database) = postgres() else { return };
    let scene = Scene::set(database).await;
    scene.publish(FLOW);
    let second = scene.program.serve();
    scene.play(scene.program.serve(), || second).await;
}
