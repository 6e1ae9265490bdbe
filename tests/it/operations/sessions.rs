//! The list of sessions, the numbers over them, and the explanation of one.

use counteroffer::domain::ids::CustomerId;
use counteroffer::services::keys::Role;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::Story;
use crate::support::app::{FLOW, TestApp, on_every_database};

#[tokio::test]
async fn the_summary_counts_exactly() {
    on_every_database(async |test| {
        Story::tell(&test).await;
        let key = test.key(Role::Analyst).await;
        let summary = test.get("/v1/analytics/summary", &key).await.expect(200).body;
        let count = |name: &str| summary[name].as_u64().unwrap();
        let outcomes = ["sessions", "in_progress", "saved", "canceled", "abandoned"].map(count);
        assert_eq!(outcomes, [7, 1, 3, 2, 1]);
        assert_eq!(summary["save_rate"], json!({"numerator": 3, "denominator": 6, "value": 0.5}));
        assert_eq!(summary["cancellation_rate"], json!({"numerator": 2, "denominator": 6, "value": 0.3333}));
        assert_eq!(summary["acceptance_rate"], json!({"numerator": 2, "denominator": 12, "value": 0.1667}));

        let of = |list: &str, name: &str, value: Value| {
            let found = summary[list].as_array().unwrap().iter().find(|item| item[name] == value);
            found.unwrap_or_else(|| panic!("no {value} in {list} of {summary}")).clone()
        };
        let dear = of("reasons", "reason", json!("too_expensive"));
        assert_eq!(dear["save_rate"], json!({"numerator": 2, "denominator": 3, "value": 0.6667}));
        let silent = of("reasons", "reason", Value::Null);
        assert_eq!(
            [&silent["sessions"], &silent["saved"], &silent["canceled"]],
            [&json!(2), &json!(1), &json!(1)]
        );
        let busy = of("reasons", "reason", json!("no_time"));
        assert_eq!(busy["save_rate"], json!({"numerator": 0, "denominator": 0, "value": null}));

        let numbers = |item: &Value| {
            ["presented", "accepted", "declined", "rejected"].map(|name| item[name].as_u64().unwrap())
        };
        assert_eq!(numbers(&of("offers", "offer", json!("half-off"))), [3, 1, 1, 1]);
        assert_eq!(numbers(&of("offers", "offer", json!("breather"))), [6, 1, 0, 0]);
        assert_eq!(numbers(&of("offers", "offer", json!("talk"))), [1, 0, 0, 0]);
        let pause = of("offer_types", "type", json!("pause"));
        assert_eq!(pause["given_away"], json!([{"amount": 4900, "currency": "usd"}]));
        assert_eq!(pause["acceptance_rate"], json!({"numerator": 1, "denominator": 6, "value": 0.1667}));
        let money = |amount: i64, currency: &str| json!({"amount": amount, "currency": currency});
        let wanted = |currency: &str, [at_risk, saved, lost, given]: [i64; 4]| {
            json!({"at_risk": money(at_risk, currency), "saved": money(saved, currency),
                "lost": money(lost, currency), "given_away": money(given, currency)})
        };
        // Half of the three invoices that fall into three months from the offer, and a month's pause.
        let dollars = wanted("usd", [29_400, 14_700, 4_900, 12_250]);
        assert_eq!(summary["mrr"], json!([wanted("eur", [1_000, 0, 1_000, 0]), dollars]));

        let some = test.get("/v1/analytics/summary?status=canceled&segment=monthly", &key).await.expect(200);
        assert_eq!(some.body["sessions"], 1);
        let none = test.get("/v1/analytics/summary?livemode=true", &key).await.expect(200);
        assert_eq!((&none.body["sessions"], &none.body["mrr"]), (&json!(0), &json!([])));
        test
    })
    .await;
}

