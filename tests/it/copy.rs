//! Texts: in the subscriber's language as far as the flow has it, with values in its manner, and never more than text.

use counteroffer::services::keys::Role;
use serde_json::json;

use crate::support::app::{Answer, FLOW, Subscriber, TestApp, on_every_database};

/// The flow of the tests, with a default language and a discount in three.
fn flow() -> String {
    let headlines = r#"copy: {
      en: {headline: "Half price until {{ discount_ends }}", accept: Take it},
      pt-BR: {headline: "{{ plan.amount }} até {{ discount_ends }}"},
      de: {
        headline: "{% if customer.name %}{{ customer.name }}, {% endif %}{{ plan.name }} zum halben Preis",
        body: "{{ duration_in_months }} {% if duration_in_months is one %}Monat{% else %}Monate{% endif %}, bis {{ discount_ends }}. Sonst {{ plan.amount }}."
      }
    }"#;
    let english = r#"copy: {en: {headline: "Half price until {{ discount_ends }}"}}"#;
    assert!(FLOW.contains(english));
    FLOW.replace(english, headlines).replace("key: default\n", "key: default\ndefault_locale: de\n")
}

async fn begin(test: &TestApp, who: &Subscriber, locale: Option<&str>) -> Answer {
    let mut body = json!({"subscription": who.subscription, "reason": "too_expensive"});
    if let Some(locale) = locale {
        body["locale"] = json!(locale);
    }
    test.post("/v1/sessions", &test.token(who), body).await.expect(201)
}

#[tokio::test]
async fn a_session_is_worded_in_the_best_language_that_the_flow_has() {
    on_every_database(async |test| {
        test.publish(&flow()).await;
        let german = "Pro zum halben Preis";
        for (locale, headline, label, accept) in [
            (Some("en"), "Half price until June 1, 2027", "It costs too much", "Take it"),
            (Some("en-GB"), "Half price until 1 June 2027", "It costs too much", "Take it"),
            (Some("de-AT"), german, "Zu teuer", "Apply the discount"),
            (Some("DE_at"), german, "Zu teuer", "Apply the discount"),
            (Some("pt-PT"), "49,00 USD até 1 de junho de 2027", "Zu teuer", "Apply the discount"),
            (Some("ja"), german, "Zu teuer", "Apply the discount"),
            (Some("x; no tag"), german, "Zu teuer", "Apply the discount"),
            (None, german, "Zu teuer", "Apply the discount"),
        ] {
            let who = test.subscriber();
            let session = begin(&test, &who, locale).await;
            assert_eq!(session.text_at("/offers/0/copy/headline"), headline, "{locale:?}");
            assert_eq!(session.text_at("/offers/0/copy/accept"), accept, "{locale:?}");
            assert_eq!(session.text_at("/survey/reasons/0/label"), label, "{locale:?}");
            assert_eq!(session.text_at("/survey/reasons/1/label"), "Something is missing", "{locale:?}");
            // Read again, it says the same, whatever was said to others meanwhile.
            assert_eq!(test.read(&who, &session).await.body, session.body);
        }
        let session = begin(&test, &test.subscriber(), Some("de")).await;
        assert_eq!(session.text_at("/offers/0/copy/body"), "3 Monate, bis 1. Juni 2027. Sonst 49,00 USD.");
        test
    })
    .await;
}

#[tokio::test]
async fn without_a_locale_the_header_chooses_among_the_languages_of_the_flow() {
    on_every_database(async |test| {
        test.publish(&flow()).await;
        let begin = async |who: &Subscriber, locale: Option<&str>, headers: &[(&str, &str)]| {
            let mut body = json!({"subscription": who.subscription, "reason": "too_expensive"});
            if let Some(locale) = locale {
                body["locale"] = json!(locale);
            }
            let token = test.token(who);
            test.send(reqwest::Method::POST, "/v1/sessions", &token, Some(body), headers).await
        };
        let (german, english) = ("Pro zum halben Preis", "Half price until June 1, 2027");
        let british = "Half price until 1 June 2027";
        let portuguese = "49,00 USD até 1 de junho de 2027";
        let hostile = format!("en,{}", "\"'<>;q=-1,".repeat(2_000));
        for (locale, header, headline) in [
            (None, "en", english),
            (None, "en-GB,en;q=0.9", british),
            (None, "ja, fr;q=0.9, en;q=0.8, de;q=0.7", english),
            (None, "en;q=0.2, pt-PT;q=0.9, de;q=0.5", portuguese),
            (None, "en;q=0, *", german),
            (None, "*", german),
            (None, "ja", german),
            (None, "", german),
            (None, ";;q=,,;=%00", german),
            (None, &hostile, german),
            (Some("en"), "pt-BR", english),
            (Some("ja"), "en", german),
        ] {
            let who = test.subscriber();
            let session = begin(&who, locale, &[("accept-language", header)]).await.expect(201);
            assert_eq!(session.text_at("/offers/0/copy/headline"), headline, "{header}");
            // Whoever reads it again in another language sees what was begun.
            let path = format!("/v1/sessions/{}", session.text_at("/id"));
            let other = [("accept-language", "pt")];
            let read = test.send(reqwest::Method::GET, &path, &test.token(&who), None, &other).await;
            assert_eq!(read.body, session.body, "{header}");
        }
        let who = test.subscriber();
        let first = begin(&who, None, &[("accept-language", "en"), ("idempotency-key", "once")]).await;
        let again = begin(&who, None, &[("accept-language", "de"), ("idempotency-key", "once")]).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.body, first.body);
        test
    })
    .await;
}

