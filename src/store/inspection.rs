//! The whole database as of one instant, read a page at a time and never written to.
//!
//! Besides what it holds it says what cannot be read and which columns differ from the document beside them; what all
//! of it should look like is the domain's to know. It takes no lock: a process may be serving meanwhile.

mod documents;
mod references;
mod sessions;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::connection::{Link, Plans, establish};
use super::error::{Failure, StoreError};
use super::migrations::check;
use super::schema::reconciliations;
use super::url::DatabaseUrl;
use crate::domain::verify::{Invariant, Violation};
pub use sessions::{KeptSessions, Looking};

/// How many rows of a table are read in one go.
const PAGE: i64 = 500;

/// A look at the whole database, on a thread that may block.
pub struct Inspection {
    connection: Link,
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").finish_non_exhaustive()
    }
}

impl Inspection {
    /// Looks at the database as it is now; what is written meanwhile is not seen.
    ///
    /// # Errors
    /// When the database cannot be reached, its schema is not this program's, or what `look` says.
    pub async fn of<T: Send + 'static>(
        url: &DatabaseUrl,
        look: impl FnOnce(&mut Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let url = url.clone();
        let task = move || look(&mut Self::open(&url)?);
        tokio::task::spawn_blocking(task).await.map_err(StoreError::unavailable)?
    }

    fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let mut connection = establish(url, Plans::Any)?;
        check(&mut connection)?;
        let begin = match &connection {
            Link::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Link::Sqlite(_) => "PRAGMA query_only = ON; BEGIN",
        };
        connection.batch_execute(begin).map_err(StoreError::unavailable)?;
        // Both databases fix what is seen with the first look.
        let first = reconciliations::table.select(reconciliations::name);
        first.first::<String>(&mut connection).optional().map_err(Failure::from)?;
        Ok(Self { connection })
    }
}

/// Reads a document, or takes down that it cannot be read.
fn readable<T: serde::de::DeserializeOwned>(
    text: &str,
    what: &'static str,
    id: &str,
    found: &mut Vec<Violation>,
) -> Option<T> {
    let read = serde_json::from_str(text).ok();
    if read.is_none() {
        found.push(Violation::new(Invariant::Readable, what, id));
    }
    read
}
