//! One call from beginning to end: key, faults, idempotency, parameters, work, answer, record.
use super::call::Input;
use super::clock::Clock;
use super::contract;
use super::errors::ApiError;
use super::events::API_VERSION;
use super::faults::{self, Fault, FaultKind};
use super::form;
use super::idempotency::{self, Memory, Remembered};
use super::params;
use super::passage;
use super::record::text_of;
use super::render;
use super::restricted::RestrictedKey;
use super::routes;
use super::state::{Cause, State, new_id};
use super::webhooks::Outbox;
use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::time::Duration;

/// A call as it arrived. Not `Debug`: it carries the key.
#[derive(Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) authorization: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) stripe_version: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// What to send back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    /// Keep the connection open and never answer.
    pub(super) silent: bool,
}

/// A call as the sandbox remembers it, for assertions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedCall {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// All parameters in their order, names with their brackets.
    pub params: Vec<(String, String)>,
    /// The `Idempotency-Key` sent.
    pub idempotency_key: Option<String>,
    /// The `Stripe-Version` sent.
    pub stripe_version: Option<String>,
    /// The status answered; nothing when the sandbox stayed silent.
    pub status: Option<u16>,
    /// Whether this very call changed something. False for reads, refusals and replays.
    pub acted: bool,
    /// Whether the answer was one remembered under the key.
    pub replayed: bool,
    /// The `Request-Id` answered.
    pub request_id: String,
}

/// Everything behind the sandbox's lock.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) state: State,
    pub(super) clock: Clock,
    pub(super) secret_key: SecretString,
    pub(super) restricted: Vec<RestrictedKey>,
    /// How long answers take.
    pub(super) latency: Duration,
    pub(super) memory: Memory,
    pub(super) faults: Vec<Fault>,
    pub(super) calls: Vec<RecordedCall>,
    pub(super) outbox: Outbox,
}

/// The key of a call that changes something, and what it must come with again.
struct Keyed<'a> {
    key: &'a str,
    print: String,
}

impl<'a> Keyed<'a> {
    fn of(request: &'a Request, pairs: &[(String, String)]) -> Option<Self> {
        let key = request.idempotency_key.as_deref().filter(|_| request.method == "POST")?;
        Some(Self { key, print: idempotency::fingerprint(&request.method, &request.path, pairs) })
    }
}

/// How a call went, before faults and headers.
struct Done {
    status: u16,
    body: String,
    acted: bool,
    replayed: bool,
    headers: Vec<(&'static str, String)>,
}

impl Done {
    fn refused(error: &ApiError, request_id: &str) -> Self {
        let body = text_of(&error.body(request_id));
        Self { status: error.status, body, acted: false, replayed: false, headers: Vec::new() }
    }
}

impl Core {
    /// Lets everything happen that is due by now.
    pub(super) fn settle(&mut self) {
        self.state.begin();
        self.state.cause = Cause::default();
        passage::settle(&mut self.state, self.clock.now());
        self.outbox.collect(&mut self.state);
    }

    /// Answers one call.
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        self.settle();
        let request_id = new_id("req");
        let pairs = pairs_of(request);
        let key = Keyed::of(request, &pairs);
        let key = key.as_ref();
        let mut silent = false;
        let mut html = false;
        let done = match self.authorize(request) {
            Err(error) => Done::refused(&error, &request_id),
            Ok(()) => match faults::take(&mut self.faults, &request.method, &request.path) {
                None => self.perform(request, &pairs, key, &request_id),
                Some(fault) => {
                    silent = matches!(fault, FaultKind::Timeout { .. });
                    html = matches!(fault, FaultKind::BadGateway { .. });
                    self.misbehave(&fault, request, &pairs, key, &request_id)
                }
            },
        };
        self.calls.push(RecordedCall {
            method: request.method.clone(),
            path: request.path.clone(),
            params: pairs,
            idempotency_key: request.idempotency_key.clone(),
            stripe_version: request.stripe_version.clone(),
            status: (!silent).then_some(done.status),
            acted: done.acted,
            replayed: done.replayed,
            request_id: request_id.clone(),
        });
        reply(request, done, request_id, silent, html)
    }

    fn authorize(&self, request: &Request) -> Result<(), ApiError> {
        let header = request.authorization.as_deref().ok_or_else(ApiError::no_key)?;
        let key = match header.split_once(' ') {
            Some(("Bearer", key)) => key.trim().to_owned(),
            Some(("Basic", encoded)) => base64::engine::general_purpose::STANDARD
                .decode(encoded.trim())
                .ok()
                .and_then(|raw| String::from_utf8(raw).ok())
                .and_then(|pair| pair.split(':').next().map(str::to_owned))
                .ok_or_else(ApiError::no_key)?,
            _ => return Err(ApiError::no_key()),
        };
        if key == self.secret_key.expose_secret() {
            return Ok(());
        }
        match self.restricted.iter().find(|restricted| restricted.key == key) {
            Some(restricted) => restricted.allows(&request.method, &request.path),
            None => Err(ApiError::wrong_key(&key)),
        }
    }

