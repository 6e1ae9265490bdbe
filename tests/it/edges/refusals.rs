use serde_json::json;

use super::*;
use crate::support::app::on_every_database;

const JSON: &str = "application/json";
const SESSION: &str = "ses_01JAF5XT9Z4M2K7Q8W3E6R5T1Y";

/// Who sends it.
#[derive(Clone, Copy)]
enum As {
    Customer,
    Admin,
}
use As::{Admin, Customer};

/// Method, path, caller, media type, body; then status, code, and the pointer of the first error, if there is one.
type Case<'a> = (&'a str, String, As, &'a str, String, u16, &'a str, Option<&'a str>);

fn bodies(subscription: &str) -> Vec<Case<'static>> {
    let begin = "/v1/sessions";
    let body = |more: &str| format!(r#"{{"subscription": "{subscription}"{more}}}"#);
    let to = |path: &str| path.to_owned();
    let invalid = "invalid_request";
    vec![
        ("POST", to(begin), Customer, JSON, body(r#", "colour": 1"#), 400, invalid, Some("/colour")),
        ("POST", to(begin), Customer, JSON, body(r#", "reason": 5"#), 400, invalid, Some("/reason")),
        ("POST", to(begin), Customer, JSON, body(r#", "locale": "e\u0000""#), 400, invalid, Some("/locale")),
        ("POST", to(begin), Customer, JSON, body(r#", "reason": "a\u0000""#), 400, invalid, Some("/reason")),
        (
            "POST",
            to(begin),
            Customer,
            JSON,
            body(r#", "context": {"a": ["\u0000"]}"#),
            400,
            invalid,
            Some("/context/a/0"),
        ),
        ("POST", to(begin), Customer, JSON, "{}".into(), 400, invalid, Some("/subscription")),
        ("POST", to(begin), Customer, JSON, "[]".into(), 400, invalid, Some("")),
        ("POST", to(begin), Customer, JSON, String::new(), 400, "invalid_json", None),
        ("POST", to(begin), Customer, JSON, "{".into(), 400, "invalid_json", None),
        ("POST", to(begin), Customer, JSON, body("") + "x", 400, "invalid_json", None),
        ("POST", to(begin), Customer, "text/plain", body(""), 415, "unsupported_media_type", None),
        ("POST", to(begin), Customer, "", body(""), 415, "unsupported_media_type", None),
        ("POST", to(begin), Customer, JSON, " ".repeat(300_000), 413, "body_too_large", None),
        (
            "POST",
            to(begin),
            Customer,
            JSON,
            body(r#", "reason": "weather""#),
            422,
            "invalid_content",
            Some("/reason"),
        ),
        ("POST", to(begin), Customer, JSON, body(r#", "customer": "a""#), 400, invalid, Some("/customer")),
        ("POST", to(begin), Admin, JSON, body(""), 400, invalid, Some("/customer")),
        (
            "PUT",
            to("/v1/customers/user-17"),
            Admin,
            JSON,
            r#"{"attributes": {"a/b": 1}}"#.into(),
            422,
            "invalid_content",
            Some("/attributes/a~1b"),
        ),
        (
            "PUT",
            to("/v1/customers/user-17"),
            Admin,
            JSON,
            r#"{"attributes": {"a": {"b": 1}}}"#.into(),
            422,
            "invalid_content",
            Some("/attributes/a"),
        ),
        (
            "PUT",
            to("/v1/customers/user-17"),
            Admin,
            JSON,
            r#"{"attributes": {"a": "\u0000"}}"#.into(),
            400,
            invalid,
            Some("/attributes/a"),
        ),
    ]
}

fn others() -> Vec<Case<'static>> {
    let to = |path: &str| path.to_owned();
    let (invalid, content) = ("invalid_request", "invalid_content");
    let empty = String::new;
    vec![
        ("GET", to("/v1/session"), Admin, "", empty(), 404, "unknown_path", None),
        ("PATCH", to("/v1/sessions"), Admin, "", empty(), 405, "method_not_allowed", None),
        ("DELETE", to("/v1/flows/default"), Admin, "", empty(), 405, "method_not_allowed", None),
        ("GET", to("/v1/sessions?limit=0"), Admin, "", empty(), 400, invalid, Some("/limit")),
        ("GET", to("/v1/sessions?limit=x"), Admin, "", empty(), 400, invalid, Some("/limit")),
        ("GET", to("/v1/sessions?cursor=x"), Admin, "", empty(), 400, invalid, Some("/cursor")),
        (
            "GET",
            to("/v1/sessions?created_from=soon"),
            Admin,
            "",
            empty(),
            400,
            invalid,
            Some("/created_from"),
        ),
        ("GET", to("/v1/sessions?customer=%00"), Admin, "", empty(), 400, invalid, Some("/customer")),
        ("GET", to("/v1/sessions?livemode=maybe"), Admin, "", empty(), 400, invalid, Some("/livemode")),
        ("GET", to("/v1/sessions?colour=red"), Admin, "", empty(), 400, invalid, Some("/colour")),
        ("GET", to("/v1/sessions?limit=1&limit=2"), Admin, "", empty(), 400, invalid, Some("/limit")),
        ("GET", to("/v1/billing-operations?cursor=x"), Admin, "", empty(), 400, invalid, Some("/cursor")),
        ("GET", to("/v1/analytics/summary?status=x"), Admin, "", empty(), 400, invalid, Some("/status")),
        ("GET", format!("/v1/sessions/{SESSION}"), Customer, "", empty(), 404, "not_found", None),
        ("GET", to("/v1/sessions/%00"), Customer, "", empty(), 404, "not_found", None),
        ("GET", to("/v1/sessions/ses_1"), Admin, "", empty(), 404, "not_found", None),
        ("GET", format!("/v1/sessions/{SESSION}/explanation"), Admin, "", empty(), 404, "not_found", None),
        ("POST", format!("/v1/sessions/{SESSION}/cancel"), Customer, "", empty(), 404, "not_found", None),
        ("POST", format!("/v1/sessions/{SESSION}/keep"), Customer, "", empty(), 404, "not_found", None),
        (
            "POST",
            format!("/v1/sessions/{SESSION}/cancel"),
            Customer,
            JSON,
            r#"{"when": "never"}"#.into(),
            400,
            invalid,
            Some("/when"),
        ),
        ("GET", to("/v1/customers/nobody"), Admin, "", empty(), 404, "not_found", None),
        ("GET", to("/v1/flows/Default"), Admin, "", empty(), 404, "not_found", None),
        ("POST", to("/v1/flows/other/publish"), Admin, "", empty(), 404, "not_found", None),
        (
            "POST",
            to("/v1/flows/default/rollback"),
            Admin,
            JSON,
            r#"{"version": 77}"#.into(),
            404,
            "not_found",
            None,
        ),
        (
            "POST",
            to("/v1/flows/default/rollback"),
            Admin,
            JSON,
            r#"{"version": 2147483648}"#.into(),
            400,
            invalid,
            Some("/version"),
        ),
        (
            "PUT",
            to("/v1/flows/default"),
            Admin,
            "text/plain",
            "key: a".into(),
            415,
            "unsupported_media_type",
            None,
        ),
        ("PUT", to("/v1/flows/default"), Admin, "application/yaml", "a\0".into(), 400, invalid, Some("")),
        (
            "POST",
            to("/v1/flows/default/validate"),
            Admin,
            "application/yaml",
            "key: default\nrules: 5".into(),
            422,
            content,
            Some("/rules"),
        ),
        (
            "POST",
            to("/v1/flows/default/preview"),
            Admin,
            JSON,
            r#"{"subscription": "sub_1", "facts": {"plan": 1}}"#.into(),
            422,
            content,
            Some("/facts/plan"),
        ),
        ("POST", to("/v1/stripe/webhooks"), Admin, JSON, "{}".into(), 400, "invalid_signature", None),
    ]
}

#[tokio::test]
async fn bad_input_gets_a_problem_that_names_it_and_writes_nothing() {
    on_every_database(async |test| {
        let (who, admin) = (test.subscriber(), test.key(Role::Admin).await);
        let before = kept(&test, &admin).await;
        let cases = bodies(&who.subscription).into_iter().chain(others());
        for (method, path, caller, media_type, body, status, code, pointer) in cases {
            let credentials = match caller {
                Customer => test.token(&who),
                Admin => admin.clone(),
            };
            let place = format!("{method} {path} {}", &body[..body.len().min(80)]);
            let method = method.parse().unwrap();
            let answer = raw(&test, method, &path, &credentials, media_type, body, &[]).await;
            assert_eq!(answer.status.as_u16(), status, "{place}: {}", answer.text);
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{place}");
            assert_eq!(answer.body["code"], code, "{place}: {}", answer.text);
            assert!(!answer.body["detail"].as_str().unwrap().is_empty(), "{place}");
            let named = answer.body.pointer("/errors/0/pointer").map_or(json!(null), Clone::clone);
            assert_eq!(named, json!(pointer), "{place}: {}", answer.text);
        }
        assert_eq!(kept(&test, &admin).await, before);
        test
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_things_are_not_there() {
    on_every_database(async |test| {
        let (owner, other) = (test.subscriber(), test.subscriber());
        let session = test.begin(&owner, Some("too_expensive")).await.expect(201);
        let path = format!("/v1/sessions/{}", session.text_at("/id"));
        let token = test.token(&other);
        test.get(&path, &token).await.expect(404);
        for action in ["answers", "keep", "cancel"] {
            test.post(&format!("{path}/{action}"), &token, json!({})).await.expect(404);
        }
        let offer = format!("{path}/offers/{}", session.offer("half-off"));
        for action in ["accept", "decline"] {
            test.post(&format!("{offer}/{action}"), &token, json!({})).await.expect(404);
        }
        let body = json!({"subscription": owner.subscription});
        let begun = test.post("/v1/sessions", &token, body).await;
        assert!(begun.status.is_client_error(), "{}", begun.text);
        assert_eq!(test.read(&owner, &session).await.expect(200).body["status"], "in_progress");
        test.act(&owner, &session, "keep", json!({})).await.expect(200);
        test
    })
    .await;
}
