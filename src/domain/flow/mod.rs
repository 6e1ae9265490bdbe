//! The flow document: what happens when somebody cancels, as data.
//!
//! [`parse()`] reads YAML or JSON into a plain tree with places, and that into a [`FlowDocument`], reporting every
//! problem at once; [`CompiledFlow`] makes it ready for [`super::decide`]. Whatever cannot be promised to a subscriber
//! is refused here, so that a published flow never fails while somebody waits; what can be promised and is most likely a
//! mistake is warned of ([`review()`]). Nothing here decides, and nothing here knows how documents are kept.

#[cfg(test)]
pub(in crate::domain) mod arbitrary;
mod care;
mod compiled;
mod diff;
mod document;
mod experiment;
mod json;
mod jurisdictions;
pub mod limits;
mod near;
mod node;
mod parse;
mod policy;
mod presets;
mod problem;
mod review;
mod schema;
mod texts;
mod words;
mod yaml;

pub use care::{AcceptCap, Ask, CapScope, Cooldowns, DeclinedCooldowns, Depth, Reserve};
pub use compiled::CompiledFlow;
pub(in crate::domain) use compiled::Matching;
pub use diff::{Change, ChangeKind, diff};
pub use document::{
    FlowDocument, OfferDefinition, Reason, Route, Rule, Signal, SignalWhen, Survey, Texts, When,
};
pub use experiment::{Allocation, Experiment, Holdout, Traffic};
pub use jurisdictions::{Jurisdictions, PolicyChoice, UnknownPlace};
pub use policy::{Budget, BudgetPeriod, Policy};
pub use presets::{Confidence, Ground, Preset, preset, presets};
pub use problem::Problem;
pub use schema::json_schema;
pub use texts::{FlowTexts, ReasonText};
pub use words::in_words;

use problem::Problems;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[schema(as = FlowFormat)]
pub enum Format {
    /// YAML 1.2, without anchors, aliases and tags.
    Yaml,
    /// JSON.
    Json,
}

impl Format {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A text that names no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a format: expected `yaml` or `json`")]
pub struct InvalidFormat;

impl std::str::FromStr for Format {
    type Err = InvalidFormat;

    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        Self::VARIANTS.iter().copied().find(|format| format.as_str() == text).ok_or(InvalidFormat)
    }
}

/// Reads and checks a document of at most [`limits::MAX_BYTES`].
///
/// # Errors
/// Every problem there is, in the order of the document, up to [`limits::MAX_PROBLEMS`]. A text that is no YAML or
/// JSON at all has just that one problem.
pub fn parse(text: &str, format: Format) -> Result<FlowDocument, Vec<Problem>> {
    bounded(text)?;
    parse_stored(text, format)
}

/// A document that can be published, and what in it is most likely a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// The document.
    pub document: FlowDocument,
    /// In the order of the document, up to [`limits::MAX_PROBLEMS`].
    pub warnings: Vec<Problem>,
}

/// Reads a document as [`parse()`] does, and looks for what has a meaning but no use: conditions that never or always
/// hold, rules that are never reached, offers that nobody gets, segments that nobody uses, texts that are not in every
/// language of the flow.
///
/// # Errors
/// As [`parse()`].
pub fn review(text: &str, format: Format) -> Result<Reviewed, Vec<Problem>> {
    bounded(text)?;
    let root = read(text, format)?;
    let root = node::At::root(&root);
    let mut problems = Problems::default();
    let document = parse::document(&root, &mut problems);
    let document = problems.finish(document)?;
    let warnings = review::warnings(&root, &document);
    Ok(Reviewed { document, warnings })
}

/// Reads a document that has passed [`parse()`] before, of whatever size: the canonical JSON of a flow may be larger
/// than the text it came from.
///
/// # Errors
/// As [`parse()`]; none for the canonical JSON of a document by the same version of this program.
pub fn parse_stored(text: &str, format: Format) -> Result<FlowDocument, Vec<Problem>> {
    let root = read(text, format)?;
    let mut problems = Problems::default();
    let document = parse::document(&node::At::root(&root), &mut problems);
    problems.finish(document)
}

fn bounded(text: &str) -> Result<(), Vec<Problem>> {
    if text.len() <= limits::MAX_BYTES {
        return Ok(());
    }
    let detail = format!("the document has {} bytes; at most {} are taken", text.len(), limits::MAX_BYTES);
    Err(vec![Problem::whole("too_large", detail, None)])
}

fn read(text: &str, format: Format) -> Result<node::Node, Vec<Problem>> {
    let root = match format {
        Format::Yaml => yaml::read(text),
        Format::Json => json::read(text),
    };
    root.map_err(|problem| vec![problem])
}

#[cfg(test)]
mod tests;
