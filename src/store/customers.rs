//! Customers: what the app has pushed about them.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError, malformed, unreadable};
use super::schema::customers::{self, dsl};
use super::signals;
use super::statement::one_row;
use super::text::{json, parsed};
use super::time::{instant, micros};
use crate::domain::facts::Value;
use crate::domain::ids::{CustomerId, StripeCustomerId};

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

#[derive(Queryable, Selectable)]
#[diesel(table_name = customers)]
pub(super) struct CustomerRow {
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

    pub(super) fn found(
        id: String,
        stripe_customer: Option<String>,
        attributes: String,
        updated_at: i64,
    ) -> Self {
        Self { id, stripe_customer, attributes, updated_at }
    }

    pub(super) fn read(self) -> Result<CustomerProfile, Failure> {
        let stripe = self.stripe_customer.map(|id| id.parse());
        Ok(CustomerProfile {
            id: parsed("customers.id", &self.id)?,
            stripe_customer: stripe.transpose().map_err(|_| malformed("customers.stripe_customer"))?,
            attributes: serde_json::from_str(&self.attributes)
                .map_err(|error| unreadable("customers.attributes", &error))?,
            updated_at: instant("customers.updated_at", self.updated_at)?,
        })
    }
}

pub(super) fn find_row(connection: &mut Link, id: &CustomerId) -> QueryResult<Option<CustomerRow>> {
    dsl::customers.find(id.as_str()).select(CustomerRow::as_select()).first(connection).optional()
}

impl Store {
    /// Stores what the app says of a customer, in the place of what it said before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_customer(&self, profile: &CustomerProfile) -> Result<(), StoreError> {
        let row = CustomerRow::new(profile)?;
        let payer = signals::payer(&profile.id, profile.stripe_customer.as_ref());
        self.write(move |connection| {
            each!(&mut *connection, |c| PutCustomer(&row).execute(c))?;
            // What a signal waits for may be so now.
            signals::recheck(connection, payer.as_slice(), row.updated_at)?;
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
        self.read(move |connection| find_row(connection, &id)?.map(CustomerRow::read).transpose()).await
    }
}
