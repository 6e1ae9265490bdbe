//! Establishes who calls, once, and bounds how often.
//!
//! A caller with good credentials has a quota of its own; all others share that of their address. `/healthz`,
//! `/metrics` and the like are not limited, and neither are Stripe's webhooks, which are signed.

use std::net::IpAddr;
use std::num::NonZeroU32;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use sha2::{Digest as _, Sha256};

use crate::config::RateLimit;
use crate::domain::ids::ApiKeyId;
use crate::http::Shell;
use crate::http::auth::Identity;
use crate::http::problem::Problem;
use crate::services::caller::Caller;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The one path under `/v1` whose caller is Stripe.
const WEBHOOKS: &str = "/v1/stripe/webhooks";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// Half of a digest of the customer's id: there may be a hundred thousand at a time.
    Customer([u8; 16]),
    Key(ApiKeyId),
    Address(Option<IpAddr>),
}

impl Who {
    fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Customer(caller) => {
                let digest: [u8; 32] = Sha256::digest(caller.customer.as_str()).into();
                Self::Customer(digest.first_chunk().copied().unwrap_or_default())
            }
            Caller::Key(caller) => Self::Key(caller.id),
        }
    }
}

/// Counts the requests of each caller.
pub struct Limiter {
    counts: RateLimiter<Who, DefaultKeyedStateStore<Who>, DefaultClock, StateInformationMiddleware>,
    per_second: u32,
    policy: HeaderValue,
}

impl Limiter {
    /// A limiter with the configured quota.
    #[must_use]
    pub fn new(config: &RateLimit) -> Self {
        let rate = NonZeroU32::new(config.per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(config.burst).unwrap_or(NonZeroU32::MIN);
        let window = config.burst.div_ceil(rate.get()).max(1);
        let policy = format!("\"default\";q={burst};w={window}");
        Self {
            counts: RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)).with_middleware(),
            per_second: rate.get(),
            policy: HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("")),
        }
    }

    /// Forgets the callers whose quota is whole again. To be called now and then, or memory grows.
    pub fn forget_idle(&self) {
        self.counts.retain_recent();
    }

    /// Counts one request: how many more may follow at once, or the seconds to wait.
    fn count(&self, who: &Who) -> Result<u32, u32> {
        self.counts.check_key(who).map(|state| state.remaining_burst_capacity()).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
        })
    }

    fn describe(&self, headers: &mut HeaderMap, remaining: u32, reset: u32) {
        let text = format!("\"default\";r={remaining};t={reset}");
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(LIMIT, value);
        }
        headers.insert(POLICY, self.policy.clone());
    }
}

/// Verifies the credentials under `/v1` and puts [`Identity`] into the request's extensions, or answers 429.
pub async fn admit(
    shell: Data<Shell>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if !request.path().starts_with("/v1/") || request.path() == WEBHOOKS {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let address = Who::Address(shell.proxies.caller(&request));
    let identity = Identity::of(&request, &shell, || shell.limiter.count(&address).is_ok()).await;
    let counted = match &identity {
        Identity::Throttled => Err(1),
        Identity::Known(caller) => shell.limiter.count(&Who::of(caller)),
        _ => shell.limiter.count(&address),
    };
    match counted {
        Ok(remaining) => {
            request.extensions_mut().insert(identity);
            let mut response = next.call(request).await?;
            let reset =
                shell.config.rate_limit.burst.saturating_sub(remaining).div_ceil(shell.limiter.per_second);
            shell.limiter.describe(response.headers_mut(), remaining, reset);
            Ok(response.map_into_left_body())
        }
        Err(wait) => {
            let detail = format!("Too many requests; wait {wait} s before the next.");
            let problem =
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(wait);
            let mut response = request.error_response(problem);
            shell.limiter.describe(response.headers_mut(), 0, wait);
            Ok(response.map_into_right_body())
        }
    }
}
