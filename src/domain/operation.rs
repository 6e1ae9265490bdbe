//! Billing operations: one durable, ordered piece of Stripe work each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use super::debt::{Share, Split};
use super::hold::BudgetHold;
use super::ids::{OfferId, OperationId, PriceId, ProductId, SessionId, SubscriptionId, SubscriptionItemId};
use super::money::Money;
use super::offer::{DiscountTerms, PauseAccess, PauseBehavior, PlanChangeWhen, Proration};
use super::pause::{PauseEnd, Resumption};

/// When a cancellation takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum CancelWhen {
    /// With the period that is paid for.
    PeriodEnd,
    /// At once.
    Now,
}

impl CancelWhen {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Stripe's `cancellation_details.feedback`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[allow(missing_docs, reason = "Stripe's own words; each says what it means")]
pub enum StripeFeedback {
    CustomerService,
    LowQuality,
    MissingFeatures,
    Other,
    SwitchedService,
    TooComplex,
    TooExpensive,
    Unused,
}

impl StripeFeedback {
    /// The word on the wire, Stripe's and ours.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What an operation brings about in Stripe. Every instant in it was fixed when it was accepted, so that a late retry
/// does what was promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Effect {
    /// A coupon made and attached, those already there kept.
    Discount {
        /// How much and how long.
        terms: DiscountTerms,
    },
    /// Billing paused, by the mechanism that the access and the subscription ask for.
    Pause {
        /// What becomes of invoices meanwhile.
        behavior: PauseBehavior,
        /// Whether access is withdrawn.
        #[serde(default, skip_serializing_if = "PauseAccess::is_kept")]
        access: PauseAccess,
        /// When it resumes.
        resumes_at: Timestamp,
    },
    /// A pause of ours brought to its end, or found at its end; one is scheduled with every pause.
    Resume {
        /// Which pause, and why.
        resumption: Resumption,
    },
    /// The trial's end moved, without proration.
    ExtendTrial {
        /// The new end.
        trial_end: Timestamp,
    },
    /// A zero-price item added.
    AttachFeatures {
        /// The zero price.
        price: PriceId,
        /// When it is taken away again.
        until: Timestamp,
    },
    /// The zero-price item taken away; scheduled when it was added.
    DetachFeatures {
        /// The zero price.
        price: PriceId,
        /// Its product, where it is known.
        #[serde(default)]
        product: Option<ProductId>,
        /// When they were given, where it is known.
        #[serde(default)]
        since: Option<Timestamp>,
    },
    /// The price of an item changed, its quantity and everything else kept.
    ChangePlan {
        /// The item.
        item: SubscriptionItemId,
        /// The price it gets.
        price: PriceId,
        /// The price it had when this was accepted.
        from: PriceId,
        /// When.
        when: PlanChangeWhen,
        /// What becomes of the time that is paid for.
        proration: Proration,
        /// When it takes effect.
        effective_at: Timestamp,
    },
    /// Open invoices replaced by parts on dates, or the coming one reduced and the rest put into parts.
    Split {
        /// What is split, and into what.
        split: Split,
    },
    /// Open invoices forgiven, each as far as is written; what has been paid meanwhile is left out.
    Waive {
        /// The invoices, the oldest first.
        invoices: Vec<Share>,
    },
    /// A credit put on the customer's balance.
    Credit {
        /// How much, greater than zero.
        money: Money,
    },
    /// The discount of one coupon taken off, the others kept.
    RemoveDiscount {
        /// The coupon.
        coupon: String,
    },
    /// A credit taken back from the customer's balance.
    Debit {
        /// How much, greater than zero.
        money: Money,
    },
    /// A scheduled end taken back.
    KeepSubscription,
    /// The subscription canceled.
    Cancel {
        /// When.
        when: CancelWhen,
        /// The reason in Stripe's words.
        feedback: Option<StripeFeedback>,
        /// What the subscriber wrote.
        comment: Option<String>,
    },
}

impl Effect {
    /// The word for it on the wire.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.into()
    }

