//! `demo`: everything on this machine and nothing but this program: an SQLite file, a sandbox in place of Stripe, a
//! published flow, a few subscribers, and one cancellation played through the real HTTP API.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use counteroffer::boot;
use counteroffer::clock::Clock;
use counteroffer::config::Config;
use counteroffer::domain::flow::Format;
use counteroffer::sandbox::{Sandbox, SandboxClock, SandboxConfig};
use counteroffer::services::{App, publish};
use counteroffer::store;
use secrecy::SecretString;

use super::walk::{Subscriber, Walk};
use super::{Failure, say};

/// The flow that the demo publishes; the same file that the documentation shows.
const FLOW: &str = include_str!("../../examples/flows/default.yaml");
/// The price that the example flow names; the sandbox makes its own id for it.
const FREE_PRICE: &str = "price_free_addons";
/// The same for the smaller plan.
const LITE_PRICE: &str = "price_lite";
const SECRET_KEY: &str = "sk_test_counteroffer_demo";
const WEBHOOK_SECRET: &str = "whsec_counteroffer_demo";
/// Good for this machine only: the demo listens on loopback and holds nothing real.
const TOKEN_SECRET: &str = "a-secret-for-the-demo-only-32-bytes-long";

/// How to run the demo.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Stop after the walk; the exit status tells whether it worked.
    #[arg(long)]
    exit: bool,
    /// Where to listen; when it is taken, another port is.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep the database in this file rather than in a temporary one.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let folder = std::env::temp_dir().join(format!("counteroffer-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let database = options.database.clone().unwrap_or_else(|| folder.join("demo.db"));
    let outcome = play(&options, &database).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn play(options: &Options, database: &std::path::Path) -> Result<ExitCode, Failure> {
    let sandbox = Sandbox::start(SandboxConfig {
        addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        secret_key: SecretString::from(SECRET_KEY),
        webhook_secret: SecretString::from(WEBHOOK_SECRET),
        webhook_url: None,
        clock: SandboxClock::Running { start: Clock::System.now() },
    })
    .await?;
    let subscribers = seed(&sandbox)?;
    let flow = flow(&sandbox)?;
    let config = config(options.listen, database, &sandbox)?;
    boot::log(&config.log)?;
    store::migrate(&boot::database_url(&config)?).await?;
    let app = boot::app(&config, Clock::System).await?;
    publish_flow(&app, &flow).await?;
    let running = boot::start(app.clone(), &config)?;
    let base = format!("http://{}", running.address());
    sandbox.set_webhook_url(Some(format!("{base}/v1/stripe/webhooks").parse()?));
    sandbox.auto_deliver(true);

    let walk = Walk { base, sandbox: sandbox.clone(), auth: config.auth.clone(), app };
    let worked = walk.play(&subscribers).await;
    match &worked {
        Ok(()) => say("\nThe walk worked: every answer was what it should be.")?,
        Err(failure) => say(&format!("\nThe walk failed: {failure}"))?,
    }
    if options.exit {
        sandbox.auto_deliver(false);
        running.stop().await?;
    } else {
        let ending = boot::told_to_end()?;
        walk.invite(&subscribers).await?;
        running.until(ending).await?;
    }
    sandbox.stop().await;
    Ok(if worked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The example flow with the sandbox's own prices.
fn flow(sandbox: &Sandbox) -> Result<String, Failure> {
    let free = sandbox.seed_price("Free add-ons", 0, "usd", "month")?;
    let lite = sandbox.seed_price("Lite", 1900, "usd", "month")?;
    Ok(FLOW.replace(FREE_PRICE, &free).replace(LITE_PRICE, &lite))
}

/// Customers, prices and subscriptions, made through the sandbox's own API.
fn seed(sandbox: &Sandbox) -> Result<Vec<Subscriber>, Failure> {
    let pro = sandbox.seed_price("Pro", 4900, "usd", "month")?;
    let team = sandbox.seed_price("Team", 58_800, "usd", "year")?;
    let mut subscribers = Vec::new();
    for (email, price) in
        [("ada@example.com", &pro), ("grace@example.com", &pro), ("alan@example.com", &team)]
    {
        let customer = sandbox.seed_customer(email)?;
        let subscription = sandbox.seed_subscription(&customer, price)?;
        subscribers.push(Subscriber { customer: customer.parse()?, subscription: subscription.parse()? });
    }
    Ok(subscribers)
}

fn config(listen: SocketAddr, database: &std::path::Path, sandbox: &Sandbox) -> Result<Config, Failure> {
    let free = std::net::TcpListener::bind(listen).is_ok();
    let listen = if free { listen } else { SocketAddr::from((listen.ip(), 0)) };
    let variables = [
        ("COUNTEROFFER_SERVER__LISTEN", listen.to_string()),
        ("DATABASE_URL", format!("sqlite:{}", database.display())),
        ("STRIPE_SECRET_KEY", SECRET_KEY.to_owned()),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
        ("COUNTEROFFER_STRIPE__API_BASE", sandbox.url().to_string()),
        ("COUNTEROFFER_AUTH__ISSUER", "demo".to_owned()),
        ("COUNTEROFFER_AUTH__HS256_SECRET", TOKEN_SECRET.to_owned()),
        // The walk expects to see what it did; a busy machine may take its time.
        ("COUNTEROFFER_SESSIONS__ACCEPT_DEADLINE_MS", "10000".to_owned()),
        ("COUNTEROFFER_LOG__FILTER", "warn".to_owned()),
        ("COUNTEROFFER_LOG__FORMAT", "text".to_owned()),
    ];
    Ok(Config::load(None, variables.map(|(name, value)| (name.to_owned(), value)))?)
}

async fn publish_flow(app: &App, source: &str) -> Result<(), Failure> {
    let flow = &app.settings.flow;
    let published =
        publish::publish(&app.store, &app.flows, flow, source, Format::Yaml, "demo", app.clock.now()).await;
    published.map_err(|error| format!("the example flow was not published: {error}"))?;
    Ok(())
}
