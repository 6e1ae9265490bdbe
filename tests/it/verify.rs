//! The invariant checker: it finds nothing where nothing is broken, and names each thing that is broken by hand.

mod process;

use std::collections::HashSet;

use counteroffer::boot;
use counteroffer::domain::operation::Operation;
use counteroffer::sandbox::{Fault, FaultKind};
use counteroffer::services::keys::Role;
use counteroffer::services::verify::{Verified, verify};
use counteroffer::services::{saves, worker};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::app::{Answer, FLOW, Subscriber, TestApp};
use crate::support::database::databases;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const OFFERS: &str = "offers:\n  thanks: {type: credit, terms: {amount: 1500, currency: usd}}\n";
const RULES: &str = "rules:\n  - {when: {reasons: [other]}, present: [thanks, tour]}\n";
const BUDGETS: &str = "policy:\n  caps: [{per: offer, offer: tour, max: 9}]\n  budgets: \
                       [{offer_types: [discount, credit], per: month, amount: 500000, currency: usd, reserve: presented}]\n";
/// Where the books have that cap, and that budget at the end.
const TOURS: &str = "default/offer/tour/all";
const BUDGET: &str = "default/credit+discount/month/usd/2027-05";

/// One session of each kind, all of them as they should be.
struct Scene {
    test: TestApp,
    discount: Answer,
    credit: Answer,
    pause: Answer,
    refused: (Subscriber, Answer),
    handed_on: Answer,
    leaving: Answer,
    features: Answer,
    open: Answer,
    payer: Subscriber,
    paused: Subscriber,
}

impl Scene {
    async fn set(test: TestApp) -> Self {
        let flow = FLOW.replace("offers:\n", OFFERS).replace("rules:\n", RULES).replace("policy:\n", BUDGETS);
        test.publish(&flow).await;
        let took = async |reason: &str, key: &str| {
            let who = test.subscriber();
            let session = test.begin(&who, Some(reason)).await.expect(201);
            let headers = [("idempotency-key", key)];
            let path =
                format!("/v1/sessions/{}/offers/{}/accept", session.text_at("/id"), session.offer(key));
            let choice = if key == "breather" { json!({"choice": 0}) } else { json!({}) };
            let method = reqwest::Method::POST;
            let answer = test.send(method, &path, &test.token(&who), Some(choice), &headers).await;
            (who, session, answer)
        };
        let (_, features, answer) = took("missing_feature", "add-ons").await;
        answer.expect(200);
        test.advance(DAY * 70);
        test.work().await;
        let (_, discount, answer) = took("too_expensive", "half-off").await;
        answer.expect(200);
        let (payer, credit, answer) = took("other", "thanks").await;
        answer.expect(200);
        let (_, handed_on, answer) = took("other", "tour").await;
        answer.expect(200);
        saves::drain(&test.app).await.unwrap();
        let (paused, pause, answer) = took("no_time", "breather").await;
        answer.expect(200);
        test.sandbox.script(Fault::once(
            "POST",
            "/v1/coupons",
            FaultKind::Decline { code: "fraudulent".into() },
        ));
        let (who, refused, _) = took("too_expensive", "half-off").await;
        let leaver = test.subscriber();
        let leaving = test.begin(&leaver, None).await.expect(201);
        test.act(&leaver, &leaving, "cancel", json!({})).await.expect(200);
        let open = test.begin(&test.subscriber(), Some("too_expensive")).await.expect(201);
        worker::sweep(&test.app).await.unwrap();
        Self {
            discount,
            credit,
            pause,
            refused: (who, refused),
            handed_on,
            leaving,
            features,
            open,
            payer,
            paused,
            test,
        }
    }

    async fn verify(&self, stripe: bool) -> Verified {
        verify(boot::verifying(&self.test.config, stripe, &self.test.clock).unwrap()).await.unwrap()
    }

    /// Breaks something, and gives what was not found before.
    async fn breaks(&self, sql: &str) -> HashSet<(String, String)> {
        let before = told(&self.verify(false).await);
        self.test.database.execute(sql);
        &told(&self.verify(false).await) - &before
    }

