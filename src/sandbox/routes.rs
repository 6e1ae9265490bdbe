//! The table of calls: method, path, parameters, and who answers.
use super::call::{Input, Outcome};
use super::params::{EXPAND, Field};
use super::state::State;
use super::{account, balance, coupons, credit_notes, customers, entitlements, events, features};
use super::{invoice_actions, invoice_items, invoice_preview, invoices, prices};
use super::{
    products, promotion_codes, schedule_phases, schedules, subscription_ends, subscription_items,
    subscription_pause, subscriptions, test_clocks, webhook_endpoints,
};

/// One call of the API.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) spec: &'static [Field],
    pub(super) run: fn(&mut State, &Input) -> Outcome,
}

const fn get(path: &'static str, spec: &'static [Field], run: fn(&mut State, &Input) -> Outcome) -> Route {
    Route { method: "GET", path, spec, run }
}

const fn post(path: &'static str, spec: &'static [Field], run: fn(&mut State, &Input) -> Outcome) -> Route {
    Route { method: "POST", path, spec, run }
}

const fn delete(path: &'static str, spec: &'static [Field], run: fn(&mut State, &Input) -> Outcome) -> Route {
    Route { method: "DELETE", path, spec, run }
}

const ONLY_EXPAND: &[Field] = &[EXPAND];

