//! Value tiers: ordered bands of one number.

use super::conditions::Types;
use super::fields::Fields;
use super::values;
use crate::domain::attribute::TypeSet;
use crate::domain::condition::{Band, Tiers};
use crate::domain::facts::AttributeType::Number;
use crate::domain::flow::limits::MAX_TIERS;
use crate::domain::flow::node::At;
use crate::domain::flow::problem::Problems;
use crate::domain::offer::Key;

/// Reads the tiers.
pub(super) fn tiers(at: &At<'_>, types: &mut Types<'_>, problems: &mut Problems) -> Option<Tiers> {
    let mut fields = Fields::of(at, problems)?;
    let name_at = fields.required("attribute", problems);
    let attribute = name_at.as_ref().and_then(|at| attribute(at, types, problems));
    let bands = fields.required("bands", problems).map(|at| bands(&at, problems)).unwrap_or_default();
    fields.finish(problems);
    Some(Tiers { attribute: attribute?, bands })
}

fn attribute(at: &At<'_>, types: &mut Types<'_>, problems: &mut Problems) -> Option<String> {
    let name = values::string(at, problems)?;
    let Some(allowed) = types.of(name) else {
        problems.add(at, "unknown_attribute", types.unknown(name));
        return None;
    };
    let number = TypeSet::of(&[Number]);
    if allowed.and(number).is_empty() || types.infer(name, number).is_some() {
        problems.add(at, "invalid_type", format!("tiers are bands of a number, and `{name}` is {allowed}"));
        return None;
    }
    Some(name.to_owned())
}

fn bands(at: &At<'_>, problems: &mut Problems) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for (index, item) in values::list(at, 1, MAX_TIERS, problems).unwrap_or_default().iter().enumerate() {
        let at = at.element(index, item);
        let Some(mut fields) = Fields::of(&at, problems) else { continue };
        let key_at = fields.required("key", problems);
        let key: Option<Key> = key_at.as_ref().and_then(|at| values::key(at, problems));
        let from_at = fields.required("from", problems);
        let from = from_at.as_ref().and_then(|at| values::exact(at, problems));
        fields.finish(problems);
        if let (Some(at), Some(key)) = (&key_at, &key)
            && bands.iter().any(|band| band.key == *key)
        {
            problems.add(
                at,
                "duplicate_value",
                format!("there is another tier `{key}`; give each its own key"),
            );
        }
        if let (Some(at), Some(from)) = (&from_at, from)
            && let Some(before) = bands.last().filter(|band| band.from >= from)
        {
            let detail =
                format!("expected more than the {} of `{}`; go from the lowest up", before.from, before.key);
            problems.add(at, "invalid_order", detail);
        }
        if let (Some(key), Some(from)) = (key, from) {
            bands.push(Band { key, from });
        }
    }
    bands
}
