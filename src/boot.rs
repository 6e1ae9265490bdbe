//! Puts the floors together: from a configuration to a running service.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use futures_util::FutureExt;
use jiff::SignedDuration;
use jsonwebtoken::jwk::JwkSet;
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing_subscriber::EnvFilter;

use crate::billing::{BreakerState, Gateway, Limits, StripeOptions};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Log, LogFormat, Reconcile};
use crate::domain::ids::SessionId;
use crate::http::metrics::Metrics;
use crate::http::pages::health::Readiness;
use crate::http::{Server, Shell, server};
use crate::services::error::Cause;
use crate::services::evidence::{self, Signer};
use crate::services::flows::Flows;
use crate::services::reconciling::Reconciling;
use crate::services::verify::Verifying;
use crate::services::{self, App, Settings, keys, worker};
use crate::store::{DatabaseUrl, Store, StoreOptions};

/// What keeps the service from starting; for the command line and the log.
pub type BootError = Box<dyn std::error::Error>;

/// Begins to log as configured.
///
/// # Errors
/// When the filter cannot be read, or something logs already.
pub fn log(settings: &Log) -> Result<(), BootError> {
    let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(&settings.filter)?);
    let begun = match settings.format {
        // A request has one span alone, and each that is listed is parsed and written anew for every line.
        LogFormat::Json => logs.json().with_span_list(false).try_init(),
        LogFormat::Text => logs.with_writer(std::io::stderr).try_init(),
    };
    Ok(begun.map_err(|error| error.to_string())?)
}

/// The configured database.
///
/// # Errors
/// When the address is neither SQLite's nor PostgreSQL's.
pub fn database_url(config: &Config) -> Result<DatabaseUrl, BootError> {
    Ok(config.database.url.expose_secret().parse()?)
}

/// Opens the database.
///
/// # Errors
/// When it cannot be reached, another process holds it, or its schema is not this program's.
pub async fn store(config: &Config) -> Result<Store, BootError> {
    let settings = &config.database;
    let mut options = StoreOptions::new(database_url(config)?);
    options.writers = settings.writers;
    options.readers = settings.readers;
    options.queue_capacity = settings.queue;
    Ok(Store::open(options).await?)
}

/// Puts together what every use case works with.
///
/// # Errors
/// When the database cannot be used, or the Stripe key is missing.
pub async fn app(config: &Config, clock: Clock) -> Result<App, BootError> {
    let signer = signer(config)?.map(Arc::new);
    let evidence_keys = Arc::new(evidence::published(signer.as_deref(), former_keys(config)?));
    let store = store(config).await?;
    let flows = Flows::default();
    flows.refresh(&store).await.map_err(|error| format!("the published flows cannot be read: {error}"))?;
    Ok(App {
        gateway: gateway(config, &clock)?,
        store,
        flows,
        signer,
        evidence_keys,
        background: TaskTracker::new(),
        owner: SessionId::generate(clock.now()).to_string(),
        clock,
        metrics: services::Metrics::default(),
        settings: settings(config),
    })
}

/// What to verify: the configured database, and Stripe if it is to be asked.
///
/// # Errors
/// When the database's address cannot be read, or Stripe is to be asked and its key is missing.
pub fn verifying(config: &Config, ask_stripe: bool, clock: &Clock) -> Result<Verifying, BootError> {
    Ok(Verifying {
        database: database_url(config)?,
        event_retention: settings(config).event_retention,
        stripe: ask_stripe.then(|| gateway(config, clock)).transpose()?,
        now: clock.now(),
    })
}

fn gateway(config: &Config, clock: &Clock) -> Result<Gateway, BootError> {
    let stripe = &config.stripe;
    let missing = "STRIPE_SECRET_KEY is not set; without it only `counteroffer demo` starts";
    let key = stripe.secret_key.clone().ok_or(missing)?;
    let mut options = StripeOptions::new(stripe.api_base.clone(), key);
    options.attempt_timeout = Duration::from_millis(stripe.attempt_timeout_ms);
    options.total_deadline = Duration::from_millis(stripe.deadline_ms);
    options.limits = Limits {
        per_second: NonZeroU32::new(stripe.requests_per_second),
        per_endpoint: NonZeroU32::new(stripe.requests_per_endpoint),
        reserved_percent: stripe.reserved_percent,
        per_subscription: NonZeroU32::new(stripe.writes_per_subscription).unwrap_or(NonZeroU32::MIN),
    };
    options.clock = clock.clone();
    Ok(Gateway::new(&options)?)
}