#[tokio::test]
async fn each_filter_lets_through_what_it_says() {
    on_every_database(async |test| {
        let story = Story::tell(&test).await;
        let key = test.key(Role::Analyst).await;
        let (_, taker, _) = story.of("takes");
        let everybody =
            ["is refused", "leaves", "hesitates", "keeps", "turns down", "takes", "abandons"].as_slice();
        let (by_customer, by_subscription) =
            (format!("customer={}", taker.customer), format!("subscription={}", taker.subscription));
        let cases: [(&str, &[&str]); 18] = [
            ("", everybody),
            ("status=saved", &["is refused", "keeps", "takes"]),
            ("status=in_progress", &["hesitates"]),
            ("status=abandoned", &["abandons"]),
            ("reason=too_expensive", &["is refused", "turns down", "takes"]),
            ("reason=other", &[]),
            ("offer=more-time", &["hesitates"]),
            ("offer_type=free_features", &["abandons"]),
            ("segment=monthly", &["is refused", "hesitates", "keeps", "turns down", "takes", "abandons"]),
            ("segment=month", &[]),
            ("flow=default", everybody),
            ("flow=other", &[]),
            ("livemode=false", everybody),
            ("livemode=true", &[]),
            ("created_to=2027-03-02T00:00:00Z", &["abandons"]),
            ("created_from=2027-03-02T00:00:00Z&status=canceled", &["leaves", "turns down"]),
            (&by_customer, &["takes"]),
            (&by_subscription, &["takes"]),
        ];
        for (query, wanted) in cases {
            let page = test.get(&format!("/v1/sessions?{query}"), &key).await.expect(200);
            let ids = page.each("/data", "id");
            let names: Vec<_> = ids.iter().map(|id| story.name(id.as_str().unwrap())).collect();
            assert_eq!(names, wanted, "{query}");
            assert_eq!(page.body["next_cursor"], Value::Null);
        }
        for (query, named) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("status=lost", "status"),
            ("reason=Too%20dear", "reason"),
            ("cursor=x", "cursor"),
            ("created_from=yesterday", "created_from"),
            ("colour=red", "colour"),
        ] {
            let refused = test.get(&format!("/v1/sessions?{query}"), &key).await;
            assert!(refused.status.is_client_error(), "{query}: {}", refused.text);
            assert!(refused.text.contains(named), "{query}: {}", refused.text);
        }
        let server = test.key(Role::Server).await;
        for path in ["/v1/sessions", "/v1/analytics/summary", "/v1/billing-operations"] {
            test.get(path, &server).await.expect(403);
            test.get(path, "").await.expect(401);
        }
        test
    })
    .await;
}

#[tokio::test]
async fn pages_are_whole_while_sessions_begin() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let begin = async || {
            test.advance(SignedDuration::from_secs(1));
            test.begin(&test.subscriber(), None).await.expect(201).text_at("/id").to_owned()
        };
        let mut wanted = Vec::new();
        for _ in 0..5 {
            wanted.insert(0, begin().await);
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for pages in 0.. {
            assert!(pages < 3, "more pages than there were sessions for");
            let page = test.get(&format!("/v1/sessions?limit=2{cursor}"), &key).await.expect(200);
            seen.extend(page.each("/data", "id").iter().map(|id| id.as_str().unwrap().to_owned()));
            begin().await;
            let Some(next) = page.body["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, wanted);
        test
    })
    .await;
}

#[tokio::test]
async fn as_csv_the_same_page_comes_without_formulas() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        for customer in ["=1+1", "ada,\"the\"first", "-2", "plain"] {
            test.advance(SignedDuration::from_secs(1));
            let who = test.subscriber();
            let id: CustomerId = customer.parse().unwrap();
            let subscription = who.subscription.parse().unwrap();
            let now = test.clock.now();
            let token = counteroffer::http::auth::mint(&test.config.auth, &id, Some(&subscription), 600, now)
                .unwrap();
            let body = json!({"subscription": who.subscription, "reason": "too_expensive"});
            let session = test.post("/v1/sessions", &token, body).await.expect(201);
            if customer == "=1+1" {
                let path = format!(
                    "/v1/sessions/{}/offers/{}/accept",
                    session.text_at("/id"),
                    session.offer("half-off")
                );
                test.post(&path, &token, json!({})).await.expect(200);
            }
        }
        let csv =
            async |path: &str| test.send(Method::GET, path, &key, None, &[("accept", "text/csv")]).await;
        let first = csv("/v1/sessions?limit=3&reason=too_expensive").await.expect(200);
        assert_eq!(first.headers["content-type"], "text/csv; charset=utf-8");
        let link = first.headers["link"].to_str().unwrap();
        let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
        assert!(next.contains("reason=too_expensive"), "{next}");
        let second = csv(next).await.expect(200);
        assert!(second.headers.get("link").is_none(), "{:?}", second.headers);

        let mut rows = Vec::new();
        for page in [&first, &second] {
            let mut reader = csv::Reader::from_reader(page.text.as_bytes());
            assert_eq!(reader.headers().unwrap().iter().next(), Some("id"));
            rows.extend(
                reader.deserialize::<std::collections::HashMap<String, String>>().map(Result::unwrap),
            );
        }
        let customers: Vec<_> = rows.iter().map(|row| row["customer"].as_str()).collect();
        assert_eq!(customers, ["plain", "'-2", "ada,\"the\"first", "'=1+1"]);
        let last = rows.last().unwrap();
        assert_eq!((last["status"].as_str(), last["offer_accepted"].as_str()), ("saved", "half-off"));
        assert_eq!((last["offers_presented"].as_str(), last["mrr"].as_str()), ("half-off breather", "4900"));
        assert_eq!(last["closed_at"], "2027-03-01T12:00:01Z");
        test
    })
    .await;
}

