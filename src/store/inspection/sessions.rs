//! Sessions, a page at a time, with all that belongs to each.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use jiff::Timestamp;
use ulid::Ulid;

use super::{Inspection, PAGE, readable};
use crate::domain::ids::SubscriptionId;
use crate::domain::offer::AskState;
use crate::domain::operation::{Effect, Operation, OperationState};
use crate::domain::pause::Resumer;
use crate::domain::session::{Session, Status};
use crate::domain::verify::{Invariant, KeptCheck, KeptOperation, KeptSession, Violation, is_overdue};
use crate::store::asks::{self, rows as ask_rows};
use crate::store::connection::Link;
use crate::store::error::{Failure, StoreError, malformed};
use crate::store::offers::{OfferRow, WITHDRAWN, rows as offer_rows};
use crate::store::operations::OperationRow;
use crate::store::save_checks::{horizon, verdict};
use crate::store::schema::{
    audit_lines, events, flow_versions, operations, save_checks, session_offers, sessions,
};
use crate::store::session_rows::SessionRow;
use crate::store::text::parsed;
use crate::store::time::{instant, micros};

/// A page of sessions.
#[derive(Debug, Default)]
pub struct KeptSessions {
    /// Those that can be read.
    pub sessions: Vec<KeptSession>,
    /// What cannot, and what differs from itself.
    pub violations: Vec<Violation>,
    /// How many sessions were read.
    pub sessions_read: u64,
    /// How many operations were read.
    pub operations_read: u64,
    /// Where to go on, until there is nothing left.
    pub next: Option<String>,
}

/// What has to be known to look at a page.
#[derive(Clone, Copy, Debug)]
pub struct Looking {
    /// The present.
    pub now: Timestamp,
    /// Events older than this may have been forgotten.
    pub events_since: Timestamp,
}

type CheckColumns = (String, i32, String, bool, i64, bool, Option<i64>, Option<String>, Option<String>);

impl Inspection {
    /// The sessions behind this one, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn sessions(&mut self, after: Option<&str>, looking: Looking) -> Result<KeptSessions, StoreError> {
        Ok(page(&mut self.connection, after, looking)?)
    }

    /// Subscriptions behind this one that have operations, each with all of them, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be asked, or holds an operation that cannot be read.
    pub fn operated(
        &mut self,
        after: Option<&SubscriptionId>,
    ) -> Result<Vec<(SubscriptionId, Vec<Operation>)>, StoreError> {
        let after = after.map_or("", SubscriptionId::as_str);
        let query = operations::table.filter(operations::subscription.gt(after));
        let query =
            query.select(operations::subscription).distinct().order(operations::subscription).limit(PAGE);
        let ids: Vec<String> = query.load(&mut self.connection).map_err(Failure::from)?;
        let ids = ids.into_iter().map(|id| parsed("operations.subscription", &id));
        let mut all = Vec::new();
        for id in ids.collect::<Result<Vec<SubscriptionId>, _>>()? {
            let operations = self.operations_on(&id)?;
            all.push((id, operations));
        }
        Ok(all)
    }

    /// The operations on a subscription, in order.
    ///
    /// # Errors
    /// When the database cannot be asked, or holds an operation that cannot be read.
    pub fn operations_on(&mut self, id: &SubscriptionId) -> Result<Vec<Operation>, StoreError> {
        let query = operations::table
            .filter(operations::subscription.eq(id.as_str()))
            .order((operations::ordinal, operations::id));
        let rows: Vec<OperationRow> =
            query.select(OperationRow::as_select()).load(&mut self.connection).map_err(Failure::from)?;
        Ok(rows.into_iter().map(OperationRow::read).collect::<Result<_, _>>()?)
    }

    /// Subscriptions with several sessions in progress.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn subscriptions_with_several_open(&mut self) -> Result<Vec<Violation>, StoreError> {
        let open = sessions::table.filter(sessions::status.eq(Status::InProgress.as_str()));
        let count = diesel::dsl::count_star();
        let query = open.group_by(sessions::subscription).having(count.gt(1)).select(sessions::subscription);
        let found: Vec<String> = query.load(&mut self.connection).map_err(Failure::from)?;
        let violation = |id| Violation::new(Invariant::OneOpenSession, "several in progress", id);
        Ok(found.into_iter().map(violation).collect())
    }
}

