//! Evidence for an auditor: exported and signed so that a stock library verifies it, and deleted when its time is over.

use std::path::Path;
use std::process::Command;

use counteroffer::boot;
use counteroffer::config::Config;
use counteroffer::domain::session::Session;
use counteroffer::domain::subscription::{Subscription, SubscriptionStatus};
use counteroffer::services::evidence::retention;
use counteroffer::services::keys::Role;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::jurisdictions::living_in;
use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};
use crate::support::database::{databases, sqlite};

const FLOW: &str = r#"
key: default
reasons: [{key: price, label: {en: Price}, stripe_feedback: too_expensive}]
offers:
  half: {type: discount, terms: {percent_off: 12.5, duration: once}, copy: {en: {headline: "Grüße, “half” price"}}}
  gift: {type: custom, terms: {weight: 1.0, note: "a \"hash\":\"}"}}
rules: [{otherwise: true, present: [half, gift]}]
policy:
  max_offers: 2
  jurisdictions:
    places:
      US-CA: california
      CH: {key: two-years, version: 7, retention: {years: 2}}
"#;

/// The path of a key of the tests.
fn key_file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/http_shell/keys").join(name).display().to_string()
}

/// Runs a scenario on every database with a key to sign with.
async fn with_key(name: &str, scenario: impl AsyncFn(&TestApp)) {
    for database in databases() {
        let file = key_file(name);
        let test = TestApp::start_with(database, &[("COUNTEROFFER_EVIDENCE__SIGNING_KEY_FILE", &file)]).await;
        test.publish(FLOW).await;
        scenario(&test).await;
        test.finish().await;
    }
}

/// A session of somebody there who has said why and canceled.
async fn canceled(test: &TestApp, country: &str, state: &str) -> (Subscriber, Answer) {
    let who = living_in(test, country, state);
    let begun = test.begin(&who, None).await.expect(201);
    test.act(&who, &begun, "answers", json!({"reason": "price", "comment": "I am Ada"})).await.expect(200);
    test.act(&who, &begun, "cancel", json!({})).await.expect(200);
    (who, begun)
}

async fn export(test: &TestApp, session: &Answer) -> Answer {
    let key = test.key(Role::Analyst).await;
    test.get(&format!("/v1/sessions/{}/evidence", session.text_at("/id")), &key).await
}

/// Verifies an export as anybody would with a stock library.
fn verified(jws: &str, keys: &JwkSet) -> Result<Value, jsonwebtoken::errors::Error> {
    let header = jsonwebtoken::decode_header(jws)?;
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut rules = Validation::new(header.alg);
    // It is evidence of what was, and does not expire.
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    Ok(jsonwebtoken::decode::<Value>(jws, &DecodingKey::from_jwk(key)?, &rules)?.claims)
}

