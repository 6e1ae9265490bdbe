//! Permissions as extractors: a handler that names one as an argument does not run without it.
//!
//! | extractor | customer token | server | analyst | operator | admin |
//! | --- | --- | --- | --- | --- | --- |
//! | [`Customer`] | yes | | | | |
//! | [`CustomerOrServer`] | yes | yes | | | yes |
//! | [`CustomerOrOps`] | yes | | yes | yes | yes |
//! | [`Analyst`] | | | yes | yes | yes |
//! | [`Operator`] | | | | yes | yes |
//! | [`ServerOrAnalyst`] | | yes | yes | yes | yes |
//! | [`ServerOrOperator`] | | yes | | yes | yes |
//!
//! No good credentials: 401. Good ones of another kind: 403.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::http::problem::Problem;
use crate::services::caller::{Caller, CustomerCaller, KeyCaller};
use crate::services::keys::Role;

use super::Identity;

fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    match request.extensions().get::<Identity>() {
        Some(Identity::Known(caller)) => Ok(caller.clone()),
        Some(Identity::Unavailable) => {
            let detail = "Credentials cannot be checked at the moment; repeat this later.";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1))
        }
        _ => Err(Problem::unauthorized()),
    }
}

fn key(request: &HttpRequest, roles: &[Role], needed: &str) -> Result<KeyCaller, Problem> {
    match caller(request)? {
        Caller::Key(key) if roles.iter().any(|role| key.role.includes(*role)) => Ok(key),
        _ => Err(Problem::forbidden(needed)),
    }
}

fn customer_or(request: &HttpRequest, role: Role, needed: &str) -> Result<Caller, Problem> {
    match caller(request)? {
        Caller::Key(key) if !key.role.includes(role) => Err(Problem::forbidden(needed)),
        caller => Ok(caller),
    }
}

macro_rules! permission {
    ($(#[$doc:meta])* $name:ident($caller:ty), $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $caller);

        impl FromRequest for $name {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let check: fn(&HttpRequest) -> Result<$caller, Problem> = $check;
                ready(check(request).map(Self))
            }
        }
    };
}

permission! {
    /// A subscriber, with a customer token.
    Customer(CustomerCaller),
    |request| match caller(request)? {
        Caller::Customer(customer) => Ok(customer),
        Caller::Key(_) => Err(Problem::forbidden("a customer token")),
    }
}
permission! {
    /// A subscriber, or the app's back end.
    CustomerOrServer(Caller),
    |request| customer_or(request, Role::Server, "a customer token or an API key with the role `server`")
}
permission! {
    /// A subscriber, or anybody of operations.
    CustomerOrOps(Caller),
    |request| customer_or(request, Role::Analyst, "a customer token or an API key with the role `analyst`")
}
permission! {
    /// Anybody of operations.
    Analyst(KeyCaller),
    |request| key(request, &[Role::Analyst], "an API key with the role `analyst`, `operator` or `admin`")
}
permission! {
    /// Somebody who decides offers.
    Operator(KeyCaller),
    |request| key(request, &[Role::Operator], "an API key with the role `operator` or `admin`")
}
permission! {
    /// The app's back end, or anybody of operations.
    ServerOrAnalyst(KeyCaller),
    |request| key(request, &[Role::Server, Role::Analyst], "an API key")
}
permission! {
    /// The app's back end, or somebody who decides offers.
    ServerOrOperator(KeyCaller),
    |request| {
        let needed = "an API key with the role `server`, `operator` or `admin`";
        key(request, &[Role::Server, Role::Operator], needed)
    }
}
