//! Erasing a person: what tells of them goes, the figures stay.

use diesel::prelude::*;
use jiff::Timestamp;
use ulid::Ulid;

use super::Store;
use super::asks;
use super::connection::Link;
use super::error::{Failure, StoreError, malformed, unreadable};
use super::schema::{
    activity, customers, departures, events, idempotency_keys, operations, session_decisions, sessions,
    signals,
};
use super::session_rows::{self, SessionRow};
use super::sessions::{Stored, read};
use super::snapshots;
use super::text::{json, parsed, whole};
use super::time::micros;
use crate::domain::ids::{CustomerId, SessionId};
use crate::domain::offer::Copy;
use crate::domain::operation::{Effect, Operation};
use crate::domain::session::Session;

impl Store {
    /// Erases a customer: the profile, the activity, the signals, the features missed, the events, the answers saved for
    /// `caller` (the digest that stands for the customer there), and in the customer's sessions every text, the context,
    /// the decisions' traces (which hold the attributes), the evidence that no rule of a place has kept longer, and who it
    /// was. How many sessions that were.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn erase_customer(
        &self,
        id: &CustomerId,
        caller: &str,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let (id, caller) = (id.clone(), whole("the caller", caller.to_owned())?);
        self.write(move |connection| {
            diesel::delete(customers::table.find(id.as_str())).execute(connection)?;
            diesel::delete(activity::table.find(id.as_str())).execute(connection)?;
            diesel::delete(events::table.filter(events::customer.eq(id.as_str()))).execute(connection)?;
            diesel::delete(signals::table.filter(signals::customer.eq(id.as_str()))).execute(connection)?;
            diesel::delete(departures::table.filter(departures::customer.eq(id.as_str())))
                .execute(connection)?;
            let answers = idempotency_keys::table.filter(idempotency_keys::caller.eq(&caller));
            diesel::delete(answers).execute(connection)?;
            let found = sessions::table
                .filter(sessions::customer.eq(id.as_str()))
                .select((sessions::body, sessions::version))
                .load(connection)?;
            let random = |prefix| format!("{prefix}erased_{}", Ulid::from_parts(0, rand::random()));
            let (nobody, payer) = (random(""), random("cus_"));
            let count = found.len();
            for row in found {
                erase_session(connection, read(row)?, (&nobody, &payer), now)?;
            }
            Ok(count)
        })
        .await
    }
}

fn erase_session(
    connection: &mut Link,
    stored: Stored,
    (nobody, payer): (&str, &str),
    now: Timestamp,
) -> Result<(), Failure> {
    let mut session: Session = stored.session;
    session.customer = parsed("sessions.customer", nobody)?;
    session.answers.follow_up = None;
    session.answers.comment = None;
    session.answers.feature_tags = Vec::new();
    session.answers.do_not_contact = None;
    session.context = None;
    // Texts may name the subscriber.
    session.offers.iter_mut().for_each(|offer| offer.copy = Copy::default());
    let seen = snapshots::find_row(connection, &session.subscription)?.map(snapshots::read).transpose()?;
    let ended = session.contract_ended(seen.as_ref().map(|(seen, at)| (seen, *at)));
    let kept = session.keeps_evidence(ended, now);
    session.evidence.erase(kept, now);
    session.updated_at = now;
    if let Some(snapshot) = &mut session.snapshot {
        snapshot.customer = parsed("sessions.stripe_customer", payer)?;
    }
    let row = SessionRow::new(&session, stored.version + 1).map_err(|_| malformed("sessions.body"))?;
    if session_rows::update(connection, &mut [&row])?.is_empty() {
        // Somebody changed it in between; from the start, then.
        return Err(Failure::Again);
    }
    let decisions = session_decisions::table.filter(session_decisions::session_id.eq(session.id.to_string()));
    diesel::delete(decisions).execute(connection)?;
    asks::erase(connection, session.id, nobody)?;
    erase_comments(connection, session.id, now)
}

fn erase_comments(connection: &mut Link, session: SessionId, now: Timestamp) -> Result<(), Failure> {
    let rows: Vec<(String, String)> = operations::table
        .filter(operations::session_id.eq(session.to_string()))
        .select((operations::id, operations::body))
        .load(connection)?;
    for (id, before) in rows {
        let mut operation: Operation =
            serde_json::from_str(&before).map_err(|error| unreadable("operations.body", &error))?;
        let Effect::Cancel { comment, .. } = &mut operation.effect else {
            continue;
        };
        if comment.take().is_none() {
            continue;
        }
        let after = json("operations.body", &operation).map_err(|_| malformed("operations.body"))?;
        let target = operations::table.find(&id).filter(operations::body.eq(&before));
        let update =
            diesel::update(target).set((operations::body.eq(after), operations::updated_at.eq(micros(now))));
        if update.execute(connection)? == 0 {
            return Err(Failure::Again);
        }
    }
    Ok(())
}