fn page(connection: &mut Link, after: Option<&str>, looking: Looking) -> Result<KeptSessions, Failure> {
    let after = after.unwrap_or_default();
    let query = sessions::table.filter(sessions::id.gt(after)).order(sessions::id).limit(PAGE);
    let rows: Vec<(SessionRow, bool)> =
        query.select((SessionRow::as_select(), sessions::watched)).load(connection)?;
    let ids: Vec<&str> = rows.iter().map(|(row, _)| row.id.as_str()).collect();
    let mut page = KeptSessions { next: ids.last().map(|id| (*id).to_owned()), ..KeptSessions::default() };
    let mut operations = operations_of(connection, &ids, looking, &mut page)?;
    let mut offers = offers_of(connection, &ids)?;
    let asked = asks::states(connection, &ids)?;
    let mut checks = checks_of(connection, &ids, &mut page.violations)?;
    for (row, watched) in rows {
        page.sessions_read += 1;
        let found = &mut page.violations;
        let Some(session) = readable::<Session>(&row.body, "sessions.body", &row.id, found) else { continue };
        if !row.tells_of(&session).map_err(|_| malformed("sessions.body"))? {
            found.push(Violation::new(Invariant::Columns, "sessions", &row.id));
        }
        compare_offers(&session, offers.remove(&row.id).unwrap_or_default(), found);
        if let Some(earlier) = session.reentry_of {
            let marked = sessions::table.find(earlier.to_string()).select(sessions::reentered);
            if !marked.first(connection).optional()?.unwrap_or(false) {
                found.push(Violation::new(Invariant::Refers, "sessions.reentry_of", session.id).and(earlier));
            }
        }
        compare_asks(&session, &asked, looking.now, found);
        let flow = flow_exists(connection, &session)?;
        let mut operations = operations.remove(&row.id).unwrap_or_default();
        let ended = features_ended(&operations);
        for kept in &mut operations {
            kept.audited = is_audited(connection, &kept.operation)?;
            kept.told = is_told(connection, &session, &kept.operation, &ended, looking)?;
        }
        let checks = checks.remove(&row.id).unwrap_or_default();
        page.sessions.push(KeptSession { session, flow, watched, operations, checks });
    }
    Ok(page)
}

fn operations_of(
    connection: &mut Link,
    sessions: &[&str],
    looking: Looking,
    page: &mut KeptSessions,
) -> Result<HashMap<String, Vec<KeptOperation>>, Failure> {
    let query = operations::table.filter(operations::session_id.eq_any(sessions)).order(operations::id);
    let rows: Vec<OperationRow> = query.select(OperationRow::as_select()).load(connection)?;
    let mut all: HashMap<String, Vec<KeptOperation>> = HashMap::new();
    for row in rows {
        page.operations_read += 1;
        let (id, session) = (row.id.clone(), row.session_id.clone());
        let Some((operation, held_until, columns)) = row.inspected()? else {
            page.violations.push(Violation::new(Invariant::Readable, "operations.body", id));
            continue;
        };
        if !columns {
            page.violations.push(Violation::new(Invariant::Columns, "operations", id));
        }
        let waits = is_overdue(&operation, held_until, looking.now) && has_earlier(connection, &operation)?;
        let kept = KeptOperation { operation, held_until, waits, audited: true, told: true };
        all.entry(session).or_default().push(kept);
    }
    Ok(all)
}

fn has_earlier(connection: &mut Link, operation: &Operation) -> QueryResult<bool> {
    let unsettled = operations::table
        .filter(operations::subscription.eq(operation.subscription.as_str()))
        .filter(operations::settled.eq(false))
        .order((operations::ordinal, operations::id))
        .select(operations::id);
    let first: Option<String> = unsettled.first(connection).optional()?;
    Ok(first.is_some_and(|first| first != operation.id.to_string()))
}

fn offers_of(
    connection: &mut Link,
    sessions: &[&str],
) -> QueryResult<HashMap<String, Vec<(String, String)>>> {
    let query = session_offers::table.filter(session_offers::session_id.eq_any(sessions)).select((
        session_offers::session_id,
        session_offers::id,
        session_offers::state,
    ));
    let mut all: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for (session, id, state) in query.load::<(String, String, String)>(connection)? {
        all.entry(session).or_default().push((id, state));
    }
    Ok(all)
}

fn compare_offers(session: &Session, kept: Vec<(String, String)>, found: &mut Vec<Violation>) {
    let wanted: HashMap<_, _> =
        offer_rows(session, &[], true).into_iter().map(|OfferRow { id, state, .. }| (id, state)).collect();
    let ids: HashSet<_> = kept.iter().map(|(id, _)| id.clone()).collect();
    let differs = kept.into_iter().filter(|(id, state)| match wanted.get(id) {
        Some(wanted) => wanted != state,
        None => state != WITHDRAWN,
    });
    let differs: Vec<_> = differs.map(|(id, _)| id).collect();
    let missing = wanted.into_keys().filter(|id| !ids.contains(id));
    for id in differs.into_iter().chain(missing) {
        found.push(Violation::new(Invariant::Columns, "session_offers", id).and(session.id));
    }
}

/// Whether each ask of a taken offer has its row; what operations have said of one that was agreed to is theirs to say.
fn compare_asks(
    session: &Session,
    kept: &HashMap<(String, String), String>,
    now: Timestamp,
    found: &mut Vec<Violation>,
) {
    for row in ask_rows(session, now) {
        let (ask, wanted) = row.told();
        let said = [AskState::Fulfilled, AskState::Waived].map(AskState::as_str);
        let fits = kept.get(&ask).is_some_and(|state| {
            state == wanted || (wanted == AskState::Agreed.as_str() && said.contains(&state.as_str()))
        });
        if !fits {
            found.push(Violation::new(Invariant::Columns, "asks", ask.0).and(session.id));
        }
    }
}

