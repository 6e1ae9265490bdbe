//! What became of the customers of an experiment, and what each number makes of it.

use crate::domain::experiment::Shares;
use crate::domain::money::Currency;
use crate::domain::offer::Key;
use crate::domain::session::Status;
use crate::domain::validation::Horizon;

/// What was found of a save at a horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Billing is still to be asked, or there is no save.
    Waiting,
    /// Nobody can tell.
    Unknown,
    /// It had not held.
    Lost,
    /// It had; with the monthly revenue that billing showed, in minor units, before discounts.
    Held(i64),
}

/// Customers of one arm to whom the same happened, each with the first session in which the arm could matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The arm.
    pub arm: Key,
    /// How likely each arm was when it was drawn.
    pub shares: Shares,
    /// How many customers.
    pub customers: u64,
    /// What became of the session.
    pub status: Status,
    /// Whether the time that a session may stay open is over, however early it was closed.
    pub over: bool,
    /// How many of the horizons that lies back.
    pub reached: usize,
    /// What was found at each horizon, in their order.
    pub found: [Found; 3],
    /// What the accepted offers cost at most, in minor units.
    pub cost: i64,
    /// The currency; none where billing could not be asked.
    pub currency: Option<Currency>,
}

/// Something that is counted or summed up over customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The session ended in a save.
    Saved,
    /// The session ended in a cancellation.
    Canceled,
    /// It ended in a save that had held at the horizon.
    Validated(Horizon),
    /// The revenue of the months up to the horizon where the save had held, else nothing; less what was given away.
    NetRevenue(Horizon, Currency),
}

impl Outcome {
    /// The value of each customer; none for those who do not count, or not yet.
    ///
    /// A session counts when its time is over, also where it was closed at once, so that quick outcomes do not come in
    /// before slow ones.
    #[must_use]
    pub fn value(&self, metric: Metric) -> Option<i64> {
        let closed = self.over && self.status != Status::InProgress;
        match metric {
            Metric::Saved => closed.then(|| i64::from(self.status == Status::Saved)),
            Metric::Canceled => closed.then(|| i64::from(self.status == Status::Canceled)),
            Metric::Validated(horizon) => self.held(horizon).map(|held| i64::from(held.is_some())),
            Metric::NetRevenue(horizon, currency) if self.currency == Some(currency) => {
                let months = i64::from(horizon.days() / 30);
                let kept = |monthly: i64| monthly.saturating_mul(months);
                self.held(horizon).map(|held| held.map_or(0, kept).saturating_sub(self.cost))
            }
            Metric::NetRevenue(..) => None,
        }
    }

    /// What the customer pays a month at a horizon; none within for who has left; none at all for who does not count.
    fn held(&self, horizon: Horizon) -> Option<Option<i64>> {
        if !self.has_reached(horizon) || self.status == Status::InProgress {
            return None;
        }
        if self.status != Status::Saved {
            return Some(None);
        }
        match self.found_at(horizon) {
            Found::Held(monthly) => Some(Some(monthly)),
            Found::Lost => Some(None),
            Found::Waiting | Found::Unknown => None,
        }
    }

    /// Whether the session lies back so far that its save, if it was one, has reached the horizon.
    #[must_use]
    pub fn has_reached(&self, horizon: Horizon) -> bool {
        Horizon::ALL.iter().take(self.reached).any(|reached| *reached == horizon)
    }

    /// What was found at a horizon.
    #[must_use]
    pub fn found_at(&self, horizon: Horizon) -> Found {
        let at = Horizon::ALL.iter().position(|known| *known == horizon);
        at.and_then(|at| self.found.get(at)).copied().unwrap_or(Found::Waiting)
    }
}
