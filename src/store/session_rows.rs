//! Sessions as rows: the columns that lists are filtered by, and the whole as JSON.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use super::connection::{Link, each};
use super::error::StoreError;
use super::schema::sessions;
use super::statement::{many_rows, one_row};
use super::text::json;
use super::time::micros;
use crate::domain::offer::Key;
use crate::domain::session::Session;

#[derive(PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(super) struct SessionRow {
    pub(super) id: String,
    pub(super) customer: String,
    stripe_customer: Option<String>,
    pub(super) subscription: String,
    livemode: bool,
    flow_key: String,
    flow_version: i32,
    status: String,
    step: String,
    reason: Option<String>,
    mrr: Option<i64>,
    currency: Option<String>,
    segments: String,
    pub(super) token_id: Option<String>,
    awaited_operation: Option<String>,
    created_at: i64,
    updated_at: i64,
    expires_at: i64,
    closed_at: Option<i64>,
    version: i64,
    pub(super) body: String,
    evidence_until: Option<i64>,
}

impl SessionRow {
    /// The row of a session at `version`. Segments and token stay as they were written first.
    pub(super) fn new(session: &Session, version: i64) -> Result<Self, StoreError> {
        let mrr = session.snapshot.as_ref().map(|snapshot| snapshot.mrr());
        Ok(Self {
            id: session.id.to_string(),
            customer: session.customer.to_string(),
            stripe_customer: session.snapshot.as_ref().map(|s| s.customer.to_string()),
            subscription: session.subscription.to_string(),
            livemode: session.livemode,
            flow_key: session.flow.key.to_string(),
            flow_version: session.flow.version,
            status: session.status().as_str().to_owned(),
            step: session.step().as_str().to_owned(),
            reason: session.answers.reason.as_ref().map(Key::to_string),
            mrr: mrr.map(|money| money.amount),
            currency: mrr.map(|money| money.currency.to_string()),
            segments: String::new(),
            token_id: None,
            awaited_operation: session.awaited_operation().map(|id| id.to_string()),
            created_at: micros(session.created_at),
            updated_at: micros(session.updated_at),
            expires_at: micros(session.expires_at),
            closed_at: session.closed_at.map(micros),
            version,
            body: json("sessions.body", session)?,
            evidence_until: session.evidence_until(session.contract_ended(None)).map(micros),
        })
    }

    /// Whether the columns say what the session says, which was read from the body. Segments and token are in no body.
    pub(super) fn tells_of(&self, session: &Session) -> Result<bool, StoreError> {
        let told = Self {
            segments: self.segments.clone(),
            token_id: self.token_id.clone(),
            // An older version of the program may have written the same in other words.
            body: self.body.clone(),
            // It may have been put off, since the contract goes on.
            evidence_until: self.evidence_until,
            ..Self::new(session, self.version)?
        };
        Ok(*self == told)
    }

    pub(super) fn begun(mut self, segments: &[Key], token_id: Option<String>) -> Self {
        self.segments = segments.iter().fold(String::from("|"), |all, key| all + key.as_str() + "|");
        self.token_id = token_id;
        self
    }
}

one_row!(pub(super) InsertSession(SessionRow) =
    "INSERT INTO sessions (id, customer, stripe_customer, subscription, livemode, flow_key, flow_version, status, step, \
     reason, mrr, currency, segments, token_id, awaited_operation, created_at, updated_at, expires_at, closed_at, \
     version, body, evidence_until) VALUES (" id: Text, ", " customer: Text, ", " stripe_customer: Nullable<Text>,
    ", " subscription: Text, ", " livemode: Bool, ", " flow_key: Text, ", " flow_version: Integer,
    ", " status: Text, ", " step: Text, ", " reason: Nullable<Text>, ", " mrr: Nullable<BigInt>,
    ", " currency: Nullable<Text>, ", " segments: Text, ", " token_id: Nullable<Text>,
    ", " awaited_operation: Nullable<Text>, ", " created_at: BigInt, ", " updated_at: BigInt,
    ", " expires_at: BigInt, ", " closed_at: Nullable<BigInt>, ", " version: BigInt, ", " body: Text, ", " evidence_until: Nullable<BigInt>;
    ") ON CONFLICT DO NOTHING");