    async fn expect(&self, sql: &str, invariant: &str, id: &str) {
        let found = self.breaks(sql).await;
        let wanted = (invariant.to_owned(), id.to_owned());
        assert!(found.contains(&wanted), "{}: {sql}\nnot {wanted:?} but {found:?}", self.test.database.name);
    }

    async fn operation(&self, session: &Answer) -> String {
        let filter = counteroffer::store::OperationFilter {
            session: Some(session.text_at("/id").parse().unwrap()),
            ..Default::default()
        };
        let page = self.test.app.store.operations(filter, None, 10).await.unwrap();
        // Not what follows from it, which may have been written in the same instant.
        let asked =
            |one: &&Operation| one.undoes.is_none() && (one.offer.is_none() || one.carries_out().is_some());
        page.iter().find(asked).unwrap().id.to_string()
    }
}

/// Each violation by its invariant and each of its ids.
fn told(verified: &Verified) -> HashSet<(String, String)> {
    let each = verified.violations.iter();
    each.flat_map(|one| one.ids.iter().map(|id| (one.invariant.as_str().to_owned(), id.clone()))).collect()
}

/// In the body of a row.
fn edit(table: &str, id: &str, from: &str, to: &str) -> String {
    format!("UPDATE {table} SET body = replace(body, '{from}', '{to}') WHERE id = '{id}'")
}

fn set(table: &str, id: &str, what: &str) -> String {
    format!("UPDATE {table} SET {what} WHERE id = '{id}'")
}

#[tokio::test]
async fn nothing_is_found_where_nothing_is_broken() {
    for database in databases() {
        let scene = Scene::set(TestApp::start(database).await).await;
        let verified = scene.verify(true).await;
        assert_eq!(verified.violations, [], "{}", scene.test.database.name);
        assert_eq!((verified.sessions, verified.operations, verified.asked), (8, 8, 6));
        assert_eq!(verified.not_asked, []);
        scene.test.finish().await;
    }
}

#[tokio::test]
async fn nothing_is_found_where_operations_were_undone_and_a_pause_was_ended_early() {
    for database in databases() {
        let scene = Scene::set(TestApp::start(database).await).await;
        let key = scene.test.key(Role::Operator).await;
        for session in [&scene.discount, &scene.credit, &scene.leaving] {
            let path = format!("/v1/billing-operations/{}/undo", scene.operation(session).await);
            let undone = scene.test.post(&path, &key, json!({"reason": "by mistake"})).await.expect(200);
            assert_eq!(undone.body["state"], "applied", "{}", undone.text);
        }
        let back = scene.test.begin(&scene.paused, None).await.expect(201);
        scene.test.act(&scene.paused, &back, "resume", json!({})).await.expect(200);
        let verified = scene.verify(true).await;
        assert_eq!(verified.violations, [], "{}", scene.test.database.name);
        assert_eq!((verified.sessions, verified.operations, verified.asked), (9, 12, 6));
        let discount = scene.operation(&scene.discount).await;
        let other = edit("operations", &discount, "\"undone_by\":\"bop_0", "\"undone_by\":\"bop_1");
        scene.expect(&other, "undone", &discount).await;
        let resumed = scene.operation(&back).await;
        let session = back.text_at("/id");
        let silent = format!("DELETE FROM audit_lines WHERE session_id = '{session}' AND action = 'resume'");
        scene.expect(&silent, "audited", &resumed).await;
        let credit = scene.credit.text_at("/id");
        let silent = format!(
            "DELETE FROM audit_lines WHERE session_id = '{credit}' AND action = 'billing_operation.undo'"
        );
        assert!(scene.breaks(&silent).await.iter().any(|(invariant, _)| invariant == "audited"));
        scene.test.close().await.1.stop().await;
    }
}