    /// Answers as the fault says, after doing the work if it says so.
    fn misbehave(
        &mut self,
        fault: &FaultKind,
        request: &Request,
        pairs: &[(String, String)],
        key: Option<&Keyed<'_>>,
        request_id: &str,
    ) -> Done {
        let mut done = if fault.acts() {
            self.perform(request, pairs, key, request_id)
        } else {
            Done { status: 502, body: String::new(), acted: false, replayed: false, headers: Vec::new() }
        };
        if let Some(error) = fault.error(key.map(|key| key.key)) {
            let acted = done.acted;
            done = Done { acted, ..Done::refused(&error, request_id) };
            let remembered =
                matches!(fault, FaultKind::ServerError { acted: true } | FaultKind::Decline { .. });
            if let Some(key) = key.filter(|_| remembered) {
                self.remember(key, &done);
            }
        }
        if matches!(fault, FaultKind::BadGateway { .. }) {
            done.status = 502;
            done.body =
                "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>".into();
        }
        done.headers = fault.headers();
        done
    }

    /// Does the work, or replays what the key remembers.
    fn perform(
        &mut self,
        request: &Request,
        pairs: &[(String, String)],
        key: Option<&Keyed<'_>>,
        request_id: &str,
    ) -> Done {
        if let Some(key) = key {
            match self.memory.recall(key.key, &key.print, self.clock.now()) {
                Err(error) => return Done::refused(&error, request_id),
                Ok(Some(Remembered { status, body })) => {
                    let headers = vec![("Idempotent-Replayed", "true".to_owned())];
                    return Done { status, body, acted: false, replayed: true, headers };
                }
                Ok(None) => {}
            }
        }
        let (route, input) = match parsed(request, pairs) {
            Ok(found) => found,
            // A call that fails validation is not remembered: Stripe's keys begin with the execution.
            Err(error) => return Done::refused(&error, request_id),
        };
        contract::record(route, &input.params);
        let done = self.execute(route, &input, request_id, key);
        if let Some(key) = key {
            self.remember(key, &done);
        }
        done
    }

    fn execute(
        &mut self,
        route: &routes::Route,
        input: &Input,
        request_id: &str,
        key: Option<&Keyed<'_>>,
    ) -> Done {
        let state = &mut self.state;
        state.begin();
        state.cause = Cause {
            request_id: Some(request_id.to_owned()),
            idempotency_key: key.map(|key| key.key.to_owned()),
        };
        let outcome = (route.run)(state, input).and_then(|mut value| {
            render::expand(state, &mut value, &input.params)?;
            Ok(value)
        });
        match outcome {
            Ok(value) => {
                self.outbox.collect(&mut self.state);
                let acted = route.method != "GET" && self.state.changed();
                Done { status: 200, body: text_of(&value), acted, replayed: false, headers: Vec::new() }
            }
            Err(error) if error.kept => {
                self.outbox.collect(&mut self.state);
                Done { acted: self.state.changed(), ..Done::refused(&error, request_id) }
            }
            Err(error) => {
                self.state.rollback();
                Done::refused(&error, request_id)
            }
        }
    }

    fn remember(&mut self, key: &Keyed<'_>, done: &Done) {
        let answer = Remembered { status: done.status, body: done.body.clone() };
        self.memory.remember(key.key, key.print.clone(), answer, self.clock.now());
    }
}

fn pairs_of(request: &Request) -> Vec<(String, String)> {
    let mut pairs = form::pairs(request.query.as_bytes());
    if request.method != "GET" {
        pairs.extend(form::pairs(&request.body));
    }
    pairs
}

fn parsed(
    request: &Request,
    pairs: &[(String, String)],
) -> Result<(&'static routes::Route, Input), ApiError> {
    let (route, ids) = routes::route(&request.method, &request.path)
        .ok_or_else(|| ApiError::unknown_url(&request.method, &request.path))?;
    let form =
        request.content_type.as_deref().is_none_or(|t| t.starts_with("application/x-www-form-urlencoded"));
    if !request.body.is_empty() && !form {
        return Err(ApiError::wrong_content_type());
    }
    let params = params::check(route.spec, &form::tree(pairs)?)?;
    Ok((route, Input { ids, params }))
}

fn reply(request: &Request, done: Done, request_id: String, silent: bool, html: bool) -> Reply {
    let mut headers = done.headers;
    if !html {
        headers.push(("Request-Id", request_id));
        // Whatever version was asked for, this is the one whose shapes were answered.
        headers.push(("Stripe-Version", API_VERSION.to_owned()));
        if let Some(key) = &request.idempotency_key {
            headers.push(("Idempotency-Key", key.clone()));
        }
    }
    let content_type = if html { "text/html" } else { "application/json" };
    Reply { status: done.status, content_type, headers, body: done.body, silent }
}