    /// When what it gives is over; none for what is given once or for good, for what billing itself brings to its end,
    /// and for what takes something away.
    #[must_use]
    pub fn gives_until(&self) -> Option<Timestamp> {
        match self {
            Self::Pause { resumes_at: end, .. }
            | Self::ExtendTrial { trial_end: end }
            | Self::AttachFeatures { until: end, .. } => Some(*end),
            Self::Discount { .. }
            | Self::DetachFeatures { .. }
            | Self::ChangePlan { .. }
            | Self::Split { .. }
            | Self::Waive { .. }
            | Self::Credit { .. }
            | Self::Debit { .. }
            | Self::RemoveDiscount { .. }
            | Self::KeepSubscription
            | Self::Resume { .. }
            | Self::Cancel { .. } => None,
        }
    }
}

/// Where an operation stands. `Applied` and `Rejected` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum OperationState {
    /// Waiting for its time.
    Pending,
    /// Taken up; its outcome is not known yet.
    Applying,
    /// Done, seen in Stripe.
    Applied,
    /// Refused by Stripe, or by a subscription that cannot take it; nothing was changed.
    Rejected,
    /// A person has to look; can be retried by hand.
    NeedsAttention,
}

impl OperationState {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the worker is done with it, at least until somebody retries it.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Applied | Self::Rejected | Self::NeedsAttention)
    }
}

/// The step that marks a subscription which Stripe is about to be asked to pause itself.
pub const PAUSE_MARKED: &str = "mark";
/// The step that asks Stripe to end a pause; its result is the [`PauseEnd`].
pub const RESUME: &str = "resume";
/// The step that finds a pause ended; its result is the [`PauseEnd`], or none where another operation tells it.
pub const PAUSE_OVER: &str = "pause_over";

/// One step of an operation that Stripe has answered, so that a crash resumes behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepRecord {
    /// The step's name; part of its idempotency key.
    pub name: String,
    /// What later steps need of the answer: the coupon's or item's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Minor units that the step took off an invoice; 0 where that had been paid meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Stripe's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When it was answered.
    pub at: Timestamp,
}

/// What went wrong with an operation, for operations' eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationProblem {
    /// A stable code: ours (a reason of ineligibility) or Stripe's error code.
    pub code: String,
    /// What happened, in words.
    pub message: String,
    /// Stripe's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// One durable, ordered piece of Stripe work. Operations on one subscription are applied in the order in
/// which they were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id; also what its idempotency keys are derived from.
    pub id: OperationId,
    /// The session it came from.
    pub session: SessionId,
    /// The offer it carries out, if it is one.
    pub offer: Option<OfferId>,
    /// The subscription it changes.
    pub subscription: SubscriptionId,
    /// Live or test mode.
    pub livemode: bool,
    /// What it brings about.
    pub effect: Effect,
    /// Where it stands.
    pub state: OperationState,
    /// The steps that Stripe has answered.
    pub steps: Vec<StepRecord>,
    /// What it holds of budgets; given back when it is rejected.
    pub holds: Vec<BudgetHold>,
    /// How often it has been tried.
    pub attempts: u32,
    /// Not before this.
    pub due_at: Timestamp,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The last thing that went wrong.
    pub problem: Option<OperationProblem>,
    /// The operation that it undoes, if it undoes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<OperationId>,
    /// The operation that undoes it, once somebody has asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<OperationId>,
}

impl Operation {
    /// The offer that it carries out; none where it only follows up on one, such as by taking features away again, or
    /// undoes it.
    #[must_use]
    pub fn carries_out(&self) -> Option<OfferId> {
        let follows = matches!(self.effect, Effect::DetachFeatures { .. } | Effect::Resume { .. });
        self.offer.filter(|_| !follows && self.undoes.is_none())
    }

    /// What its steps so far have taken off invoices, in minor units. Behind the first of them there is no way back.
    #[must_use]
    pub fn taken_off(&self) -> i64 {
        self.steps.iter().filter_map(|step| step.amount).fold(0, i64::saturating_add)
    }

    /// How the pause ended that it brought to its end, or found ended; none for other operations, before that is known,
    /// and where another operation of ours has ended the pause and tells it.
    #[must_use]
    pub fn pause_end(&self) -> Option<PauseEnd> {
        let last = self.steps.iter().rfind(|step| step.name == RESUME || step.name == PAUSE_OVER)?;
        PauseEnd::of_word(last.result.as_deref()?)
    }

    /// The id of the coupon that it makes, if it is a discount; known before it is made, so that a lost answer loses
    /// nothing.
    #[must_use]
    pub fn coupon(&self) -> String {
        format!("co_{}", self.id)
    }
}
