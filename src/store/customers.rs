//! Customers: what the app has pushed about them.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError, malformed, unreadable};
use super::schema::customers::{self, dsl};
use super::statement::one_row;
use super::text::json;
use super::time::{instant, micros};
use super::{history, snapshots};
use crate::domain::facts::Value;
use crate::domain::history::History;
use crate::domain::ids::{CustomerId, StripeCustomerId, SubscriptionId};
use crate::domain::subscription::Subscription;

/// What the app has pushed about a customer.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerProfile {
    /// The app's id.
    pub id: CustomerId,
    /// Who that is in Stripe.
    pub stripe_customer: Option<StripeCustomerId>,
    /// Attributes by name (`customer.industry`).
    pub attributes: BTreeMap<String, Value>,
    /// When it was pushed.
    pub updated_at: Timestamp,
}

/// Silent about the person.
impl std::fmt::Debug for CustomerProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomerProfile").finish_non_exhaustive()
    }
}

/// What is known of a subscriber who begins to cancel.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// What the app has pushed.
    pub profile: Option<CustomerProfile>,
    /// The subscription as last seen, and when.
    pub snapshot: Option<(Subscription, Timestamp)>,
    /// What earlier sessions came to.
    pub history: History,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = customers)]
struct CustomerRow {
    id: String,
    stripe_customer: Option<String>,
    attributes: String,
    updated_at: i64,
}

one_row!(PutCustomer(CustomerRow) =
    "INSERT INTO customers (id, stripe_customer, attributes, updated_at) VALUES (" id: Text,
    ", " stripe_customer: Nullable<Text>, ", " attributes: Text, ", " updated_at: BigInt;
    ") ON CONFLICT (id) DO UPDATE SET stripe_customer = excluded.stripe_customer, \
     attributes = excluded.attributes, updated_at = excluded.updated_at");

impl CustomerRow {
    fn new(profile: &CustomerProfile) -> Result<Self, StoreError> {
        Ok(Self {
            id: profile.id.to_string(),
            stripe_customer: profile.stripe_customer.as_ref().map(ToString::to_string),
            attributes: json("customers.attributes", &profile.attributes)?,
            updated_at: micros(profile.updated_at),
        })
    }

    fn read(self) -> Result<CustomerProfile, Failure> {
        let stripe = self.stripe_customer.map(|id| id.parse());
        Ok(CustomerProfile {
            id: self.id.parse().map_err(|_| malformed("customers.id"))?,
            stripe_customer: stripe.transpose().map_err(|_| malformed("customers.stripe_customer"))?,
            attributes: serde_json::from_str(&self.attributes)
                .map_err(|error| unreadable("customers.attributes", &error))?,
            updated_at: instant("customers.updated_at", self.updated_at)?,
        })
    }
}

fn find(connection: &mut Link, id: &CustomerId) -> Result<Option<CustomerProfile>, Failure> {
    let query = dsl::customers.find(id.as_str()).select(CustomerRow::as_select());
    let row: Option<CustomerRow> = query.first(connection).optional()?;
    row.map(CustomerRow::read).transpose()
}

impl Store {
    /// Stores what the app says of a customer, in the place of what it said before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_customer(&self, profile: &CustomerProfile) -> Result<(), StoreError> {
        let row = CustomerRow::new(profile)?;
        self.write(move |connection| {
            each!(connection, |c| PutCustomer(&row).execute(c))?;
            Ok(())
        })
        .await
    }

    /// What the app has pushed about a customer.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn customer(&self, id: &CustomerId) -> Result<Option<CustomerProfile>, StoreError> {
        let id = id.clone();
        self.read(move |connection| find(connection, &id)).await
    }

    /// All that is known of a subscriber, read at once.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn subscriber(
        &self,
        customer: &CustomerId,
        subscription: &SubscriptionId,
    ) -> Result<Subscriber, StoreError> {
        let (customer, subscription) = (customer.clone(), subscription.clone());
        self.read(move |connection| {
            Ok(Subscriber {
                profile: find(connection, &customer)?,
                snapshot: snapshots::find(connection, &subscription)?,
                history: history::find(connection, &customer)?,
            })
        })
        .await
    }
}