#[tokio::test]
async fn each_thing_that_is_broken_is_named() {
    for database in databases() {
        let scene = Scene::set(TestApp::start(database).await).await;
        broken_sessions(&scene).await;
        broken_operations(&scene).await;
        broken_surroundings(&scene).await;
        scene.test.close().await.1.stop().await;
    }
}

async fn broken_sessions(scene: &Scene) {
    let (discount, open, handed_on, leaving) = (
        scene.discount.text_at("/id"),
        scene.open.text_at("/id"),
        scene.handed_on.text_at("/id"),
        scene.leaving.text_at("/id"),
    );
    let tour = scene.handed_on.offer("tour");
    scene.expect(&set("sessions", handed_on, "reason = 'no_time'"), "columns", handed_on).await;
    scene.expect(&set("session_offers", &tour, "state = 'declined'"), "columns", &tour).await;
    scene.expect(&edit("sessions", handed_on, "\"version\":2", "\"version\":99"), "flow", handed_on).await;
    scene
        .expect(&edit("sessions", handed_on, "\"closed_at\":", "\"closed\":"), "one_outcome", handed_on)
        .await;
    for (session, of) in [(open, BUDGET), (handed_on, TOURS)] {
        let (holds, forgotten) = ("\"holds\":[", "\"held\":[");
        scene.expect(&edit("sessions", session, holds, forgotten), "budget", of).await;
        scene.test.database.execute(&edit("sessions", session, forgotten, holds));
    }
    let later = edit("sessions", leaving, "\"event\":\"cancel_received\"", "\"event\":\"kept\"");
    scene.expect(&later, "evidence", leaving).await;
    let twice = "\"state\":\"presented\"";
    scene.expect(&edit("sessions", open, twice, "\"state\":\"accepted\""), "one_accepted", open).await;
    scene
        .expect(
            &format!("DELETE FROM save_checks WHERE session_id = '{discount}' AND horizon = 60"),
            "save_checked",
            discount,
        )
        .await;
    scene
        .expect(
            &edit("sessions", leaving, "\"needs_attention\":false", "\"needs_attention\":true"),
            "awaited",
            leaving,
        )
        .await;
    let of = format!("(SELECT subscription FROM sessions WHERE id = '{open}')");
    let other = scene.test.begin(&scene.test.subscriber(), None).await.expect(201);
    let subscription = other.text_at("/subscription/id");
    scene.test.database.execute("DROP INDEX sessions_one_open");
    let sql = format!("UPDATE sessions SET subscription = '{subscription}' WHERE subscription = {of}");
    scene.expect(&sql, "one_open_session", subscription).await;
    scene.expect(&set("sessions", open, "body = '{'"), "readable", open).await;
}

async fn broken_operations(scene: &Scene) {
    let (discount, pause, leaving) = (
        scene.operation(&scene.discount).await,
        scene.operation(&scene.pause).await,
        scene.operation(&scene.leaving).await,
    );
    let refused = scene.operation(&scene.refused.1).await;
    let offer = scene.discount.offer("half-off");
    scene
        .expect(
            &edit("operations", &discount, "\"name\":\"coupon\"", "\"name\":\"discount\""),
            "steps",
            &discount,
        )
        .await;
    scene
        .expect(
            &edit("operations", &refused, "\"code\":\"card_declined\"", "\"code\":\"\""),
            "reason",
            &refused,
        )
        .await;
    scene.expect(&set("operations", &pause, "lease_owner = 'x', lease_until = 1"), "not_held", &pause).await;
    scene.expect(&set("operations", &pause, "created_at = 1"), "columns", &pause).await;
    scene.expect(&set("operations", &refused, "state = 'applied'"), "refused_alike", &refused).await;
    scene
        .expect(
            &edit("operations", &pause, "\"livemode\":false", "\"livemode\":true"),
            "same_subscription",
            &pause,
        )
        .await;
    let pending = "state = 'pending', settled = FALSE, due_at = 1, lease_owner = NULL, lease_until = NULL";
    let stuck = scene.breaks(&set("operations", &pause, pending)).await;
    assert!(stuck.contains(&("not_stuck".into(), pause.clone())), "{stuck:?}");
    assert!(stuck.contains(&("one_outcome".into(), pause.clone())), "{stuck:?}");
    let twin = leaving.replace("bop_0", "bop_1");
    let copied = format!(
        "INSERT INTO operations (id, session_id, subscription, state, settled, due_at, created_at, updated_at, body) \
         SELECT '{twin}', session_id, subscription, state, settled, due_at, created_at, updated_at, \
         replace(body, '{leaving}', '{twin}') FROM operations WHERE id = '{leaving}'"
    );
    scene.expect(&copied, "one_cancellation", &twin).await;
    scene.expect(&format!("DELETE FROM operations WHERE id = '{discount}'"), "one_operation", &offer).await;
}