/// The key that exported evidence is signed with, where one is configured.
fn signer(config: &Config) -> Result<Option<Signer>, ConfigError> {
    let Some(path) = &config.evidence.signing_key_file else { return Ok(None) };
    let refused = |detail| ConfigError::one("evidence.signing_key_file", detail);
    let pem = std::fs::read(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let issuer = config.server.public_url.as_str().trim_end_matches('/');
    Signer::new(&pem, issuer).map(Some).map_err(|error| refused(error.to_string()))
}

/// The public keys of those that signed before.
fn former_keys(config: &Config) -> Result<JwkSet, ConfigError> {
    let Some(path) = &config.evidence.former_keys_file else { return Ok(JwkSet { keys: Vec::new() }) };
    let refused = |detail| ConfigError::one("evidence.former_keys_file", detail);
    let text = std::fs::read_to_string(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    evidence::former_keys(&text).map_err(|error| refused(error.to_string()))
}

fn settings(config: &Config) -> Settings {
    let sessions = &config.sessions;
    let ttl = SignedDuration::from_hours(i64::from(sessions.ttl_hours));
    Settings {
        flow: sessions.flow.clone(),
        session_ttl: ttl,
        snapshot_max_age: SignedDuration::from_secs(i64::from(sessions.snapshot_max_age_seconds)),
        snapshot_max_stale: SignedDuration::from_hours(i64::from(sessions.snapshot_max_stale_hours)),
        snapshot_deadline: Duration::from_millis(sessions.snapshot_deadline_ms),
        apply_deadline: Duration::from_millis(sessions.accept_deadline_ms),
        lease: SignedDuration::from_secs(i64::from(config.worker.lease_seconds)),
        event_retention: SignedDuration::from_hours(24 * i64::from(config.events.retention_days)),
        worker_concurrency: config.worker.concurrency,
        reconciling: reconciling(config.reconcile),
    }
}

fn reconciling(settings: Reconcile) -> Reconciling {
    let hours = i64::from(settings.every_hours);
    Reconciling {
        every: (hours > 0).then(|| SignedDuration::from_hours(hours)),
        repair: settings.repair,
        pause: Duration::from_secs(1).checked_div(settings.per_second).unwrap_or(Duration::ZERO),
    }
}

/// A running service.
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    worker: Option<JoinHandle<()>>,
    app: App,
}

/// Serves the API and runs the worker, on the thread of the actix system that this is called in.
///
/// # Errors
/// When the address cannot be listened on, or the keys for customer tokens cannot be used.
pub fn start(app: App, config: &Config) -> Result<Running, BootError> {
    let mut running = listen(app, config)?;
    let poll = Duration::from_millis(config.worker.poll_ms);
    let work = worker::work(running.app.clone(), poll, running.stop.subscribe());
    // The compiler cannot tell that it may change threads, so it stays on this one.
    running.worker = Some(actix_web::rt::spawn(work));
    Ok(running)
}

/// Serves the API only; nobody works off what is due.
///
/// # Errors
/// When the address cannot be listened on, or the keys for customer tokens cannot be used.
pub fn listen(app: App, config: &Config) -> Result<Running, BootError> {
    let server = bind(&app, config)?;
    let address = server.address();
    let (stop, mut stopped) = watch::channel(false);
    let until = async move {
        // The sender going away means the same as its word.
        let _gone = stopped.wait_for(|stopping| *stopping).await;
    };
    let server = tokio::spawn(server.run_until(until));
    Ok(Running { address, stop, server, worker: None, app })
}

fn bind(app: &App, config: &Config) -> Result<Server, BootError> {
    if config.auth.hs256_secret.is_none() && config.auth.jwks_file.is_none() {
        return Err(
            "auth.hs256_secret and auth.jwks_file are both empty; set the one that customer tokens are \
                    signed with, or every token is refused"
                .into(),
        );
    }
    let (keys_store, store) = (app.store.clone(), app.store.clone());
    let find_key = Box::new(move |hash| {
        let store = keys_store.clone();
        async move { keys::find(&store, hash).await }.boxed()
    });
    let ping = Box::new(move || {
        let store = store.clone();
        async move { store.ping().await.map_err(Cause::new) }.boxed()
    });
    let gateway = app.gateway.clone();
    let stripe = Box::new(move || {
        let away = gateway.breaker() != BreakerState::Closed;
        let answer = if away { Err(Cause::new("Stripe is away")) } else { Ok(()) };
        async move { answer }.boxed()
    });
    let ready = Readiness::default().with("store", ping).noting("stripe", stripe);
    let metrics = Metrics::new(|registry| {
        app.metrics.register(registry);
        app.gateway.register(registry);
    });
    let shell = Shell::new(Arc::new(config.clone()), app.clock.clone(), metrics, find_key, ready)?;
    let data = Data::new(app.clone());
    Ok(server(shell, move |service| {
        service.app_data(data.clone());
    })?)
}

/// Comes when the process is told to end (SIGINT, SIGTERM). It listens from this call on, so make it before telling
/// anybody that the process serves: whoever ends it at once then ends it well.
///
/// # Errors
/// When signals cannot be listened for.
pub fn told_to_end() -> Result<impl Future<Output = ()>, BootError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: accepts nothing more, finishes running requests, lets billing work finish its step, writes what is
    /// queued.
    ///
    /// # Errors
    /// When the listener failed.
    pub async fn stop(self) -> Result<(), BootError> {
        // Nobody listening any more means that it has stopped already.
        let _stopped = self.stop.send(true);
        self.server.await??;
        if let Some(worker) = self.worker {
            worker.await?;
        }
        self.app.background.close();
        self.app.background.wait().await;
        self.app.store.close().await;
        Ok(())
    }

    /// Serves until then, then stops.
    ///
    /// # Errors
    /// When the listener failed.
    pub async fn until(self, ending: impl Future<Output = ()>) -> Result<(), BootError> {
        ending.await;
        self.stop().await
    }
}
