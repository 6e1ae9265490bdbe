//! Each cell of the table, proved: a subscription of the shape is seeded, a session begun on a flow that offers just
//! that, and what comes of it compared with the cell.

use std::time::Duration;

use counteroffer::domain::shape::{Cell, Change, Shape, cell};
use counteroffer::services::keys::Role;
use serde_json::{Map, Value, json};

use super::proof::{self, Picture};
use super::seeds::seeded;
use crate::support::app::{Answer, Subscriber, TestApp};
use crate::support::database::databases;

/// The shapes, those first that take time, so that little else has to be billed meanwhile.
fn shapes() -> Vec<Shape> {
    let mut all = Shape::ALL.to_vec();
    all.sort_by_key(|shape| !matches!(shape, Shape::PastDue | Shape::Unpaid));
    all
}

/// The key of what a column of the table offers, also of the reason that brings it.
fn key(change: Change) -> &'static str {
    match change {
        Change::PlanChangeLater => "plan_change_later",
        _ => change.as_str(),
    }
}

/// A flow that presents one offer for each reason, which bears its name.
fn flow(free: &str, lite: &str) -> String {
    let mut offers = Map::new();
    let (mut reasons, mut rules) = (Vec::new(), Vec::new());
    for change in Change::all() {
        let (Some(terms), key) = (change.example().unwrap(), key(change)) else { continue };
        offers.insert(key.to_owned(), json!(terms));
        reasons.push(json!({"key": key, "label": {"en": key}, "stripe_feedback": "other"}));
        rules.push(json!({"when": {"reasons": [key]}, "present": [key]}));
    }
    let flow = json!({"key": "default", "reasons": reasons, "segments": {}, "offers": offers, "rules": rules, "policy": {"stacking": true}});
    flow.to_string().replace("price_free", free).replace("price_lite", lite)
}

/// Each database on a thread of its own: no other test takes as long, and to seed holds up what else a thread does.
#[test]
fn every_cell_is_what_happens() {
    std::thread::scope(|scope| {
        for database in databases() {
            let proved = async { prove(TestApp::start(database).await).await.finish().await };
            scope.spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(proved));
        }
    });
}

async fn prove(test: TestApp) -> TestApp {
    let euro = test.sandbox.seed_price("Add-ons", 0, "eur", "month").unwrap();
    let lite = test.sandbox.seed_price("Lite", 1900, "usd", "month").unwrap();
    let key = test.key(Role::Operator).await;
    let mut wrong = Vec::new();
    for shape in shapes() {
        let free = if shape == Shape::OtherCurrency { &euro } else { &test.free_price };
        test.publish(&flow(free, &lite)).await;
        let changes = Change::all();
        let seeded = seeded(&test, shape, changes.len());
        for (change, who) in changes.into_iter().zip(&seeded) {
            let expected = cell(shape, change).unwrap();
            let outcome = Trial { test: &test, key: &key, shape, who }.run(change, expected).await;
            if let Err(why) = outcome {
                wrong.push(format!("{} on {}: {expected:?}, but {why}", change.as_str(), shape.as_str()));
            }
        }
        test.sandbox.set_livemode(false);
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), test.database.name, wrong.join("\n"));
    test
}

/// One cell put to the proof.
struct Trial<'a> {
    test: &'a TestApp,
    /// An operator's API key.
    key: &'a str,
    shape: Shape,
    who: &'a Subscriber,
}

type Proof = Result<(), String>;

fn demand(holds: bool, why: impl FnOnce() -> String) -> Proof {
    if holds { Ok(()) } else { Err(why()) }
}