many_rows!(pub(super) InsertSessions(SessionRow) =
    "INSERT INTO sessions (id, customer, stripe_customer, subscription, livemode, flow_key, flow_version, status, step, \
     reason, mrr, currency, segments, token_id, awaited_operation, created_at, updated_at, expires_at, closed_at, \
     version, body, evidence_until) SELECT * FROM unnest("
    [id: String => Text, customer: String => Text, stripe_customer: Option<String> => Nullable<Text>,
     subscription: String => Text, livemode: bool => Bool, flow_key: String => Text, flow_version: i32 => Integer,
     status: String => Text, step: String => Text, reason: Option<String> => Nullable<Text>,
     mrr: Option<i64> => Nullable<BigInt>, currency: Option<String> => Nullable<Text>, segments: String => Text,
     token_id: Option<String> => Nullable<Text>, awaited_operation: Option<String> => Nullable<Text>,
     created_at: i64 => BigInt, updated_at: i64 => BigInt, expires_at: i64 => BigInt,
     closed_at: Option<i64> => Nullable<BigInt>, version: i64 => BigInt, body: String => Text,
     evidence_until: Option<i64> => Nullable<BigInt>]
    ") ON CONFLICT DO NOTHING RETURNING id" returning Text);

one_row!(UpdateSession(SessionRow) =
    "UPDATE sessions SET customer = " customer: Text, ", stripe_customer = " stripe_customer: Nullable<Text>,
    ", status = " status: Text, ", step = " step: Text, ", reason = " reason: Nullable<Text>,
    ", mrr = " mrr: Nullable<BigInt>, ", currency = " currency: Nullable<Text>,
    ", awaited_operation = " awaited_operation: Nullable<Text>, ", updated_at = " updated_at: BigInt,
    ", expires_at = " expires_at: BigInt, ", closed_at = " closed_at: Nullable<BigInt>,
    ", version = " version: BigInt, ", body = " body: Text,
    ", evidence_until = " evidence_until: Nullable<BigInt>,
    " WHERE id = " id: Text, " AND version = " version: BigInt; " - 1");

many_rows!(pub(super) UpdateSessions(SessionRow) =
    "UPDATE sessions AS s SET customer = r.customer, stripe_customer = r.stripe_customer, status = r.status, \
     step = r.step, reason = r.reason, mrr = r.mrr, currency = r.currency, awaited_operation = r.awaited_operation, \
     updated_at = r.updated_at, expires_at = r.expires_at, closed_at = r.closed_at, version = r.version, body = r.body, \
     evidence_until = r.evidence_until \
     FROM unnest("
    [id: String => Text, customer: String => Text, stripe_customer: Option<String> => Nullable<Text>,
     status: String => Text, step: String => Text, reason: Option<String> => Nullable<Text>,
     mrr: Option<i64> => Nullable<BigInt>, currency: Option<String> => Nullable<Text>,
     awaited_operation: Option<String> => Nullable<Text>, updated_at: i64 => BigInt, expires_at: i64 => BigInt,
     closed_at: Option<i64> => Nullable<BigInt>, version: i64 => BigInt, body: String => Text,
     evidence_until: Option<i64> => Nullable<BigInt>]
    ") AS r (id, customer, stripe_customer, status, step, reason, mrr, currency, awaited_operation, updated_at, \
     expires_at, closed_at, version, body, evidence_until) WHERE s.id = r.id AND s.version = r.version - 1 RETURNING s.id"
    returning Text);

/// Inserts sessions; the ids of those that met no other open session and no other use of their token.
pub(super) fn insert(connection: &mut Link, rows: &mut [&SessionRow]) -> QueryResult<HashSet<String>> {
    rows.sort_by(|a, b| (&a.subscription, &a.id).cmp(&(&b.subscription, &b.id)));
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, &*rows) {
        return Ok(InsertSessions::new(rows).load(pg)?.into_iter().collect());
    }
    let mut inserted = HashSet::new();
    for row in rows {
        if each!(connection, |c| InsertSession(row).execute(c))? == 1 {
            inserted.insert(row.id.clone());
        }
    }
    Ok(inserted)
}

/// Updates sessions that are still at the version before the row's; their ids. A session stands once in `rows`.
pub(super) fn update(connection: &mut Link, rows: &mut [&SessionRow]) -> QueryResult<HashSet<String>> {
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    if let (Link::Postgres(pg), [_, _, ..]) = (&mut *connection, &*rows) {
        return Ok(UpdateSessions::new(rows).load(pg)?.into_iter().collect());
    }
    let mut updated = HashSet::new();
    for row in rows {
        if each!(connection, |c| UpdateSession(row).execute(c))? == 1 {
            updated.insert(row.id.clone());
        }
    }
    Ok(updated)
}
