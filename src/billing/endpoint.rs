//! The endpoint behind a path: the same words whatever the ids in it, for limits and measurements.

/// Words of Stripe's paths that are no ids. A path with a word that is not here is measured under fewer, coarser
/// names, never under more.
const WORDS: &[&str] = &[
    "account",
    "active_entitlements",
    "advance",
    "balance_transactions",
    "cancel",
    "coupons",
    "create_preview",
    "credit_notes",
    "customers",
    "discount",
    "entitlements",
    "events",
    "features",
    "finalize",
    "invoiceitems",
    "invoices",
    "lines",
    "mark_uncollectible",
    "migrate",
    "pause",
    "pay",
    "preview",
    "prices",
    "products",
    "promotion_codes",
    "release",
    "resume",
    "search",
    "send",
    "subscription_items",
    "subscription_schedules",
    "subscriptions",
    "test_clocks",
    "test_helpers",
    "void",
];

/// `/subscriptions/sub_1` becomes `/subscriptions/{id}`.
pub(super) fn template(path: &str) -> String {
    let mut template = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        template.push('/');
        template.push_str(WORDS.iter().find(|word| **word == segment).map_or("{id}", |word| *word));
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_stays() {
        for (path, expected) in [
            ("/subscriptions/sub_1QabC", "/subscriptions/{id}"),
            ("/subscriptions/sub_1QabC/resume", "/subscriptions/{id}/resume"),
            ("/coupons/ope_01J", "/coupons/{id}"),
            ("/prices/gold", "/prices/{id}"),
            ("/customers/cus_1/balance_transactions", "/customers/{id}/balance_transactions"),
            ("/entitlements/active_entitlements", "/entitlements/active_entitlements"),
            ("/made_up/ada@example.com", "/{id}/{id}"),
            ("/events", "/events"),
        ] {
            assert_eq!(template(path), expected);
        }
    }
}