async fn broken_surroundings(scene: &Scene) {
    let credit = scene.operation(&scene.credit).await;
    let session = scene.credit.text_at("/id");
    scene.expect("UPDATE budgets SET spent = spent + 1 WHERE spent > 0", "budget", TOURS).await;
    scene
        .expect(
            &format!("DELETE FROM audit_lines WHERE session_id = '{session}' AND action = 'accept'"),
            "audited",
            &credit,
        )
        .await;
    let detached = scene.test.app.store.operations(Default::default(), None, 20).await.unwrap();
    let detached =
        detached.iter().find(|one| one.effect.as_str() == "detach_features").unwrap().id.to_string();
    scene.expect("DELETE FROM events WHERE type = 'features.ended'", "told", &detached).await;
    let nobody = scene.features.text_at("/id").replace("ses_0", "ses_1");
    let sql = format!("UPDATE audit_lines SET session_id = '{nobody}' WHERE action = 'accept'");
    scene.expect(&sql, "refers", &nobody).await;
    let unknown = nobody.replace("ses_1", "ses_2");
    let sql = format!("UPDATE idempotency_keys SET body = '{{\"id\":\"{unknown}\"}}'");
    scene.expect(&sql, "refers", &unknown).await;
    scene.expect("UPDATE flow_versions SET document = '{}'", "readable", "default@1").await;
    let subscription = scene.payer.subscription.as_str();
    let sql =
        format!("UPDATE snapshots SET stripe_customer = 'cus_other' WHERE subscription = '{subscription}'");
    scene.expect(&sql, "columns", subscription).await;
    scene.expect("UPDATE session_decisions SET body = '{'", "readable", session).await;
    scene.expect(&set("operations", &credit, "body = '{'"), "readable", &credit).await;
}

#[tokio::test]
async fn what_stripe_shows_otherwise_is_named() {
    for database in databases() {
        let scene = Scene::set(TestApp::start(database).await).await;
        let (credit, pause) = (scene.operation(&scene.credit).await, scene.operation(&scene.pause).await);
        let (who, session) = &scene.refused;
        let refused = scene.operation(session).await;
        let call =
            |path: String, params: &[(&str, &str)]| scene.test.sandbox.call("POST", &path, params).unwrap();
        let mark = "metadata[counteroffer_operation]";
        let again = [("amount", "-1500"), ("currency", "usd"), (mark, credit.as_str())];
        call(format!("/v1/customers/{}/balance_transactions", scene.payer.customer), &again);
        let coupon = format!("co_{refused}");
        call("/v1/coupons".into(), &[("id", &coupon), ("percent_off", "50"), ("duration", "once")]);
        call(format!("/v1/subscriptions/{}", who.subscription), &[("discounts[0][coupon]", &coupon)]);
        call(format!("/v1/subscriptions/{}", scene.paused.subscription), &[("pause_collection", "")]);
        let found = told(&scene.verify(true).await);
        for (invariant, id) in [("effect_once", &credit), ("no_effect", &refused), ("shown", &pause)] {
            assert!(found.contains(&(invariant.to_owned(), id.clone())), "{invariant}: {found:?}");
        }
        assert!(told(&scene.verify(false).await).is_empty());
        scene.test.finish().await;
    }
}
