//! The terms of a pause.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::domain::span::Span;

/// The longest pause, in days; three years, as in Stripe's customer portal.
pub const MAX_PAUSE_DAYS: u16 = 1095;

/// What becomes of invoices while collection is paused; Stripe's `pause_collection.behavior`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum PauseBehavior {
    /// Made and voided: the time is free.
    #[default]
    Void,
    /// Kept as drafts, to be collected later.
    KeepAsDraft,
    /// Made and marked uncollectible.
    MarkUncollectible,
}

impl PauseBehavior {
    /// The word on the wire, Stripe's and ours.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Whether the subscriber keeps access while paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum PauseAccess {
    /// Access stays; only billing pauses.
    #[default]
    Kept,
    /// Access is withdrawn. Where Stripe can pause the subscription itself its status says so; elsewhere the app is told
    /// to withdraw it.
    Withdrawn,
}

impl PauseAccess {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether access stays.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    pub fn is_kept(&self) -> bool {
        *self == Self::Kept
    }
}

/// Terms of a pause: the subscriber chooses one of the lengths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseTerms {
    /// One to ten lengths, each at most three years.
    #[schema(min_items = 1, max_items = 10)]
    pub choices: Vec<Span>,
    /// What becomes of invoices meanwhile; where Stripe pauses the subscription itself, none are made.
    #[serde(default)]
    pub behavior: PauseBehavior,
    /// Whether the subscriber keeps access meanwhile; `kept` where left out.
    #[serde(default, skip_serializing_if = "PauseAccess::is_kept")]
    pub access: PauseAccess,
}
