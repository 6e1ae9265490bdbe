//! What a flow says of its experiments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::domain::experiment::{Arm, Share};
use crate::domain::money::Percent;
use crate::domain::offer::Key;

/// The share of all customers who see no offer, in whatever experiment they would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowHoldout)]
pub struct Holdout {
    /// Percent of all customers.
    pub percent: Percent,
}

impl Holdout {
    /// The same as a share.
    #[must_use]
    pub fn share(self) -> Share {
        let millionths = self.percent.as_decimal() * rust_decimal::Decimal::from(10_000);
        Share::of_millionths(u32::try_from(millionths).unwrap_or(0))
    }
}

/// Arms that are tried against each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowExperiment)]
pub struct Experiment {
    /// Nobody is in two experiments of one layer; those of different layers do not know of each other. A layer of its
    /// own, named as the experiment, unless said otherwise.
    #[schema(required = false)]
    pub layer: Key,
    /// Segments of which at least one must hold; everybody where they are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, min_items = 1, max_items = 500)]
    pub segments: Vec<Key>,
    /// The part of the layer that it takes; all of it unless said otherwise.
    #[schema(required = false)]
    pub traffic: Traffic,
    /// How customers are divided among the arms; by weights unless said otherwise.
    #[schema(required = false)]
    pub allocation: Allocation,
    /// What a bandit leaves each arm at least, in percent; 10 unless said otherwise. For bandits alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub floor_percent: Option<u16>,
    /// The arms: `control`, which sees what the rules say, and at least one more. The arm `holdout` sees no offer.
    #[schema(value_type = super::schema::Arms)]
    pub arms: BTreeMap<Key, Arm>,
}

/// A part of a layer, in percent of its customers. Growing it keeps those who are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowTraffic)]
pub struct Traffic {
    /// Where it begins; 0 unless said otherwise.
    #[schema(required = false, minimum = 0, maximum = 99)]
    pub from: u16,
    /// Where it ends; 100 unless said otherwise.
    #[schema(required = false, minimum = 1, maximum = 100)]
    pub to: u16,
}

impl Traffic {
    /// The whole layer.
    pub const ALL: Self = Self { from: 0, to: 100 };

    /// Whether it takes whoever stands there.
    #[must_use]
    pub fn takes(self, position: Share) -> bool {
        (Share::of_percent(self.from)..Share::of_percent(self.to)).contains(&position)
    }

    /// Whether two parts have somebody in common.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// How customers are divided among arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[schema(as = FlowAllocation)]
pub enum Allocation {
    /// By the arms' weights.
    Weights,
    /// By the weights at first, then day by day as likely as each arm is the one that saves most.
    Bandit,
}

impl Allocation {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