fn checks_of(
    connection: &mut Link,
    sessions: &[&str],
    found: &mut Vec<Violation>,
) -> Result<HashMap<String, Vec<KeptCheck>>, Failure> {
    use save_checks::dsl;
    let query = dsl::save_checks.filter(dsl::session_id.eq_any(sessions)).select((
        dsl::session_id,
        dsl::horizon,
        dsl::subscription,
        dsl::livemode,
        dsl::due_at,
        dsl::settled,
        dsl::checked_at,
        dsl::verdict,
        dsl::evidence,
    ));
    let mut all: HashMap<String, Vec<KeptCheck>> = HashMap::new();
    for row in query.load::<CheckColumns>(connection)? {
        let session = row.0.clone();
        match kept_check(row, found) {
            Ok(check) => all.entry(session).or_default().push(check),
            Err(_) => found.push(Violation::new(Invariant::Readable, "save_checks", session)),
        }
    }
    Ok(all)
}

fn kept_check(row: CheckColumns, found: &mut Vec<Violation>) -> Result<KeptCheck, Failure> {
    let (session, days, subscription, livemode, due_at, settled, checked_at, word, evidence) = row;
    if let Some(text) = &evidence {
        readable::<crate::domain::validation::Evidence>(text, "save_checks.evidence", &session, found);
    }
    Ok(KeptCheck {
        horizon: horizon(days)?,
        subscription: subscription
            .parse::<SubscriptionId>()
            .map_err(|_| malformed("save_checks.subscription"))?,
        livemode,
        due_at: instant("save_checks.due_at", due_at)?,
        settled,
        judged: checked_at.is_some() && word.is_some() && evidence.is_some(),
        validated: word.map(|word| verdict(&word)).transpose()?.flatten(),
    })
}

fn flow_exists(connection: &mut Link, session: &Session) -> QueryResult<bool> {
    let key = (session.flow.key.to_string(), session.flow.version);
    let query = flow_versions::table.find(key).select(flow_versions::version);
    Ok(query.first::<i32>(connection).optional()?.is_some())
}

/// Whether the action that made an operation has its line. What follows from another operation by itself has none.
fn is_audited(connection: &mut Link, operation: &Operation) -> QueryResult<bool> {
    let action = match &operation.effect {
        _ if operation.undoes.is_some() => "billing_operation.undo",
        Effect::Resume { resumption } if resumption.by == Resumer::Subscriber => "resume",
        Effect::DetachFeatures { .. } | Effect::Resume { .. } => return Ok(true),
        Effect::Cancel { .. } => "cancel",
        _ => "accept",
    };
    // A line's id begins with its time.
    let at = u64::try_from(operation.created_at.as_millisecond()).unwrap_or(0);
    let bound = |millis| Ulid::from_parts(millis, 0).to_string();
    let line = audit_lines::table
        .filter(audit_lines::id.ge(bound(at)))
        .filter(audit_lines::id.lt(bound(at.saturating_add(1))))
        .filter(audit_lines::session_id.eq(operation.session.to_string()))
        .filter(audit_lines::action.eq(action))
        .select(audit_lines::id);
    Ok(line.first::<String>(connection).optional()?.is_some())
}

/// By what the event is known that tells of an operation's having ended free features.
fn end_of_features(operation: &Operation) -> Option<String> {
    let ended = operation.state == OperationState::Applied
        && matches!(operation.effect, Effect::DetachFeatures { .. });
    let of = operation.offer.map_or_else(|| operation.id.to_string(), |offer| offer.to_string());
    ended.then(|| format!("features.ended/{of}"))
}

/// When each end of free features was found first, and told: taken away early, they are found ended again in time.
fn features_ended(operations: &[KeptOperation]) -> HashMap<String, Timestamp> {
    let mut first: HashMap<String, Timestamp> = HashMap::new();
    for KeptOperation { operation, .. } in operations {
        let Some(once) = end_of_features(operation) else { continue };
        let at = first.entry(once).or_insert(operation.updated_at);
        *at = operation.updated_at.min(*at);
    }
    first
}

/// Whether the app was told that free features have ended, unless the event may have been forgotten or erased.
fn is_told(
    connection: &mut Link,
    session: &Session,
    operation: &Operation,
    ended: &HashMap<String, Timestamp>,
    looking: Looking,
) -> QueryResult<bool> {
    let Some(once) = end_of_features(operation) else { return Ok(true) };
    let erased = session.customer.as_str().starts_with("erased_");
    let first = ended.get(&once).copied().unwrap_or(operation.updated_at);
    if erased || micros(first) <= micros(looking.events_since) {
        return Ok(true);
    }
    let event = events::table.filter(events::once.eq(once)).select(events::id);
    Ok(event.first::<String>(connection).optional()?.is_some())
}
