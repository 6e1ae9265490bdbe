//! Documents beside the sessions: whether each can be read.

use diesel::prelude::*;
use serde_json::{Map, Value};

use super::{Inspection, PAGE, readable};
use crate::domain::flow::{Format, parse_stored};
use crate::domain::subscription::Subscription;
use crate::domain::verify::{Invariant, Violation};
use crate::store::error::{Failure, StoreError};
use crate::store::schema::{budgets, customers, flow_versions, session_decisions, snapshots};

impl Inspection {
    /// What cannot be read of customers, snapshots, flows and decisions.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn documents(&mut self) -> Result<Vec<Violation>, StoreError> {
        let mut found = Vec::new();
        self.customers(&mut found)?;
        self.snapshots(&mut found)?;
        self.flows(&mut found)?;
        self.decisions(&mut found)?;
        Ok(found)
    }

    /// What each budget has spent, in minor units.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn budgets(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        let query = budgets::table.order(budgets::budget).select((budgets::budget, budgets::spent));
        Ok(query.load(&mut self.connection).map_err(Failure::from)?)
    }

    fn customers(&mut self, found: &mut Vec<Violation>) -> Result<(), Failure> {
        let mut after = String::new();
        loop {
            let query = customers::table.filter(customers::id.gt(&after)).order(customers::id).limit(PAGE);
            let rows: Vec<(String, String)> =
                query.select((customers::id, customers::attributes)).load(&mut self.connection)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after.clone_from(last);
            for (id, attributes) in rows {
                readable::<Map<String, Value>>(&attributes, "customers.attributes", &id, found);
            }
        }
    }

    fn snapshots(&mut self, found: &mut Vec<Violation>) -> Result<(), Failure> {
        use snapshots::dsl;
        let mut after = String::new();
        loop {
            let query =
                dsl::snapshots.filter(dsl::subscription.gt(&after)).order(dsl::subscription).limit(PAGE);
            let rows: Vec<(String, String, String)> = query
                .select((dsl::subscription, dsl::stripe_customer, dsl::body))
                .load(&mut self.connection)?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after.clone_from(last);
            for (id, customer, body) in rows {
                let read = readable::<Subscription>(&body, "snapshots.body", &id, found);
                if read.is_some_and(|seen| seen.id.as_str() != id || seen.customer.as_str() != customer) {
                    found.push(Violation::new(Invariant::Columns, "snapshots", &id));
                }
            }
        }
    }

    fn flows(&mut self, found: &mut Vec<Violation>) -> Result<(), Failure> {
        use flow_versions::dsl;
        let query = dsl::flow_versions.order((dsl::key, dsl::version)).select((dsl::key, dsl::version));
        for (key, version) in query.load::<(String, i32)>(&mut self.connection)? {
            // One at a time, as each may be large and there are few.
            let query = dsl::flow_versions.find((&key, version)).select(dsl::document);
            let document: String = query.first(&mut self.connection)?;
            if parse_stored(&document, Format::Json).map_or(true, |read| read.key.as_str() != key) {
                let id = format!("{key}@{version}");
                found.push(Violation::new(Invariant::Readable, "flow_versions.document", id));
            }
        }
        Ok(())
    }

    fn decisions(&mut self, found: &mut Vec<Violation>) -> Result<(), Failure> {
        use session_decisions::dsl;
        let mut after = (String::new(), -1);
        loop {
            let behind =
                dsl::session_id.gt(&after.0).or(dsl::session_id.eq(&after.0).and(dsl::ordinal.gt(after.1)));
            let query =
                dsl::session_decisions.filter(behind).order((dsl::session_id, dsl::ordinal)).limit(PAGE);
            let rows: Vec<(String, i32, String)> =
                query.select((dsl::session_id, dsl::ordinal, dsl::body)).load(&mut self.connection)?;
            let Some((session, ordinal, _)) = rows.last() else { return Ok(()) };
            after = (session.clone(), *ordinal);
            for (session, _, body) in rows {
                readable::<Value>(&body, "session_decisions.body", &session, found);
            }
        }
    }
}
