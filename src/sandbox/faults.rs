//! Scripted misbehaviour: what the next matching calls answer instead of, or after, doing their work.
use super::errors::ApiError;
use serde::{Deserialize, Serialize};

/// How a call misbehaves. `acted` says whether its work was done before it went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 `rate_limit`, nothing done.
    RateLimited {
        /// Seconds for the `Retry-After` header; left out when absent.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// 409 `lock_timeout`, nothing done.
    LockTimeout,
    /// 409 `idempotency_key_in_use`, nothing done.
    IdempotencyInUse,
    /// 500 `api_error`. When it acted, the key remembers the 500, as Stripe's does.
    ServerError {
        /// Whether the work was done.
        #[serde(default)]
        acted: bool,
    },
    /// The connection stays open and nothing is ever answered. When it acted, a retry with the same key replays the
    /// real answer.
    Timeout {
        /// Whether the work was done.
        #[serde(default)]
        acted: bool,
    },
    /// 502 with a page of HTML, as a proxy in between would answer.
    BadGateway {
        /// Whether the work was done.
        #[serde(default)]
        acted: bool,
    },
    /// 402 `card_declined` with this decline code, nothing done; the key remembers it.
    Decline {
        /// Such as `insufficient_funds`.
        code: String,
    },
}

impl FaultKind {
    pub(super) fn acts(&self) -> bool {
        matches!(
            self,
            Self::ServerError { acted: true }
                | Self::Timeout { acted: true }
                | Self::BadGateway { acted: true }
        )
    }

    /// What is answered in Stripe's error shape; nothing for the two that answer otherwise.
    pub(super) fn error(&self, key: Option<&str>) -> Option<ApiError> {
        match self {
            Self::RateLimited { .. } => Some(ApiError::rate_limited()),
            Self::LockTimeout => Some(ApiError::lock_timeout()),
            Self::IdempotencyInUse => Some(ApiError::key_in_use(key.unwrap_or_default())),
            Self::ServerError { .. } => Some(ApiError::server_error()),
            Self::Decline { code } => Some(ApiError::declined(code)),
            Self::Timeout { .. } | Self::BadGateway { .. } => None,
        }
    }

    /// Headers that belong to the fault.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let should_retry = |yes: bool| ("Stripe-Should-Retry", yes.to_string());
        match self {
            Self::RateLimited { retry_after } => {
                let wait = retry_after.map(|seconds| ("Retry-After", seconds.to_string()));
                wait.into_iter().chain([should_retry(true)]).collect()
            }
            Self::LockTimeout | Self::IdempotencyInUse => vec![should_retry(true)],
            Self::Decline { .. } => vec![should_retry(false)],
            Self::ServerError { .. } | Self::Timeout { .. } | Self::BadGateway { .. } => Vec::new(),
        }
    }
}

/// A fault and the calls it meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `GET`, `POST` or `DELETE`; absent meets every method.
    #[serde(default)]
    pub method: Option<String>,
    /// The path, in which `*` stands for anything: `/v1/subscriptions/*`.
    pub path: String,
    /// How many matching calls go well before.
    #[serde(default)]
    pub after: u32,
    /// How many matching calls misbehave.
    #[serde(default = "once")]
    pub times: u32,
    /// What they do.
    pub fault: FaultKind,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// The next call of this method and path misbehaves once.
    pub fn once(method: &str, path: &str, fault: FaultKind) -> Self {
        Self { method: Some(method.to_owned()), path: path.to_owned(), after: 0, times: 1, fault }
    }

    fn meets(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(method)) && glob(&self.path, path)
    }
}

/// Finds the first fault that meets the call and uses up one of its times.
pub(super) fn take(faults: &mut Vec<Fault>, method: &str, path: &str) -> Option<FaultKind> {
    let mut meeting = faults.iter_mut().filter(|f| f.times > 0 && f.meets(method, path));
    // Each that still waits has let one more go well.
    let fault = meeting.find_map(|fault| match fault.after.checked_sub(1) {
        Some(left) => {
            fault.after = left;
            None
        }
        None => Some(fault),
    })?;
    fault.times -= 1;
    let kind = fault.fault.clone();
    faults.retain(|f| f.times > 0);
    Some(kind)
}

/// Whether the text fits a pattern in which `*` stands for any characters.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(left) = text.strip_prefix(start) else {
        return false;
    };
    left.char_indices()
        .map(|(at, _)| at)
        .chain([left.len()])
        .any(|at| left.get(at..).is_some_and(|l| glob(rest, l)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("/v1/subscriptions/*", "/v1/subscriptions/sub_1", true),
            ("/v1/subscriptions/*", "/v1/subscriptions", false),
            ("/v1/*/resume", "/v1/subscriptions/sub_1/resume", true),
            ("/v1/*/resume", "/v1/subscriptions/sub_1", false),
            ("*", "/v1/anything", true),
            ("/v1/coupons", "/v1/coupons/x", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_fault_waits_for_its_call() {
        let mut faults = vec![Fault { after: 2, ..Fault::once("POST", "*", FaultKind::LockTimeout) }];
        assert_eq!(take(&mut faults, "POST", "/v1/x"), None);
        assert_eq!(take(&mut faults, "GET", "/v1/x"), None);
        assert_eq!(take(&mut faults, "POST", "/v1/x"), None);
        assert_eq!(take(&mut faults, "POST", "/v1/x"), Some(FaultKind::LockTimeout));
        assert!(faults.is_empty());
    }

    #[test]
    fn a_fault_is_used_up() {
        let mut faults = vec![Fault { times: 2, ..Fault::once("POST", "*", FaultKind::LockTimeout) }];
        assert_eq!(take(&mut faults, "GET", "/v1/x"), None);
        assert_eq!(take(&mut faults, "POST", "/v1/x"), Some(FaultKind::LockTimeout));
        assert_eq!(take(&mut faults, "POST", "/v1/x"), Some(FaultKind::LockTimeout));
        assert_eq!(take(&mut faults, "POST", "/v1/x"), None);
    }
}