#[tokio::test]
async fn names_are_put_in_as_text_and_turn_nothing() {
    on_every_database(async |test| {
        test.publish(&flow()).await;
        let key = test.key(Role::Server).await;
        for (name, shown) in [
            ("Zoë", "Zoë"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("{{ plan.amount }}{% if", "{{ plan.amount }}{% if"),
            ("\u{202E}eman\u{2066}\r\n\u{7}Ann", "eman  Ann"),
        ] {
            let who = test.subscriber();
            let profile = json!({"attributes": {"name": name}});
            let path = format!("/v1/customers/{}", who.customer);
            test.send(reqwest::Method::PUT, &path, &key, Some(profile), &[]).await.expect(200);
            let session = begin(&test, &who, Some("de")).await;
            let headline = format!("{shown}, Pro zum halben Preis");
            assert_eq!(session.text_at("/offers/0/copy/headline"), headline);
        }
        test
    })
    .await;
}

#[tokio::test]
async fn a_preview_shows_each_offer_in_every_language_of_the_flow() {
    on_every_database(async |test| {
        test.publish(&flow()).await;
        let (key, who) = (test.key(Role::Operator).await, test.subscriber());
        let body = json!({
            "subscription": who.subscription, "reason": "too_expensive", "version": 2,
            "facts": {"customer.name": "Ada"},
        });
        let preview = test.post("/v1/flows/default/preview", &key, body).await.expect(200);
        let headline = |tag: &str| preview.text_at(&format!("/copies/half-off/{tag}/headline"));
        assert_eq!(headline("en"), "Half price until June 1, 2027");
        assert_eq!(headline("de"), "Ada, Pro zum halben Preis");
        assert_eq!(headline("pt-BR"), "49,00 USD até 1 de junho de 2027");
        assert_eq!(preview.body["copies"]["breather"]["de"], preview.body["copies"]["breather"]["en"]);
        test
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_texts_is_told_in_every_language_at_once() {
    on_every_database(async |test| {
        let key = test.key(Role::Operator).await;
        let flow = r#"{
            "key": "default", "default_locale": "German", "rules": [{"otherwise": true, "present": ["off"]}],
            "reasons": [{"key": "dear", "label": {"en": "Too \u202Edear"}, "stripe_feedback": "too_expensive"}],
            "offers": {"off": {
                "type": "discount", "terms": {"percent_off": 10, "duration": "once"},
                "copy": {
                    "de": {"headline": "Bis {{ discount_ends }}"},
                    "en": {"headline": "{{ customer.name }}, stay", "body": "{% if plan.name %}"},
                    "fr": {"body": "{% if percent_off is one %}x{% endif %}"}
                }
            }}
        }"#;
        let path = "/v1/flows/default/validate";
        let refused = test.send_text(reqwest::Method::POST, path, &key, "application/json", flow).await.expect(422);
        let (pointers, codes) = (refused.each("/errors", "pointer"), refused.each("/errors", "code"));
        let found: Vec<_> = pointers.into_iter().zip(codes).collect();
        let wanted = [
            ("/default_locale", "invalid_locale"),
            ("/reasons/0/label/en", "unsafe_character"),
            ("/offers/off/copy/de/headline", "unknown_variable"),
            ("/offers/off/copy/en/headline", "variable_may_be_missing"),
            ("/offers/off/copy/en/body", "invalid_template"),
            ("/offers/off/copy/fr/body", "invalid_template"),
        ];
        assert_eq!(found, wanted.map(|(pointer, code)| (json!(pointer), json!(code))));
        test
    })
    .await;
}
