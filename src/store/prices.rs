//! Prices as Stripe last showed them, those included that it does not know.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;

use super::Store;
use super::connection::{Link, each};
use super::error::{Failure, StoreError, unreadable};
use super::schema::prices::dsl;
use super::statement::one_row;
use super::text::{json, parsed};
use super::time::{instant, micros};
use crate::domain::ids::PriceId;
use crate::domain::price::Price;

/// What is known of a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPrice {
    /// The price.
    pub id: PriceId,
    /// What Stripe showed; none where it knew no such price.
    pub price: Option<Price>,
    /// When.
    pub fetched_at: Timestamp,
}

struct PriceRow {
    id: String,
    body: Option<String>,
    fetched_at: i64,
}

one_row!(PutPrice(PriceRow) =
    "INSERT INTO prices (id, body, fetched_at) VALUES (" id: Text, ", " body: Nullable<Text>, ", " fetched_at: BigInt;
    ") ON CONFLICT (id) DO UPDATE SET body = excluded.body, fetched_at = excluded.fetched_at \
     WHERE prices.fetched_at <= excluded.fetched_at");

/// A price as the database has it.
pub(super) type FoundPrice = (String, Option<String>, i64);

pub(super) fn find<'a>(
    connection: &mut Link,
    ids: impl Iterator<Item = &'a PriceId>,
) -> QueryResult<Vec<FoundPrice>> {
    let ids: Vec<&str> = ids.map(PriceId::as_str).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let columns = (dsl::id, dsl::body, dsl::fetched_at);
    if let Link::Sqlite(sqlite) = connection {
        // A list has no statement that could be prepared once.
        let each = ids.into_iter().map(|id| dsl::prices.find(id).select(columns).first(sqlite).optional());
        return each.filter_map(Result::transpose).collect();
    }
    dsl::prices.filter(dsl::id.eq_any(ids)).select(columns).load(connection)
}

pub(super) fn read((id, body, fetched_at): FoundPrice) -> Result<KnownPrice, Failure> {
    let price = body
        .map(|body| serde_json::from_str(&body).map_err(|error| unreadable("prices.body", &error)))
        .transpose()?;
    Ok(KnownPrice {
        id: parsed("prices.id", &id)?,
        price,
        fetched_at: instant("prices.fetched_at", fetched_at)?,
    })
}

impl Store {
    /// What is known of these prices; those never asked for are absent.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn prices(&self, ids: Vec<PriceId>) -> Result<Vec<KnownPrice>, StoreError> {
        self.read(move |connection| find(connection, ids.iter())?.into_iter().map(read).collect()).await
    }

    /// Stores what Stripe showed of prices, of each unless something newer is stored.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_prices(&self, mut known: Vec<KnownPrice>) -> Result<(), StoreError> {
        // In one order, so that writers do not wait for each other in a circle.
        known.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        let rows = known.into_iter().map(|known| {
            Ok(PriceRow {
                id: known.id.to_string(),
                body: known.price.map(|price| json("prices.body", &price)).transpose()?,
                fetched_at: micros(known.fetched_at),
            })
        });
        let rows: Vec<PriceRow> = rows.collect::<Result<_, StoreError>>()?;
        self.write(move |connection| {
            for row in &rows {
                each!(&mut *connection, |c| PutPrice(row).execute(c))?;
            }
            Ok(())
        })
        .await
    }
}
