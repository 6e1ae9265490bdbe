//! Real processes on a database of their own, with the sandbox as Stripe.

use counteroffer::clock::Clock;
use counteroffer::config::Config;
use counteroffer::sandbox::{Sandbox, SandboxClock, SandboxConfig};
use reqwest::Client;
use secrecy::SecretString;
use serde_json::json;

use super::app::{Answer, SECRET_KEY, Subscriber, TOKEN_SECRET, WEBHOOK_SECRET};
use super::database::Database;
use super::process::{Program, Served};

/// A database of its own, the sandbox as Stripe with a running clock, and how to start processes on them.
pub(crate) struct Scene {
    pub(crate) database: Database,
    pub(crate) sandbox: Sandbox,
    pub(crate) program: Program,
    pub(crate) config: Config,
    pub(crate) client: Client,
}

impl Scene {
    /// Everything but the processes: the database is migrated, and has no flow.
    pub(crate) async fn set(database: Database) -> Self {
        let sandbox = Sandbox::start(SandboxConfig {
            addr: "127.0.0.1:0".parse().unwrap(),
            secret_key: SecretString::from(SECRET_KEY),
            webhook_secret: SecretString::from(WEBHOOK_SECRET),
            webhook_url: None,
            clock: SandboxClock::Running { start: Clock::System.now() },
        })
        .await
        .unwrap();
        let program = Program::on(database.url())
            .with("COUNTEROFFER_STRIPE__API_BASE", sandbox.url().as_str())
            .with("COUNTEROFFER_WORKER__LEASE_SECONDS", "5")
            .with("COUNTEROFFER_STRIPE__DEADLINE_MS", "4000")
            .with("COUNTEROFFER_WORKER__POLL_MS", "100");
        let config = Config::load(
            None,
            [("COUNTEROFFER_AUTH__ISSUER", "test"), ("COUNTEROFFER_AUTH__HS256_SECRET", TOKEN_SECRET)]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        )
        .unwrap();
        // A connection that is kept may be one that the other side is just giving up.
        let client = super::client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { database, sandbox, program, config, client }
    }

    /// Publishes a flow.
    pub(crate) fn publish(&self, flow: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flow.yaml");
        std::fs::write(&path, flow).unwrap();
        self.program.run(&["flow", "publish", &path.display().to_string()]).expect(0);
    }

    /// A customer with a subscription of 49.00 USD a month.
    pub(crate) fn subscriber(&self) -> Subscriber {
        let price = self.sandbox.seed_price("Pro", 4900, "usd", "month").unwrap();
        let customer = self.sandbox.seed_customer("subscriber@example.com").unwrap();
        let subscription = self.sandbox.seed_subscription(&customer, &price).unwrap();
        Subscriber { customer, subscription }
    }

    /// A customer token as the app's back end would mint it.
    pub(crate) fn token(&self, who: &Subscriber) -> String {
        let (customer, subscription) = (who.customer.parse().unwrap(), who.subscription.parse().unwrap());
        let now = Clock::System.now();
        counteroffer::http::auth::mint(&self.config.auth, &customer, Some(&subscription), 600, now).unwrap()
    }

    /// An operator's API key.
    pub(crate) fn operator(&self) -> String {
        let made = self.program.run(&["keys", "create", "--role", "operator", "--name", "test"]).expect(0);
        made.out.lines().last().unwrap().to_owned()
    }

    /// Begins a session at one of the processes, with a reason if one is given.
    pub(crate) async fn begin(&self, served: &Served, who: &Subscriber, reason: Option<&str>) -> Answer {
        let request = self.client.post(format!("{}/v1/sessions", served.base)).bearer_auth(self.token(who));
        let mut body = json!({"subscription": who.subscription});
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        Answer::of(request.json(&body)).await.expect(201)
    }
}

/// A number that whoever runs the tests has set in the environment.
pub(crate) fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}