async fn keys(test: &TestApp) -> JwkSet {
    serde_json::from_value(test.get("/v1/evidence/jwks.json", "").await.expect(200).body).unwrap()
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[tokio::test]
async fn an_export_verifies_and_tells_the_whole_session() {
    for (file, algorithm) in [("ed25519.pem", Algorithm::EdDSA), ("p256.pem", Algorithm::ES256)] {
        with_key(file, async |test| {
            let (who, session) = canceled(test, "US", "CA").await;
            let exported = export(test, &session).await.expect(200);
            assert_eq!(exported.headers["content-type"], "application/jose");
            let keys = keys(test).await;
            assert_eq!(jsonwebtoken::decode_header(&exported.text).unwrap().alg, algorithm);
            let payload = verified(&exported.text, &keys).unwrap();
            assert_eq!(payload["format"], "counteroffer-evidence/1");
            assert_eq!(payload["iat"], test.clock.now().as_second());
            assert_eq!(payload["session"]["customer"], who.customer);
            let rules = &payload["rules"];
            assert_eq!(
                (&rules["policy"]["key"], &rules["place"]["state"]),
                (&json!("california"), &json!("CA"))
            );
            let ground = &rules["preset"]["grounds"][0];
            assert!(ground["source"].is_string() && ground["read"].is_string(), "{ground}");
            assert_eq!(payload["answers"], json!({"reason": "price", "feedback": "too_expensive"}));
            assert!(!payload.to_string().contains("Ada"), "no free text");
            let path = format!("/v1/sessions/{}/receipt", session.text_at("/id"));
            let receipt = test.get(&path, &test.token(&who)).await.expect(200);
            assert_eq!(payload["receipt"], receipt.body, "what the subscriber gets");
            assert_eq!(payload["receipt"]["exit_visible"], true);

            // The chain, and the texts, from what is in the payload alone.
            let mut before = String::new();
            for event in payload["receipt"]["events"].as_array().unwrap() {
                let mut digested = event.clone();
                let hash = digested.as_object_mut().unwrap().shift_remove("hash").unwrap();
                assert_eq!(hash, sha256(&format!("{before}\n{digested}")), "{event}");
                before = hash.as_str().unwrap().to_owned();
            }
            assert_eq!(payload["receipt"]["evidence"]["head"], before);
            let shown = &payload["texts"][0];
            assert_eq!(shown["texts"]["offers"][0]["headline"], "Grüße, “half” price");
            let events = payload["receipt"]["events"].as_array().unwrap();
            let event = events.iter().find(|event| event["hash"] == shown["event"]).unwrap();
            assert_eq!(event["texts_digest"], sha256(&shown["texts"].to_string()));

            let [head, body, signature] = exported.text.split('.').collect::<Vec<_>>().try_into().unwrap();
            let mut changed = body.to_owned();
            changed.replace_range(200..201, if &body[200..201] == "A" { "B" } else { "A" });
            assert!(verified(&format!("{head}.{changed}.{signature}"), &keys).is_err());
            let trail = test.app.store.audit_trail(None, 10).await.unwrap();
            let line = &trail.iter().find(|entry| entry.line.action == "evidence.export").unwrap().line;
            assert!(
                line.actor.starts_with("key_") && line.detail.contains(session.text_at("/id")),
                "{line:?}"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_period_is_exported_in_pages() {
    with_key("ed25519.pem", async |test| {
        let mut ids = Vec::new();
        for _ in 0..3 {
            let (_, session) = canceled(test, "JP", "").await;
            ids.insert(0, session.text_at("/id").to_owned());
        }
        let (key, keys) = (test.key(Role::Analyst).await, keys(test).await);
        let now = test.clock.now();
        let first = test.get(&format!("/v1/evidence?limit=2&created_from={now}"), &key).await.expect(200);
        let cursor = first.text_at("/next_cursor");
        let next = test
            .get(&format!("/v1/evidence?limit=2&created_from={now}&cursor={cursor}"), &key)
            .await
            .expect(200);
        assert_eq!(next.body["next_cursor"], Value::Null);
        let mut found = Vec::new();
        for (id, jws) in [&first, &next]
            .iter()
            .flat_map(|page| page.each("/data", "session").into_iter().zip(page.each("/data", "jws")))
        {
            let payload = verified(jws.as_str().unwrap(), &keys).unwrap();
            assert_eq!(payload["session"]["id"], id);
            assert_eq!(payload["rules"]["preset"]["policy"]["key"], "none", "where nothing else is said");
            found.push(id);
        }
        found.sort_by_key(|id| std::cmp::Reverse(id.to_string()));
        ids.sort_by(|a, b| b.cmp(a));
        assert_eq!(found, ids);
        let none = test.get(&format!("/v1/evidence?created_to={now}"), &key).await.expect(200);
        assert_eq!(none.body["data"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn without_a_key_the_answer_says_what_to_configure() {
    on_every_database(async |test| {
        let who = test.subscriber();
        let begun = test.begin(&who, None).await.expect(201);
        let refused = export(&test, &begun).await.expect(409);
        assert_eq!(refused.text_at("/code"), "signing_key_missing");
        assert!(refused.text_at("/detail").contains("`evidence.signing_key_file`"));
        let key = test.key(Role::Analyst).await;
        test.get("/v1/evidence", &key).await.expect(409);
        assert_eq!(test.get("/v1/evidence/jwks.json", "").await.expect(200).body, json!({"keys": []}));
        test
    })
    .await;
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_refused_at_start() {
    let database = sqlite();
    database.store().await.close().await;
    for file in ["rsa.pem", "nothing.pem"] {
        let variables = [
            ("DATABASE_URL", database.url().to_owned()),
            ("STRIPE_SECRET_KEY", "sk_test_1".to_owned()),
            ("COUNTEROFFER_EVIDENCE__SIGNING_KEY_FILE", key_file(file)),
        ];
        let config = Config::load(None, variables.map(|(name, value)| (name.to_owned(), value))).unwrap();
        let clock = counteroffer::clock::Clock::manual("2027-03-01T12:00:00Z".parse().unwrap());
        let refused = boot::app(&config, clock).await.unwrap_err().to_string();
        assert!(refused.contains("evidence.signing_key_file"), "{refused}");
    }
}

#[tokio::test]
async fn what_a_former_key_signed_goes_on_being_verified() {
    for database in databases() {
        let start = async |database, signing: &str, former: &str| {
            let signing = key_file(signing);
            let variables = [
                ("COUNTEROFFER_EVIDENCE__SIGNING_KEY_FILE", signing.as_str()),
                ("COUNTEROFFER_EVIDENCE__FORMER_KEYS_FILE", former),
            ];
            TestApp::start_with(database, &variables).await
        };
        let test = start(database, "ed25519.pem", "").await;
        let session = test.begin(&test.subscriber(), None).await.expect(201);
        let first = export(&test, &session).await.expect(200).text;
        let folder = tempfile::tempdir().unwrap();
        let former = folder.path().join("former-keys.json");
        std::fs::write(&former, test.get("/v1/evidence/jwks.json", "").await.expect(200).text).unwrap();
        let former = former.display().to_string();
        let (database, sandbox) = test.close().await;
        sandbox.stop().await;

        let test = start(database, "p256.pem", &former).await;
        let second = export(&test, &session).await.expect(200).text;
        let published = keys(&test).await;
        assert_eq!(published.keys.len(), 2);
        for jws in [&first, &second] {
            assert_eq!(verified(jws, &published).unwrap()["session"]["id"], session.text_at("/id"));
        }
        let id = |jws: &str| jsonwebtoken::decode_header(jws).unwrap().kid;
        assert_eq!(
            published.keys.iter().map(|key| key.common.key_id.clone()).collect::<Vec<_>>(),
            [id(&second), id(&first)]
        );
        let (database, sandbox) = test.close().await;
        sandbox.stop().await;

        // The former key signs again: there is one of it.
        let test = start(database, "ed25519.pem", &former).await;
        let published = keys(&test).await;
        assert_eq!(published.keys.len(), 1);
        assert!(verified(&first, &published).is_ok());
        test.finish().await;
    }
}

#[tokio::test]
async fn former_keys_that_must_not_be_published_are_refused_at_start() {
    let database = sqlite();
    database.store().await.close().await;
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("private.json");
    std::fs::write(&private, r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AQAB", "d": "c2VjcmV0"}]}"#)
        .unwrap();
    for (file, why) in [
        (key_file("nothing.json"), "cannot be read"),
        (
            key_file("ed25519.pem"),
            "is no JWK Set (RFC 7517); give one as `/v1/evidence/jwks.json` answered it",
        ),
        (private.display().to_string(), "holds a private or secret key at /keys/0; give public keys only"),
    ] {
        let variables = [
            ("DATABASE_URL", database.url()),
            ("STRIPE_SECRET_KEY", "sk_test_1"),
            ("COUNTEROFFER_EVIDENCE__FORMER_KEYS_FILE", &file),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(None, variables).unwrap();
        let clock = counteroffer::clock::Clock::manual("2027-03-01T12:00:00Z".parse().unwrap());
        let refused = boot::app(&config, clock).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("evidence.former_keys_file: {why}")), "{refused}");
        assert!(!refused.contains("c2VjcmV0"));
    }
}

#[tokio::test]
async fn the_example_verifies_what_is_exported_and_refuses_what_was_changed() {
    if !crate::examples::installed("node") {
        return;
    }
    for file in ["ed25519.pem", "p256.pem"] {
        with_key(file, async |test| {
            let (_, session) = canceled(test, "US", "CA").await;
            let exported = export(test, &session).await.expect(200).text;
            let folder = tempfile::tempdir().unwrap();
            let (keys, exports) = (folder.path().join("jwks.json"), folder.path().join("evidence.jws"));
            std::fs::write(&keys, test.get("/v1/evidence/jwks.json", "").await.text).unwrap();
            let run = |jws: &str| {
                std::fs::write(&exports, format!("{jws}\n")).unwrap();
                let script = "examples/verify-evidence.mjs";
                let mut node = Command::new("node");
                node.current_dir(env!("CARGO_MANIFEST_DIR")).arg(script).arg(&keys).arg(&exports);
                node.output().unwrap()
            };
            let good = run(&exported);
            let said =
                String::from_utf8_lossy(&good.stdout).into_owned() + &String::from_utf8_lossy(&good.stderr);
            let wanted = format!("{}: canceled, 6 events, california 1\n", session.text_at("/id"));
            assert_eq!(said, wanted);
            let mut other = exported.clone();
            other.replace_range(exported.len() - 20..exported.len() - 16, "AAAA");
            let bad = run(&other);
            assert!(!bad.status.success());
            assert!(
                String::from_utf8_lossy(&bad.stderr).contains("the signature is not that of the content")
            );
        })
        .await;
    }
}

async fn stored(test: &TestApp, session: &Answer) -> Session {
    test.app.store.session(session.text_at("/id").parse().unwrap()).await.unwrap().unwrap().session
}

#[tokio::test]
async fn evidence_is_deleted_when_the_rules_want_it_kept_no_longer() {
    on_every_database(async |test| {
        test.publish(FLOW).await;
        let kept = async |country: &str, state: &str| {
            let who = living_in(&test, country, state);
            let begun = test.begin(&who, None).await.expect(201);
            test.act(&who, &begun, "keep", json!({})).await.expect(200);
            (who, begun)
        };
        let (_, left) = canceled(&test, "US", "CA").await;
        let (stays, staying) = kept("US", "CA").await;
        let (_, two_years) = kept("CH", "").await;
        let (_, no_rule) = kept("JP", "").await;
        let sweep_at = async |at: &str| {
            let at: Timestamp = at.parse().unwrap();
            test.clock.advance(at.duration_since(test.clock.now()));
            retention::sweep(&test.app).await.unwrap()
        };
        let deleted = async |session: &Answer| stored(&test, session).await.evidence.deleted_at().is_some();

        assert_eq!(sweep_at("2029-03-01T11:00:00Z").await, 0);
        assert_eq!(sweep_at("2029-03-01T13:00:00Z").await, 1);
        assert!(deleted(&two_years).await);
        // Three years after the begin, or one after the end, whichever is longer; it ended in April 2027.
        assert_eq!(sweep_at("2030-03-01T13:00:00Z").await, 1);
        assert!(deleted(&left).await && !deleted(&staying).await, "that contract goes on");
        assert_eq!(sweep_at("2030-03-01T13:00:00Z").await, 0, "twice is the same as once");

        let subscription = stays.subscription.parse().unwrap();
        let (seen, _) = test.app.store.snapshot(&subscription).await.unwrap().unwrap();
        let ended = Subscription {
            status: SubscriptionStatus::Canceled,
            ended_at: Some("2030-05-01T00:00:00Z".parse().unwrap()),
            ..seen
        };
        assert_eq!(sweep_at("2030-06-01T00:00:00Z").await, 0);
        test.app.store.put_snapshot(&ended, test.clock.now()).await.unwrap();
        assert_eq!(sweep_at("2031-04-30T00:00:00Z").await, 0);
        assert_eq!(sweep_at("2031-05-02T00:00:00Z").await, 1);
        assert!(deleted(&staying).await);
        assert!(!deleted(&no_rule).await, "what no rule limits stays with the session");

        let session = stored(&test, &left).await;
        assert!(session.evidence.is_sound());
        assert_eq!(session.offers.len(), 2, "the figures stay");
        let path = format!("/v1/sessions/{}/receipt", left.text_at("/id"));
        let receipt = test.get(&path, &test.key(Role::Analyst).await).await.expect(200);
        assert_eq!(receipt.body["cancellation"]["state"], "confirmed");
        assert_eq!(receipt.each("/events", "event"), ["deleted"]);
        let trail = test.app.store.audit_trail(None, 50).await.unwrap();
        assert_eq!(trail.iter().filter(|entry| entry.line.action == "evidence.delete").count(), 3);
        test
    })
    .await;
}
