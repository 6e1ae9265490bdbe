//! The README's requests, sent to a real server, and the answers printed below them.
//!
//! Ids in the README are samples: `ses_`, `off_`, `sub_` and `cus_` ones stand for the real one that is met in their
//! place first, and must stand for the same one from then on. A session that no answer has named is begun for
//! somebody else.

use std::collections::HashMap;

use counteroffer::http::auth::mint;
use counteroffer::services::keys::Role;
use reqwest::Method;
use serde_json::Value;

use super::blocks::{self, Block};
use super::{README, flow};
use crate::support::app::{Answer, Subscriber, TestApp, on_every_database};

const PREFIXES: [&str; 4] = ["ses_", "off_", "sub_", "cus_"];
const CUSTOMER: &str = "customer-4711";

#[tokio::test]
async fn the_examples_are_answered_as_printed() {
    on_every_database(async |test| {
        test.publish(&flow()).await;
        let mut reader = Reader::new(&test, &test.subscriber());
        let blocks = blocks::all(README);
        let mut sent = 0;
        for (at, block) in blocks.iter().enumerate() {
            if block.mark.is_none() || block.language != "http" {
                continue;
            }
            let below = blocks.get(at + 1).filter(|below| below.text.starts_with("HTTP/1.1"));
            reader.exchange(&test, block, below).await;
            sent += 1;
        }
        assert!(sent > 5, "the README shows requests");
        test
    })
    .await;
}

/// An HTTP message as the README prints it.
struct Message<'a> {
    first: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    /// Null where there is none.
    body: Value,
}

impl<'a> Message<'a> {
    fn read(text: &'a str) -> Self {
        let (head, body) = text.trim_end().split_once("\n\n").unwrap_or((text.trim_end(), "null"));
        let mut lines = head.lines();
        let first = lines.next().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap()).collect();
        Self {
            first,
            headers,
            body: serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body}")),
        }
    }
}

/// Somebody who follows the README to the letter.
struct Reader {
    token: String,
    ids: HashMap<String, String>,
}

impl Reader {
    fn new(test: &TestApp, who: &Subscriber) -> Self {
        let subscription = who.subscription.parse().unwrap();
        let now = test.clock.now();
        let token =
            mint(&test.config.auth, &CUSTOMER.parse().unwrap(), Some(&subscription), 600, now).unwrap();
        let ids = [("sub_1Qexample", &who.subscription), ("cus_Qexample", &who.customer)];
        Self { token, ids: ids.map(|(sample, real)| (sample.to_owned(), real.clone())).into() }
    }

    async fn exchange(&mut self, test: &TestApp, request: &Block, printed: Option<&Block>) {
        for word in words(&request.text).filter(|word| word.starts_with("ses_")) {
            if !self.ids.contains_key(word) {
                self.become_somebody_else(test, word).await;
            }
        }
        let text = self.with_real_ids(&request.text);
        let message = Message::read(&text);
        let answer = self.send(test, &message).await;
        let Some(printed) = printed else {
            assert!(answer.status.is_success(), "{}: {}", message.first, answer.text);
            return;
        };
        let printed = Message::read(&printed.text);
        let status = printed.first.split(' ').nth(1).unwrap();
        assert_eq!(answer.status.as_str(), status, "{}: {}", message.first, answer.text);
        for (name, value) in &printed.headers {
            assert_eq!(answer.headers[*name].to_str().unwrap(), *value);
        }
        let whole = request.mark.as_deref() == Some("whole");
        if let Err(why) = self.compare("", &printed.body, &answer.body, whole) {
            let real = serde_json::to_string_pretty(&answer.body).unwrap();
            panic!("{} is answered otherwise than the README says: {why}\n{real}", message.first);
        }
    }

    async fn become_somebody_else(&mut self, test: &TestApp, sample: &str) {
        let who = test.subscriber();
        self.token = test.token(&who);
        let session = test.begin(&who, None).await.expect(201);
        self.ids.insert(sample.to_owned(), session.text_at("/id").to_owned());
    }

    async fn send(&self, test: &TestApp, message: &Message<'_>) -> Answer {
        let (method, path) = message.first.split_once(' ').unwrap();
        let mut token = self.token.clone();
        let mut headers = Vec::new();
        for (name, value) in &message.headers {
            match *name {
                "Authorization" if value.starts_with("Bearer co_") => {
                    // Flows are for those who decide offers, everything else for the app's back end.
                    let role = if path.starts_with("/v1/flows/") { Role::Operator } else { Role::Server };
                    token = test.key(role).await;
                }
                "Authorization" => assert_eq!(*value, "Bearer <customer token>"),
                "Content-Type" => assert_eq!(*value, "application/json"),
                _ => headers.push((*name, *value)),
            }
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = Some(message.body.clone()).filter(|body| !body.is_null());
        test.send(method, path, &token, body, &headers).await
    }

    fn with_real_ids(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (sample, real) in &self.ids {
            text = text.replace(sample, real);
        }
        text
    }

    /// Compares what is printed with the real answer, which may hold more unless the README prints it `whole`.
    fn compare(&mut self, at: &str, printed: &Value, real: &Value, whole: bool) -> Result<(), String> {
        match (printed, real) {
            (Value::Object(printed), Value::Object(real)) => {
                if let Some(extra) = real.keys().find(|name| whole && !printed.contains_key(*name)) {
                    return Err(format!("{at}/{extra} is not printed"));
                }
                for (name, printed) in printed {
                    let at = format!("{at}/{name}");
                    let real = real.get(name).ok_or_else(|| format!("{at} is not there"))?;
                    self.compare(&at, printed, real, whole)?;
                }
                Ok(())
            }
            (Value::Array(printed), Value::Array(real)) if printed.len() == real.len() => {
                let mut pairs = printed.iter().zip(real).enumerate();
                pairs.try_for_each(|(index, (printed, real))| {
                    self.compare(&format!("{at}/{index}"), printed, real, whole)
                })
            }
            (Value::String(printed), Value::String(real)) if self.same_text(printed, real) => Ok(()),
            (printed, real) if printed == real => Ok(()),
            (printed, real) => Err(format!("{at} is {real}, not {printed}")),
        }
    }

    fn same_text(&mut self, printed: &str, real: &str) -> bool {
        for (sample, id) in words(printed).zip(words(real)) {
            let prefix = PREFIXES.into_iter().find(|prefix| sample.starts_with(prefix));
            if prefix.is_some_and(|prefix| id.starts_with(prefix)) {
                self.ids.entry(sample.to_owned()).or_insert_with(|| id.to_owned());
            }
        }
        self.with_real_ids(printed) == real
    }
}

/// Runs of letters, digits and `_`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
