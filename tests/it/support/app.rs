//! The real server over HTTP on a free port, with a database of its own, the sandbox as Stripe, a clock moved by hand,
//! and a worker that runs only when told to.

use std::future::Future;

use counteroffer::boot::{self, Running};
use counteroffer::clock::Clock;
use counteroffer::config::Config;
use counteroffer::domain::flow::Format;
use counteroffer::sandbox::{Sandbox, SandboxClock, SandboxConfig};
use counteroffer::services::keys::{self, Role};
use counteroffer::services::{App, publish, worker};
use counteroffer::store::OperationFilter;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::client::client;
use super::database::{Database, databases, on_each};

pub(crate) const TOKEN_SECRET: &str = "a-test-secret-of-at-least-32-bytes";
pub(crate) const SECRET_KEY: &str = "sk_test_counteroffer";
pub(crate) const WEBHOOK_SECRET: &str = "whsec_counteroffer";

/// A flow with one offer of each type that changes billing, each for a reason of its own.
pub(crate) const FLOW: &str = r#"
key: default
reasons:
  - {key: too_expensive, label: {en: It costs too much, de: Zu teuer}, stripe_feedback: too_expensive}
  - {key: missing_feature, label: {en: Something is missing}, stripe_feedback: missing_features, follow_up: {en: What is missing?}}
  - {key: no_time, label: {en: No time}, stripe_feedback: unused}
  - {key: too_hard, label: {en: Too hard}, stripe_feedback: too_complex}
  - {key: other, label: {en: Other}, stripe_feedback: other}
segments:
  monthly: {all: [{attribute: plan.interval, eq: month}]}
offers:
  half-off: {type: discount, terms: {percent_off: 50, duration: repeating, duration_in_months: 3}, copy: {en: {headline: "Half price until {{ discount_ends }}"}}}
  breather: {type: pause, terms: {choices: [{interval: month, count: 1}, {interval: month, count: 3}]}}
  more-time: {type: trial_extension, terms: {days: 14}}
  add-ons: {type: free_features, terms: {price: FREE_PRICE, features: [Export], lasts: {interval: month, count: 2}}}
  talk: {type: contact, terms: {url: "https://example.com/call"}}
  tour: {type: redirect, terms: {url: "https://example.com/tour"}}
  gift: {type: custom, terms: {gift: mug}}
rules:
  - {when: {segments: [monthly], reasons: [too_expensive]}, present: [half-off, breather]}
  - {when: {reasons: [no_time]}, present: [breather, more-time]}
  - {when: {reasons: [missing_feature]}, present: [add-ons, talk]}
  - {when: {reasons: [too_hard]}, present: [tour, gift]}
  - {otherwise: true, present: [breather]}
policy:
  max_offers: 2
  cancel_now: true
"#;

/// A test's own server and everything around it.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    pub(crate) base: String,
    pub(crate) database: Database,
    pub(crate) config: Config,
    pub(crate) free_price: String,
    running: Option<Running>,
    pub(crate) client: reqwest::Client,
    finished: bool,
}

/// A customer with a subscription in the sandbox.
#[derive(Clone)]
pub(crate) struct Subscriber {
    pub(crate) customer: String,
    pub(crate) subscription: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// Sends a request.
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// The members called `name` of the list at a JSON pointer.
    pub(crate) fn each(&self, pointer: &str, name: &str) -> Vec<Value> {
        let list = self.body.pointer(pointer).and_then(Value::as_array);
        let list = list.unwrap_or_else(|| panic!("no list at {pointer} in {}", self.text));
        list.iter().map(|item| item[name].clone()).collect()
    }

    /// The text at a JSON pointer.
    pub(crate) fn text_at(&self, pointer: &str) -> &str {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text))
    }

    /// Checks the status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The id of the offer with this key.
    pub(crate) fn offer(&self, key: &str) -> String {
        let offers = self.body["offers"].as_array().unwrap_or_else(|| panic!("no offers in {}", self.text));
        let found = offers.iter().find(|offer| offer["key"] == key);
        found.unwrap_or_else(|| panic!("no offer {key} in {}", self.text))["id"].as_str().unwrap().to_owned()
    }

    /// The keys of the offers presented and not answered.
    pub(crate) fn presented(&self) -> Vec<&str> {
        let offers = self.body["offers"].as_array().unwrap();
        offers
            .iter()
            .filter(|offer| offer["state"] == "presented")
            .map(|o| o["key"].as_str().unwrap())
            .collect()
    }
}

