//! The requests of a run, made whole before it starts.

use counteroffer::clock::Clock;
use counteroffer::config::Config;
use counteroffer::http::auth::mint;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Outcome, Request};

/// How long a token is good for, in seconds: longer than any run.
const TTL: u32 = 900;

/// Bodies that must be refused, or taken as the harmless text they are, without harm to their neighbours.
const POISON: [&str; 6] = [
    r#"{"subscription":"SUB","context":{"note":"\u0000"}}"#,
    r#"{"subscription":"SUB","reason":"\u0000"}"#,
    r#"{"subscription":"SUB","#,
    r#"{"subscription":"SUB","locale":"\ud800"}"#,
    r#"{"subscription":7}"#,
    r#"{"subscription":"SUB","nonsense":[[[[[[]]]]]]}"#,
];

/// Sessions to begin: each for a subscriber of its own, with a token of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begins {
    /// Customer and subscription.
    subscribers: Vec<(String, String)>,
    issuer: String,
    secret: String,
    reason: Option<String>,
    /// Whether to remember the sessions for accepts.
    #[serde(default)]
    keep: bool,
    /// The type of the offer that they accept.
    #[serde(default = "pause")]
    offer: String,
    /// Poison every so many requests; 0 poisons none.
    #[serde(default)]
    poison_every: usize,
}

fn pause() -> String {
    "pause".to_owned()
}

/// A session in which to accept.
pub(crate) struct Begun {
    token: String,
    session: String,
    offer: String,
    body: &'static str,
}

impl Begins {
    /// The requests.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let variables = [
            ("COUNTEROFFER_AUTH__ISSUER".to_owned(), self.issuer.clone()),
            ("COUNTEROFFER_AUTH__HS256_SECRET".to_owned(), self.secret.clone()),
        ];
        let auth = Config::load(None, variables).unwrap().auth;
        let now = Clock::System.now();
        let request = |(number, (customer, subscription)): (usize, &(String, String))| {
            let (of, sub) = (customer.parse().unwrap(), subscription.parse().unwrap());
            let token = mint(&auth, &of, Some(&sub), TTL, now).unwrap();
            let poisoned = self.poison_every > 0 && number % self.poison_every == self.poison_every / 2;
            let body = if poisoned {
                POISON[number / self.poison_every % POISON.len()].replace("SUB", subscription)
            } else {
                let mut body = json!({"subscription": subscription});
                if let Some(reason) = &self.reason {
                    body["reason"] = json!(reason);
                }
                body.to_string()
            };
            Request::post("/v1/sessions", token, &body, if poisoned { &[] } else { &[201] }, self.keep)
        };
        self.subscribers.iter().enumerate().map(request).collect()
    }

    /// The sessions begun, if they are to be remembered.
    pub(crate) fn kept(&self, outcome: &Outcome) -> Vec<Begun> {
        let begun = |(token, body): &(String, String)| {
            let session: Value = serde_json::from_str(body).unwrap();
            let offers = session["offers"].as_array().unwrap();
            let offer = offers.iter().find(|offer| offer["type"] == self.offer.as_str());
            Begun {
                token: token.clone(),
                session: session["id"].as_str().unwrap().to_owned(),
                offer: offer.expect("no such offer is made")["id"].as_str().unwrap().to_owned(),
                body: if self.offer == "pause" { r#"{"choice":0}"# } else { "{}" },
            }
        };
        outcome.kept.iter().map(begun).collect()
    }
}

/// Accepts in sessions begun before; where there is not enough for all, some are refused for it.
pub(crate) fn accepts(sessions: Vec<Begun>, scarce: bool) -> Vec<Request> {
    let good: &[u16] = if scarce { &[200, 202, 409] } else { &[200, 202] };
    let request = |begun: Begun| {
        let path = format!("/v1/sessions/{}/offers/{}/accept", begun.session, begun.offer);
        Request::post(&path, begun.token, begun.body, good, false)
    };
    sessions.into_iter().map(request).collect()
}
