//! Activity: the app tells that customers were there, and usage is reckoned from the days.
//!
//! Telling is cheap: of a day that is known already nothing is written, so an app may tell with every page it serves.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::error::{FieldError, ServiceError};
use crate::domain::ids::CustomerId;
use crate::domain::usage::{Day, MAX_LATE_DAYS, Usage};

/// How far ahead of our clock the app's may be.
const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// How late activity may be told.
const MAX_LATE: SignedDuration = SignedDuration::from_hours(24 * MAX_LATE_DAYS);

/// That a customer was there.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Who.
    pub customer: CustomerId,
    /// When; now where it is left out.
    pub at: Option<Timestamp>,
    /// JSON pointer to that instant in the request.
    pub pointer: String,
}

/// How a customer uses the app, in calendar days, UTC.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageView {
    /// The app's customer.
    pub customer: CustomerId,
    /// Active days among the last 7, today counted.
    #[schema(minimum = 0, maximum = 7)]
    pub active_days_7: u32,
    /// Active days among the last 30, today counted.
    #[schema(minimum = 0, maximum = 30)]
    pub active_days_30: u32,
    /// Active days among the last 90, today counted.
    #[schema(minimum = 0, maximum = 90)]
    pub active_days_90: u32,
    /// Daily over monthly activity, in percent: the share of the last 30 days that were active.
    #[schema(minimum = 0, maximum = 100)]
    pub stickiness: f64,
    /// Days since the last active one; 0 on an active day.
    #[schema(minimum = 0)]
    pub days_since_seen: u32,
    /// Active days of the last 30 against the 30 before, in percent: -40 for 40 % fewer. Null where those had none, or
    /// activity has been told for less than 60 days.
    #[schema(required = true, minimum = -100)]
    pub trend: Option<f64>,
    /// The last active day.
    #[schema(format = Date)]
    pub last_active_day: String,
    /// When the last new day was told.
    pub updated_at: Timestamp,
}

/// How many customers a batch told of.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ActivityTaken)]
pub struct Taken {
    /// Different customers.
    #[schema(minimum = 1)]
    pub customers: usize,
}

/// Takes note that customers were there. Told twice is the same as once.
///
/// # Errors
/// When an instant lies more than 5 minutes ahead or more than 120 days back; nothing is written then.
pub async fn tell(app: &App, seen: Vec<Seen>) -> Result<Taken, ServiceError> {
    let now = app.clock.now();
    let problems: Vec<FieldError> = seen.iter().filter_map(|seen| problem(seen, now)).collect();
    if !problems.is_empty() {
        return Err(ServiceError::Invalid(problems));
    }
    let mut days = BTreeMap::new();
    for Seen { customer, at, .. } in seen {
        let of_customer: &mut std::collections::BTreeSet<Day> = days.entry(customer).or_default();
        of_customer.insert(Day::of(at.unwrap_or(now)));
    }
    let taken = Taken { customers: days.len() };
    let new = app.store.new_active_days(days).await?;
    if !new.is_empty() {
        app.store.add_active_days(new, now).await?;
    }
    Ok(taken)
}

fn problem(seen: &Seen, now: Timestamp) -> Option<FieldError> {
    let age = now.duration_since(seen.at?);
    let (code, detail) = if age < -MAX_AHEAD {
        ("in_the_future", "lies ahead by more than 5 minutes; send when the customer was there".to_owned())
    } else if age > MAX_LATE {
        (
            "too_late",
            format!("lies more than {MAX_LATE_DAYS} days back; leave it out, it would not count any more"),
        )
    } else {
        return None;
    };
    Some(FieldError {
        pointer: seen.pointer.clone(),
        code: code.to_owned(),
        detail,
        line: None,
        column: None,
    })
}

/// How a customer uses the app.
///
/// # Errors
/// When no activity of the customer's is known.
pub async fn usage(app: &App, customer: &CustomerId) -> Result<UsageView, ServiceError> {
    let usage = app.store.usage_of(customer).await?.ok_or(ServiceError::NotFound("activity"))?;
    Ok(view(customer.clone(), &usage, app.clock.now()))
}

fn view(customer: CustomerId, usage: &Usage, now: Timestamp) -> UsageView {
    let today = Day::of(now);
    UsageView {
        customer,
        active_days_7: usage.active_days(today, 7),
        active_days_30: usage.active_days(today, 30),
        active_days_90: usage.active_days(today, 90),
        stickiness: usage.stickiness(today).to_f64().unwrap_or_default(),
        days_since_seen: usage.days_since_seen(today),
        trend: usage.trend(today).and_then(|trend| trend.to_f64()),
        last_active_day: usage.last.to_string(),
        updated_at: usage.updated_at,
    }
}