/// Runs a scenario on every database, side by side, each with a server of its own.
pub(crate) async fn on_every_database<F: Future<Output = TestApp>>(scenario: impl Fn(TestApp) -> F) {
    let played = async |database| scenario(TestApp::start(database).await).await.finish().await;
    on_each(databases(), played).await;
}

impl TestApp {
    pub(crate) async fn start(database: Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// Starts with configuration of its own, as environment variables.
    pub(crate) async fn start_with(database: Database, variables: &[(&str, &str)]) -> Self {
        Self::start_at(database, "2027-03-01T12:00:00Z".parse().unwrap(), variables).await
    }

    /// Starts at another time, for what real processes go on with afterwards.
    pub(crate) async fn start_at(database: Database, start: Timestamp, variables: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::start(SandboxConfig {
            addr: "127.0.0.1:0".parse().unwrap(),
            secret_key: SecretString::from(SECRET_KEY),
            webhook_secret: SecretString::from(WEBHOOK_SECRET),
            webhook_url: None,
            clock: SandboxClock::Fixed(start),
        })
        .await
        .unwrap();
        let mut all = vec![
            ("COUNTEROFFER_SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("COUNTEROFFER_SERVER__WORKERS".to_owned(), "1".to_owned()),
            ("DATABASE_URL".to_owned(), database.url().to_owned()),
            // Each is a process of PostgreSQL's, started anew for every test.
            ("COUNTEROFFER_DATABASE__READERS".to_owned(), "2".to_owned()),
            ("STRIPE_SECRET_KEY".to_owned(), SECRET_KEY.to_owned()),
            ("STRIPE_WEBHOOK_SECRET".to_owned(), WEBHOOK_SECRET.to_owned()),
            ("COUNTEROFFER_STRIPE__API_BASE".to_owned(), sandbox.url().to_string()),
            ("COUNTEROFFER_STRIPE__ATTEMPT_TIMEOUT_MS".to_owned(), "500".to_owned()),
            ("COUNTEROFFER_STRIPE__DEADLINE_MS".to_owned(), "1500".to_owned()),
            ("COUNTEROFFER_STRIPE__REQUESTS_PER_SECOND".to_owned(), "10000".to_owned()),
            ("COUNTEROFFER_STRIPE__REQUESTS_PER_ENDPOINT".to_owned(), "10000".to_owned()),
            ("COUNTEROFFER_STRIPE__WRITES_PER_SUBSCRIPTION".to_owned(), "10000".to_owned()),
            ("COUNTEROFFER_AUTH__ISSUER".to_owned(), "test".to_owned()),
            ("COUNTEROFFER_AUTH__HS256_SECRET".to_owned(), TOKEN_SECRET.to_owned()),
            ("COUNTEROFFER_RATE_LIMIT__PER_SECOND".to_owned(), "100000".to_owned()),
            ("COUNTEROFFER_RATE_LIMIT__BURST".to_owned(), "100000".to_owned()),
        ];
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let config = Config::load(None, all).unwrap();
        let clock = Clock::manual(start);
        let app = boot::app(&config, clock.clone()).await.unwrap();
        let free_price = sandbox.seed_price("Add-ons", 0, "usd", "month").unwrap();
        let running = boot::listen(app.clone(), &config).unwrap();
        let base = format!("http://{}", running.address());
        sandbox.set_webhook_url(Some(format!("{base}/v1/stripe/webhooks").parse().unwrap()));
        let test = Self {
            app,
            sandbox,
            clock,
            base,
            database,
            config,
            free_price,
            running: Some(running),
            client: client(),
            finished: false,
        };
        test.publish(FLOW).await;
        test
    }

    /// Publishes a flow; `FREE_PRICE` stands for the sandbox's zero price.
    pub(crate) async fn publish(&self, flow: &str) {
        let source = flow.replace("FREE_PRICE", &self.free_price);
        let key = "default".parse().unwrap();
        publish::publish(
            &self.app.store,
            &self.app.flows,
            &key,
            &source,
            Format::Yaml,
            "test",
            self.clock.now(),
        )
        .await
        .unwrap();
    }

    /// A customer with a subscription of 49.00 USD a month.
    pub(crate) fn subscriber(&self) -> Subscriber {
        self.subscriber_of("Pro", 4900, "usd", "month")
    }

    pub(crate) fn subscriber_of(
        &self,
        name: &str,
        amount: i64,
        currency: &str,
        interval: &str,
    ) -> Subscriber {
        let price = self.sandbox.seed_price(name, amount, currency, interval).unwrap();
        let customer = self.sandbox.seed_customer("subscriber@example.com").unwrap();
        let subscription = self.sandbox.seed_subscription(&customer, &price).unwrap();
        Subscriber { customer, subscription }
    }

    /// A customer token as the app's back end would mint it.
    pub(crate) fn token(&self, who: &Subscriber) -> String {
        let customer = who.customer.parse().unwrap();
        let subscription = who.subscription.parse().unwrap();
        counteroffer::http::auth::mint(
            &self.config.auth,
            &customer,
            Some(&subscription),
            600,
            self.clock.now(),
        )
        .unwrap()
    }

    /// An API key of this role.
    pub(crate) async fn key(&self, role: Role) -> String {
        let (_, key) = keys::create(&self.app.store, "test", role, self.clock.now()).await.unwrap();
        key.expose_secret().to_owned()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request).await
    }

    /// Sends a text as it is, such as a flow document in YAML.
    pub(crate) async fn send_text(
        &self,
        method: Method,
        path: &str,
        token: &str,
        kind: &str,
        text: &str,
    ) -> Answer {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(token);
        Answer::of(request.header("content-type", kind).body(text.to_owned())).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, token, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(Method::POST, path, token, Some(body), &[]).await
    }

    /// Begins a session, with a reason if one is given.
    pub(crate) async fn begin(&self, who: &Subscriber, reason: Option<&str>) -> Answer {
        let mut body = json!({"subscription": who.subscription});
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        self.post("/v1/sessions", &self.token(who), body).await
    }

    /// Posts to a path below a session.
    pub(crate) async fn act(&self, who: &Subscriber, session: &Answer, action: &str, body: Value) -> Answer {
        self.post(&format!("/v1/sessions/{}/{action}", session.text_at("/id")), &self.token(who), body).await
    }

    /// Accepts the offer with this key.
    pub(crate) async fn accept(&self, who: &Subscriber, session: &Answer, key: &str) -> Answer {
        self.act(who, session, &format!("offers/{}/accept", session.offer(key)), json!({})).await
    }

    pub(crate) async fn read(&self, who: &Subscriber, session: &Answer) -> Answer {
        self.get(&format!("/v1/sessions/{}", session.text_at("/id")), &self.token(who)).await
    }

    /// The subscription as Stripe has it.
    pub(crate) fn in_stripe(&self, who: &Subscriber) -> Value {
        self.sandbox.object(&who.subscription).unwrap()
    }

    /// Moves our clock and Stripe's.
    pub(crate) fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
        self.sandbox.advance(by.as_secs());
    }

    /// Lets the worker do what is due.
    pub(crate) async fn work(&self) -> usize {
        worker::drain(&self.app).await.unwrap()
    }

    /// Stops our part, and leaves database and sandbox to a real process.
    pub(crate) async fn close(mut self) -> (Database, Sandbox) {
        self.finished = true;
        if let Some(running) = self.running.take() {
            running.stop().await.unwrap();
        }
        let database = std::mem::replace(&mut self.database, super::database::sqlite());
        (database, self.sandbox.clone())
    }

    /// Ends the test: everything that is due must have been done.
    pub(crate) async fn finish(mut self) {
        self.finished = true;
        let page = self.app.store.operations(OperationFilter::default(), None, 200).await.unwrap();
        let now = self.clock.now();
        let left: Vec<_> = page
            .iter()
            .filter(|o| !o.state.is_settled() && o.due_at <= now)
            .map(|o| (o.id, o.state))
            .collect();
        assert!(left.is_empty(), "unfinished operations: {left:?}");
        if let Some(running) = self.running.take() {
            running.stop().await.unwrap();
        }
        self.sandbox.stop().await;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "a test application must end with `finish`");
    }
}
