//! Rules by place, and the presets, which are written in the same words.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::values;
use crate::domain::flow::jurisdictions::{Jurisdictions, PolicyChoice};
use crate::domain::flow::limits::{MAX_LABEL_CHARS, MAX_PLACES};
use crate::domain::flow::node::{At, Kind};
use crate::domain::flow::presets::{self, Ground, Preset};
use crate::domain::flow::problem::Problems;
use crate::domain::jurisdiction::{JurisdictionPolicy, PlaceName, Retention};

/// The most screens with offers that a policy can set.
const MAX_SCREENS: u16 = 20;
/// The most years for which a policy can keep evidence.
const MAX_YEARS: u16 = 30;
/// Characters of a preset's longer texts.
const MAX_TEXT_CHARS: usize = 1_000;

/// Reads the rules by place.
pub(super) fn jurisdictions(at: &At<'_>, problems: &mut Problems) -> Option<Jurisdictions> {
    let mut fields = Fields::of(at, problems)?;
    let default = match fields.optional("default") {
        Some(at) => choice(&at, problems),
        None => named("none"),
    };
    let unknown = fields.optional("unknown_place");
    let unknown = unknown.and_then(|at| values::word(&at, problems));
    let places = fields.optional("places").map(|at| places(&at, problems)).unwrap_or_default();
    fields.finish(problems);
    Some(Jurisdictions { default: default?, unknown_place: unknown.unwrap_or_default(), places })
}

fn places(at: &At<'_>, problems: &mut Problems) -> BTreeMap<PlaceName, PolicyChoice> {
    let mut places = BTreeMap::new();
    for entry in values::map(at, MAX_PLACES, problems).unwrap_or_default() {
        let name = entry.key.parse::<PlaceName>();
        let choice = choice(&at.entry(entry), problems);
        match (name, choice) {
            (Ok(name), Some(choice)) => drop(places.insert(name, choice)),
            (Ok(_), None) => {}
            (Err(error), _) => problems.add_key(at, &entry.key, entry.at, "invalid_place", error.to_string()),
        }
    }
    places
}

fn named(key: &str) -> Option<PolicyChoice> {
    let preset = presets::presets().iter().find(|preset| preset.policy.key.as_str() == key)?;
    Some(PolicyChoice::Preset(&preset.policy))
}

fn choice(at: &At<'_>, problems: &mut Problems) -> Option<PolicyChoice> {
    if matches!(at.node.kind, Kind::Map(_)) {
        let own = policy(at, problems)?;
        if named(own.key.as_str()).is_some() {
            let detail = format!("`{}` is a preset; give rules of your own another key", own.key);
            problems.add(at, "duplicate_policy", detail);
        }
        return Some(PolicyChoice::Own(Box::new(own)));
    }
    let key = values::string(at, problems)?;
    let found = named(key);
    if found.is_none() {
        let known: Vec<_> = presets::presets().iter().map(|preset| preset.policy.key.as_str()).collect();
        let detail = format!(
            "there is no preset `{key}`; there are `{}`, or write the rules here",
            known.join("`, `")
        );
        problems.add(at, "unknown_policy", detail);
    }
    found
}

fn policy(at: &At<'_>, problems: &mut Problems) -> Option<JurisdictionPolicy> {
    let mut fields = Fields::of(at, problems)?;
    let key = fields.required("key", problems).and_then(|at| values::key(&at, problems));
    let version = fields.required("version", problems);
    let version = version.and_then(|at| values::small(&at, 1, u16::MAX, problems));
    let offers = fields.optional("offers");
    let offers = offers.and_then(|at| values::word(&at, problems));
    let survey = fields.optional("survey");
    let survey = survey.and_then(|at| values::word(&at, problems));
    let screens = fields.optional("max_offer_screens");
    let screens = screens.and_then(|at| values::small(&at, 1, MAX_SCREENS, problems));
    let receipt = fields.optional("receipt").and_then(|at| values::flag(&at, problems));
    let retention = fields.optional("retention").and_then(|at| retention(&at, problems));
    fields.finish(problems);
    Some(JurisdictionPolicy {
        key: key?,
        version: version?,
        offers: offers.unwrap_or_default(),
        survey: survey.unwrap_or_default(),
        max_offer_screens: screens.and_then(|screens| u8::try_from(screens).ok()),
        receipt: receipt.unwrap_or_default(),
        retention,
    })
}

fn retention(at: &At<'_>, problems: &mut Problems) -> Option<Retention> {
    let mut fields = Fields::of(at, problems)?;
    let years = fields.required("years", problems);
    let years = years.and_then(|at| values::small(&at, 1, MAX_YEARS, problems));
    let after = fields.optional("years_after_end");
    let after = after.and_then(|at| values::small(&at, 0, MAX_YEARS, problems));
    fields.finish(problems);
    Some(Retention { years: years?, years_after_end: after.unwrap_or_default() })
}

/// Reads a preset.
pub(in crate::domain::flow) fn preset(at: &At<'_>, problems: &mut Problems) -> Option<Preset> {
    let mut fields = Fields::of(at, problems)?;
    let title = fields.required("title", problems);
    let title = title.and_then(|at| values::line(&at, MAX_LABEL_CHARS, problems));
    let notice = fields.required("notice", problems);
    let notice = notice.and_then(|at| values::line(&at, MAX_TEXT_CHARS, problems));
    let policy = fields.required("policy", problems).and_then(|at| policy(&at, problems));
    let grounds = fields.required("grounds", problems).map(|at| grounds(&at, problems));
    fields.finish(problems);
    Some(Preset { title: title?, notice: notice?, policy: policy?, grounds: grounds? })
}

fn grounds(at: &At<'_>, problems: &mut Problems) -> Vec<Ground> {
    let items = values::list(at, 1, MAX_PLACES, problems).unwrap_or_default();
    let read = |(index, item)| ground(&at.element(index, item), problems);
    items.iter().enumerate().filter_map(read).collect()
}

fn ground(at: &At<'_>, problems: &mut Problems) -> Option<Ground> {
    let mut fields = Fields::of(at, problems)?;
    let rule = fields.required("rule", problems);
    let rule = rule.and_then(|at| values::line(&at, MAX_LABEL_CHARS, problems));
    let says = fields.required("says", problems);
    let says = says.and_then(|at| values::line(&at, MAX_TEXT_CHARS, problems));
    let source = fields.required("source", problems);
    let source = source.and_then(|at| values::parsed(&at, "invalid_url", problems));
    let read = fields.required("read", problems);
    let read: Option<jiff::civil::Date> = read.and_then(|at| values::parsed(&at, "invalid_date", problems));
    let confidence = fields.required("confidence", problems);
    let confidence = confidence.and_then(|at| values::word(&at, problems));
    fields.finish(problems);
    Some(Ground {
        rule: rule?,
        says: says?,
        source: source?,
        read: read?.to_string(),
        confidence: confidence?,
    })
}