impl Trial<'_> {
    async fn run(&self, change: Change, expected: Cell) -> Proof {
        self.is_of_its_shape().await?;
        let before = Picture::of(self.test, self.who);
        let reason = change.offer_type().map(|_| key(change));
        let begun = self.begun(reason).await?;
        match (change, expected) {
            (Change::Cancel, Cell::Supported) => self.cancel_works(&begun, &before).await?,
            (Change::Cancel, Cell::Ineligible(reason)) => is_conflict(&begun, reason.code())?,
            (offer, Cell::Supported) => self.offer_works(&begun, offer, &before).await?,
            (offer, Cell::Ineligible(reason)) => {
                self.is_left_out(&begun, offer, reason.code()).await?;
                proof::untouched(&before, &Picture::of(self.test, self.who))?;
            }
            (_, Cell::Manual(reason)) => {
                self.cancel_is_manual(&begun, reason.code()).await?;
                proof::untouched(&before, &Picture::of(self.test, self.who))?;
            }
        }
        Ok(())
    }

    /// The session as it begins, or, where the subscriber is asked first whether to resume, once a reason is given.
    async fn begun(&self, reason: Option<&str>) -> Result<Answer, String> {
        let begun = self.test.begin(self.who, reason).await;
        let asked = begun.body["step"] == "resume";
        let ours = matches!(self.shape, Shape::PausedByUs | Shape::CollectionPausedByUs);
        demand(asked == ours, || begun.text.clone())?;
        let Some(reason) = reason.filter(|_| asked) else { return Ok(begun) };
        let status = begun.status;
        let answered = self.test.act(self.who, &begun, "answers", json!({"reason": reason})).await;
        Ok(Answer { status, ..answered })
    }

    async fn is_of_its_shape(&self) -> Proof {
        let id = self.who.subscription.parse().unwrap();
        let seen = self.test.app.gateway.subscription(&id).await.unwrap().unwrap();
        demand(self.shape.holds(&seen, false), || format!("the seed is of another shape: {seen:?}"))
    }

    async fn offer_works(&self, begun: &Answer, offer: Change, before: &Picture) -> Proof {
        demand(begun.status == 201 && begun.presented() == [key(offer)], || begun.text.clone())?;
        let kind = offer.offer_type().unwrap();
        let path = format!("offers/{}/accept", begun.offer(key(offer)));
        let saved = self.test.act(self.who, begun, &path, proof::choice(kind)).await;
        let saved = self.settled(begun, saved).await;
        demand(saved.status == 200 && saved.body["status"] == "saved", || saved.text.clone())?;
        let after = Picture::of(self.test, self.who);
        if offer == Change::PlanChangeLater {
            return proof::plan_change_comes(self.test, before, &after);
        }
        proof::took_effect(kind, before, &after)?;
        if offer == Change::WithdrawingPause {
            let app = matches!(self.shape, Shape::Classic | Shape::Trialing | Shape::SendInvoice);
            let itself = after.subscription["status"] == "paused";
            demand(itself != app, || format!("paused the other way: {}", after.subscription))?;
        }
        proof::nothing_else_changed(kind, before, &after)
    }

    /// The session once it waits for nothing, where the machine was too slow for the answer to tell.
    async fn settled(&self, begun: &Answer, mut answer: Answer) -> Answer {
        for _ in 0..200 {
            if !matches!(answer.body["step"].as_str(), Some("applying" | "canceling")) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            answer = self.test.read(self.who, begun).await;
        }
        answer
    }

    async fn is_left_out(&self, begun: &Answer, offer: Change, code: &str) -> Proof {
        if begun.status == 409 {
            return is_conflict(begun, code);
        }
        demand(begun.status == 201 && begun.presented().is_empty(), || begun.text.clone())?;
        let path = format!("/v1/sessions/{}/explanation", begun.text_at("/id"));
        let explained = self.test.get(&path, self.key).await;
        let last = explained.body["decisions"].as_array().unwrap().last().unwrap();
        let left_out = &last["trace"]["decision"]["left_out"][0];
        demand(left_out["offer"] == key(offer) && left_out["code"] == code, || left_out.to_string())
    }

    async fn cancel_works(&self, begun: &Answer, before: &Picture) -> Proof {
        demand(begun.status == 201, || begun.text.clone())?;
        demand(begun.body["exit"]["cancel_url"].is_string(), || "there is no way out".to_owned())?;
        let canceled = self.test.act(self.who, begun, "cancel", json!({})).await;
        let canceled = self.settled(begun, canceled).await;
        demand(canceled.status == 200 && canceled.body["status"] == "canceled", || canceled.text.clone())?;
        let after = Picture::of(self.test, self.who);
        proof::ends(&after, &canceled.body)?;
        let owing =
            matches!(self.shape, Shape::PastDue | Shape::Unpaid | Shape::Incomplete | Shape::PendingUpdate);
        demand(!owing || after.collected().is_empty(), || format!("collected: {:?}", after.collected()))?;
        proof::keeps_what_was_bought(before, &after)
    }

    async fn cancel_is_manual(&self, begun: &Answer, code: &str) -> Proof {
        demand(begun.status == 201 && begun.presented().is_empty(), || begun.text.clone())?;
        let received = self.test.act(self.who, begun, "cancel", json!({})).await;
        let billing = &received.body["billing"];
        let says =
            billing["detail"].as_str().is_some_and(|words| words.contains("received your cancellation"));
        let waits = received.status == 202 && billing["state"] == "needs_attention" && says;
        demand(waits && received.body["status"] == "in_progress", || received.text.clone())?;
        let listed = self.test.get("/v1/billing-operations?state=needs_attention", self.key).await;
        let ours = listed.body["data"].as_array().unwrap().iter().find(|op| op["id"] == billing["operation"]);
        demand(ours.is_some_and(|op| op["problem"]["code"] == code), || listed.text.clone())
    }
}

fn is_conflict(begun: &Answer, code: &str) -> Proof {
    let says = begun.status == 409 && begun.text_at("/code") == code;
    let helps = begun.body["possible"]["actions"] == json!([])
        && begun.body["possible"]["effective_at"] != Value::Null;
    demand(says && helps, || begun.text.clone())
}
