//! The rules of some places, as documents that are part of the program: what is enforced, and on what ground.
//!
//! None of it is legal advice. Each ground says where it was read, when, and how sure that is; a preset is a starting
//! point for somebody who knows the law, and a flow can say its own rules in its place.

use std::sync::LazyLock;

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use super::node::At;
use super::parse;
use super::problem::{Problem, Problems};
use super::yaml;
use crate::domain::jurisdiction::JurisdictionPolicy;
use crate::domain::offer::Key;

/// The documents, in the order in which they are listed.
const DOCUMENTS: [&str; 8] = [
    include_str!("presets/california.yaml"),
    include_str!("presets/minnesota.yaml"),
    include_str!("presets/new_york.yaml"),
    include_str!("presets/us_other.yaml"),
    include_str!("presets/germany.yaml"),
    include_str!("presets/eu.yaml"),
    include_str!("presets/uk.yaml"),
    include_str!("presets/none.yaml"),
];

/// The rules of a place, with what they rest on. No legal advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = JurisdictionPreset)]
pub struct Preset {
    /// The place in words.
    pub title: String,
    /// What to keep in mind.
    pub notice: String,
    /// What is enforced.
    pub policy: JurisdictionPolicy,
    /// What that rests on, and what only the page itself can do.
    pub grounds: Vec<Ground>,
}

/// What a rule rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = JurisdictionGround)]
pub struct Ground {
    /// The rule: a member of the policy, `exit_visible`, which holds everywhere, or `page` for what only the page can do.
    pub rule: String,
    /// What was read.
    pub says: String,
    /// Where.
    pub source: url::Url,
    /// On which day, as `2026-11-26`.
    pub read: String,
    /// How sure it is.
    pub confidence: Confidence,
}

/// How sure a ground is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[schema(as = JurisdictionConfidence)]
pub enum Confidence {
    /// Read in the law itself.
    Primary,
    /// Read at several who explain the law, and they agree.
    Secondary,
    /// Read at one who explains it, or not found again; taken as a caution.
    Unconfirmed,
    /// Not in force on that day.
    NotInForce,
}

static PRESETS: LazyLock<Vec<Preset>> =
    // A test reads every document, so none is left out.
    LazyLock::new(|| DOCUMENTS.iter().filter_map(|document| read(document).ok()).collect());

/// Every preset.
#[must_use]
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The preset of this key.
#[must_use]
pub fn preset(key: &Key) -> Option<&'static Preset> {
    presets().iter().find(|preset| preset.policy.key == *key)
}

fn read(document: &str) -> Result<Preset, Vec<Problem>> {
    let root = yaml::read(document).map_err(|problem| vec![problem])?;
    let mut problems = Problems::default();
    let preset = parse::preset(&At::root(&root), &mut problems);
    problems.finish(preset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_reads_and_says_what_each_rule_rests_on() {
        let mut keys = Vec::new();
        for document in DOCUMENTS {
            let preset = read(document).unwrap_or_else(|problems| panic!("{problems:#?}\n{document}"));
            let key = preset.policy.key.to_string();
            assert!(preset.notice.contains("no legal advice"), "{key}");
            let rules = serde_json::to_value(&preset.policy).unwrap();
            let default = serde_json::json!({"offers": "allowed", "survey": "optional", "receipt": false});
            for (rule, value) in rules.as_object().unwrap() {
                let enforced =
                    !["key", "version"].contains(&rule.as_str()) && default.get(rule) != Some(value);
                let grounded = preset.grounds.iter().any(|ground| ground.rule == *rule);
                assert!(!enforced || grounded, "{key} says nowhere what `{rule}` rests on");
            }
            for ground in &preset.grounds {
                let known =
                    ["exit_visible", "page", "offers", "survey", "max_offer_screens", "receipt", "retention"];
                assert!(known.contains(&ground.rule.as_str()), "{key}: {}", ground.rule);
            }
            keys.push(key);
        }
        let wanted = ["california", "minnesota", "new_york", "us_other", "germany", "eu", "uk", "none"];
        assert_eq!(keys, wanted);
        assert_eq!(presets().len(), DOCUMENTS.len());
    }
}
