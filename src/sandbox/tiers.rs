//! Tiered prices: what a quantity costs, and which tiers can be.
use super::errors::ApiError;
use super::params::{AMOUNT, Field, Kind, field};
use super::record::Record;
use serde_json::{Value, json};

const TIER: Kind = Kind::Object(&[
    field("up_to", Kind::CountOr(&["inf"])).required(),
    field("flat_amount", AMOUNT),
    field("unit_amount", AMOUNT),
    field("flat_amount_decimal", Kind::Unmodelled),
    field("unit_amount_decimal", Kind::Unmodelled),
]);
pub(super) const TIERS: Field = field("tiers", Kind::List(&TIER));
pub(super) const TIERS_MODE: Field = field("tiers_mode", Kind::Enum(&["graduated", "volume"]));

/// The tiers as Stripe shows them, if a price of these parameters can have them.
pub(super) fn checked(params: &Record) -> Result<Option<Vec<Value>>, ApiError> {
    if params.text("billing_scheme") != Some("tiered") {
        return match ["tiers", "tiers_mode"].into_iter().find(|name| params.has(name)) {
            Some(name) => Err(ApiError::invalid(format!(
                "You may only specify `{name}` when `billing_scheme` is `tiered`."
            ))
            .param(name)),
            None => Ok(None),
        };
    }
    for name in ["tiers", "tiers_mode"] {
        if !params.has(name) {
            return Err(ApiError::missing(name));
        }
    }
    if params.has("unit_amount") {
        return Err(ApiError::exclusive("unit_amount", "tiers"));
    }
    let tiers = params.records("tiers");
    let mut below = 0_i64;
    for (index, tier) in tiers.iter().enumerate() {
        let last = index.saturating_add(1) == tiers.len();
        match tier.int("up_to") {
            Some(up_to) if !last && up_to > below => below = up_to,
            None if last => {}
            _ => {
                return Err(ApiError::invalid(
                    "Each tier's `up_to` exceeds the one before it, and the last tier's is `inf`.",
                )
                .param(format!("tiers[{index}][up_to]")));
            }
        }
        if !tier.has("flat_amount") && !tier.has("unit_amount") {
            return Err(ApiError::missing(&format!("tiers[{index}][unit_amount]")));
        }
    }
    Ok(Some(tiers.iter().map(shown).collect()))
}

fn shown(tier: &Record) -> Value {
    let decimal = |field: &str| tier.int(field).map(|amount| amount.to_string());
    json!({
        "flat_amount": tier.value("flat_amount"), "flat_amount_decimal": decimal("flat_amount"),
        "unit_amount": tier.value("unit_amount"), "unit_amount_decimal": decimal("unit_amount"),
        "up_to": tier.int("up_to"),
    })
}

/// What a quantity costs in minor units.
pub(super) fn amount(price: &Record, quantity: i64) -> i64 {
    let tiers = price.records("_tiers");
    let cost = |tier: &Record, units: i64| {
        let flat = tier.int("flat_amount").unwrap_or(0);
        tier.int("unit_amount").unwrap_or(0).saturating_mul(units).saturating_add(flat)
    };
    if price.text("tiers_mode") == Some("volume") {
        let reached = tiers.iter().find(|t| t.int("up_to").is_none_or(|up_to| quantity <= up_to));
        return reached.map_or(0, |tier| cost(tier, quantity));
    }
    let (mut sum, mut below) = (0_i64, 0_i64);
    for tier in &tiers {
        if quantity <= below {
            break;
        }
        let top = tier.int("up_to").unwrap_or(i64::MAX).min(quantity);
        sum = sum.saturating_add(cost(tier, top.saturating_sub(below)));
        below = top;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graduated_tiers_add_up_and_volume_takes_one() {
        let tiers = json!([
            {"up_to": 5, "unit_amount": 100, "flat_amount": 1_000},
            {"up_to": null, "unit_amount": 50, "flat_amount": null},
        ]);
        let of = |mode: &str| Record::of(json!({"tiers_mode": mode, "_tiers": tiers}));
        let amounts = |mode: &str| [0, 5, 7].map(|quantity| amount(&of(mode), quantity));
        assert_eq!(amounts("graduated"), [0, 1_500, 1_600]);
        assert_eq!(amounts("volume"), [1_000, 1_500, 350]);
    }
}
