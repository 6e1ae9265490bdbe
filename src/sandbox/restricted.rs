//! Restricted keys: which permission a call needs, as Stripe names it.
use super::errors::ApiError;

/// A key and what it may do, as `subscription_write` or `event_read`.
#[derive(Debug, Clone)]
pub(super) struct RestrictedKey {
    pub(super) key: String,
    pub(super) permissions: Vec<String>,
}

impl RestrictedKey {
    /// Whether the key may make this call. To write includes to read.
    pub(super) fn allows(&self, method: &str, path: &str) -> Result<(), ApiError> {
        let resource = resource(path);
        let write = format!("{resource}_write");
        let needed = if method == "GET" { format!("{resource}_read") } else { write.clone() };
        if self.permissions.iter().any(|held| *held == needed || *held == write) {
            return Ok(());
        }
        Err(ApiError::not_permitted(&self.key, &needed))
    }
}

/// The resource whose permission covers a path.
fn resource(path: &str) -> &str {
    let mut segments = path.trim_start_matches("/v1/").split('/');
    match segments.next().unwrap_or_default() {
        "subscriptions" | "subscription_items" | "subscription_schedules" => "subscription",
        "invoices" | "invoiceitems" => "invoice",
        // Stripe's name for prices from before there were any.
        "prices" | "plans" => "plan",
        "test_helpers" => "test_clocks",
        other => other.strip_suffix('s').unwrap_or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_write_includes_to_read() {
        let key = RestrictedKey {
            key: "rk_test_1".into(),
            permissions: vec!["subscription_write".into(), "event_read".into()],
        };
        for (method, path, allowed) in [
            ("GET", "/v1/subscriptions/sub_1", true),
            ("DELETE", "/v1/subscription_items/si_1", true),
            ("GET", "/v1/events", true),
            ("POST", "/v1/coupons", false),
            ("GET", "/v1/prices/price_1", false),
            ("POST", "/v1/customers/cus_1/balance_transactions", false),
        ] {
            assert_eq!(key.allows(method, path).is_ok(), allowed, "{method} {path}");
        }
    }
}