pub(super) const ROUTES: &[Route] = &[
    get("/v1/account", ONLY_EXPAND, account::retrieve),
    post("/v1/customers", customers::CREATE, customers::create),
    get("/v1/customers", customers::LIST, customers::list),
    get("/v1/customers/{}", ONLY_EXPAND, customers::retrieve),
    post("/v1/customers/{}", customers::UPDATE, customers::update),
    delete("/v1/customers/{}", &[], customers::delete),
    delete("/v1/customers/{}/discount", &[], customers::delete_discount),
    post("/v1/products", products::CREATE, products::create),
    get("/v1/products", products::LIST, products::list),
    get("/v1/products/{}", ONLY_EXPAND, products::retrieve),
    post("/v1/products/{}", products::UPDATE, products::update),
    post("/v1/products/{}/features", features::ATTACH, features::attach),
    get("/v1/products/{}/features", features::LIST_ATTACHED, features::list_attached),
    delete("/v1/products/{}/features/{}", &[], features::detach),
    post("/v1/prices", prices::CREATE, prices::create),
    get("/v1/prices", prices::LIST, prices::list),
    get("/v1/prices/{}", ONLY_EXPAND, prices::retrieve),
    post("/v1/prices/{}", prices::UPDATE, prices::update),
    post("/v1/coupons", coupons::CREATE, coupons::create),
    get("/v1/coupons", coupons::LIST, coupons::list),
    get("/v1/coupons/{}", ONLY_EXPAND, coupons::retrieve),
    post("/v1/coupons/{}", coupons::UPDATE, coupons::update),
    delete("/v1/coupons/{}", &[], coupons::delete),
    post("/v1/promotion_codes", promotion_codes::CREATE, promotion_codes::create),
    get("/v1/promotion_codes", promotion_codes::LIST, promotion_codes::list),
    post("/v1/promotion_codes/{}", promotion_codes::UPDATE, promotion_codes::update),
    get("/v1/promotion_codes/{}", ONLY_EXPAND, promotion_codes::retrieve),
    post("/v1/subscriptions", subscriptions::CREATE, subscriptions::create),
    get("/v1/subscriptions", subscriptions::LIST, subscriptions::list),
    get("/v1/subscriptions/{}", ONLY_EXPAND, subscriptions::retrieve),
    post("/v1/subscriptions/{}", subscriptions::UPDATE, subscriptions::update),
    delete("/v1/subscriptions/{}", subscription_ends::CANCEL, subscription_ends::cancel),
    post("/v1/subscriptions/{}/pause", subscription_pause::PAUSE, subscription_pause::pause),
    post("/v1/subscriptions/{}/resume", subscription_pause::RESUME, subscription_pause::resume),
    post("/v1/subscriptions/{}/migrate", subscriptions::MIGRATE, subscriptions::migrate),
    delete("/v1/subscriptions/{}/discount", &[], subscription_ends::delete_discount),
    post("/v1/subscription_items", subscription_items::CREATE, subscription_items::create),
    get("/v1/subscription_items", subscription_items::LIST, subscription_items::list),
    get("/v1/subscription_items/{}", ONLY_EXPAND, subscription_items::retrieve),
    post("/v1/subscription_items/{}", subscription_items::UPDATE, subscription_items::update),
    delete("/v1/subscription_items/{}", subscription_items::DELETE, subscription_items::delete),
    post("/v1/subscription_schedules", schedules::CREATE, schedules::create),
    get("/v1/subscription_schedules/{}", ONLY_EXPAND, schedules::retrieve),
    get("/v1/subscription_schedules", schedules::LIST, schedules::list),
    post("/v1/subscription_schedules/{}", schedule_phases::UPDATE, schedule_phases::update),
    post("/v1/subscription_schedules/{}/cancel", schedules::CANCEL, schedules::cancel),
    post("/v1/subscription_schedules/{}/release", schedules::RELEASE, schedules::release),
    post("/v1/entitlements/features", features::CREATE, features::create),
    get("/v1/entitlements/features", features::LIST, features::list),
    get("/v1/entitlements/features/{}", ONLY_EXPAND, features::retrieve),
    get("/v1/entitlements/active_entitlements", entitlements::LIST, entitlements::list),
    get("/v1/entitlements/active_entitlements/{}", ONLY_EXPAND, entitlements::retrieve),
    post("/v1/invoices/create_preview", invoice_preview::PREVIEW, invoice_preview::preview),
    post("/v1/invoices", invoices::CREATE, invoices::create),
    get("/v1/invoices", invoices::LIST, invoices::list),
    get("/v1/invoices/{}", ONLY_EXPAND, invoices::retrieve),
    post("/v1/invoices/{}", invoices::UPDATE, invoices::update),
    delete("/v1/invoices/{}", &[], invoices::delete),
    post("/v1/invoices/{}/finalize", invoice_actions::FINALIZE, invoice_actions::finalize),
    post("/v1/invoices/{}/pay", invoice_actions::PAY, invoice_actions::pay),
    post("/v1/invoices/{}/void", ONLY_EXPAND, invoice_actions::void),
    post("/v1/invoices/{}/mark_uncollectible", ONLY_EXPAND, invoice_actions::mark_uncollectible),
    post("/v1/invoiceitems", invoice_items::CREATE, invoice_items::create),
    get("/v1/invoiceitems", invoice_items::LIST, invoice_items::list),
    get("/v1/invoiceitems/{}", ONLY_EXPAND, invoice_items::retrieve),
    post("/v1/invoiceitems/{}", invoice_items::UPDATE, invoice_items::update),
    delete("/v1/invoiceitems/{}", &[], invoice_items::delete),
    post("/v1/credit_notes", credit_notes::CREATE, credit_notes::create),
    get("/v1/credit_notes", credit_notes::LIST, credit_notes::list),
    get("/v1/credit_notes/{}", ONLY_EXPAND, credit_notes::retrieve),
    post("/v1/credit_notes/{}/void", ONLY_EXPAND, credit_notes::void),
    post("/v1/customers/{}/balance_transactions", balance::CREATE, balance::create),
    get("/v1/customers/{}/balance_transactions", balance::LIST, balance::list),
    get("/v1/customers/{}/balance_transactions/{}", ONLY_EXPAND, balance::retrieve),
    post("/v1/customers/{}/balance_transactions/{}", balance::UPDATE, balance::update),
    post("/v1/test_helpers/test_clocks", test_clocks::CREATE, test_clocks::create),
    get("/v1/test_helpers/test_clocks", test_clocks::LIST, test_clocks::list),
    get("/v1/test_helpers/test_clocks/{}", ONLY_EXPAND, test_clocks::retrieve),
    get("/v1/events", events::LIST, events::list),
    get("/v1/events/{}", ONLY_EXPAND, events::retrieve),
    post("/v1/webhook_endpoints", webhook_endpoints::CREATE, webhook_endpoints::create),
    get("/v1/webhook_endpoints/{}", ONLY_EXPAND, webhook_endpoints::retrieve),
    delete("/v1/webhook_endpoints/{}", &[], webhook_endpoints::delete),
];

/// The call behind a method and path, with the variables of the path. Paths without variables go first.
pub(super) fn route(method: &str, path: &str) -> Option<(&'static Route, Vec<String>)> {
    let mut fitting =
        ROUTES.iter().filter(|r| r.method == method).filter_map(|r| Some((r, captures(r.path, path)?)));
    let first = fitting.next()?;
    if first.1.is_empty() {
        Some(first)
    } else {
        Some(fitting.find(|(_, ids)| ids.is_empty()).unwrap_or(first))
    }
}

fn captures(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(ids),
            (Some("{}"), Some(id)) if !id.is_empty() => ids.push(decoded(id)),
            (Some(w), Some(g)) if w == g => {}
            _ => return None,
        }
    }
}

/// Percent-decoding of one path segment.
fn decoded(segment: &str) -> String {
    let guarded = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(guarded.as_bytes()).next().map_or_else(String::new, |(id, _)| id.into_owned())
}
