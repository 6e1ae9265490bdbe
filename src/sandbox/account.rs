//! The account behind the key.
use super::call::{Input, Outcome};
use super::state::State;
use serde_json::json;

pub(super) fn retrieve(_state: &mut State, _input: &Input) -> Outcome {
    Ok(json!({
        "id": "acct_sandbox",
        "object": "account",
        "business_profile": {"name": "Sandbox"},
        "charges_enabled": true,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": true,
        "email": null,
        "payouts_enabled": true,
        "metadata": {},
        "type": "standard",
    }))
}