async fn explanation(test: &TestApp, key: &str, session: &str) -> Value {
    test.get(&format!("/v1/sessions/{session}/explanation"), key).await.expect(200).body
}

#[tokio::test]
async fn an_explanation_names_rule_facts_and_reasons() {
    on_every_database(async |test| {
        test.publish(&FLOW.replace("max_offers: 2", "max_offers: 1")).await;
        let (key, who) = (test.key(Role::Analyst).await, test.subscriber());
        let first = test.begin(&who, None).await.expect(201);
        test.act(&who, &first, "keep", json!({})).await.expect(200);
        test.advance(SignedDuration::from_secs(60));
        let session = test.begin(&who, None).await.expect(201);
        test.act(&who, &session, "answers", json!({"reason": "too_expensive"})).await.expect(200);

        let explained = explanation(&test, &key, session.text_at("/id")).await;
        assert_eq!(explained["flow"], json!({"key": "default", "version": 2}));
        let decisions = explained["decisions"].as_array().unwrap();
        assert_eq!(decisions.len(), 2, "one when it began, one for the reason");
        let traces = [&decisions[0]["trace"], &decisions[1]["trace"]];
        assert_eq!(traces[0]["decision"]["rule"], 4);
        assert_eq!(traces[0]["rules"][0]["matches"], false);
        assert!(traces[0]["rules"][0]["why"].as_str().unwrap().contains("none is given yet"));
        assert_eq!(traces[1]["decision"]["rule"], 0);
        assert_eq!(traces[1]["rules"][0], json!({"rule": 0, "matches": true, "why": ""}));
        assert_eq!(traces[1]["decision"]["offers"], json!(["half-off"]));

        let segment = &traces[1]["segments"][0];
        assert_eq!((&segment["segment"], &segment["holds"]), (&json!("monthly"), &json!(true)));
        let compared = &segment["condition"]["parts"][0];
        assert_eq!((&compared["operator"], &compared["constant"]), (&json!("eq"), &json!("month")));
        let fact =
            json!({"attribute": "plan.interval", "value": "month", "source": "stripe", "age_seconds": 60});
        assert_eq!(compared["fact"], fact);
        let facts = traces[1]["facts"].as_array().unwrap();
        assert!(
            facts.iter().any(|fact| fact["source"] == "history" && fact["age_seconds"] == 0),
            "{facts:?}"
        );

        let offer = |key: &str| {
            let offers = traces[1]["offers"].as_array().unwrap();
            offers.iter().find(|offer| offer["offer"] == key).unwrap().clone()
        };
        assert_eq!(offer("breather")["left_out"]["code"], "over_max_offers");
        assert_eq!(offer("gift")["left_out"]["code"], "not_in_rule");
        assert_eq!(offer("half-off")["presented"], true);
        assert_eq!(offer("half-off")["guards"].as_array().unwrap().len(), 11);

        // Asked later, it still tells of then.
        test.accept(&who, &test.read(&who, &session).await, "half-off").await.expect(200);
        test.publish(FLOW).await;
        test.advance(SignedDuration::from_hours(1));
        assert_eq!(explanation(&test, &key, session.text_at("/id")).await, explained);
        test.get("/v1/sessions/ses_01JAF5XT9Z4M2K7Q8W3E6R5T1Y/explanation", &key).await.expect(404);
        test
    })
    .await;
}
