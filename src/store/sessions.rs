//! Reading sessions: one, a page, or those that wait for something.

use diesel::dsl::exists;
use diesel::expression::BoxableExpression;
use diesel::helper_types::InnerJoinQuerySource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};
use diesel::{ExpressionMethods, IntoSql};
use jiff::Timestamp;

use super::Store;
use super::connection::{AnyBackend, Link};
use super::decisions;
use super::error::{Failure, StoreError, unreadable};
use super::lookups::Lookups;
use super::page::MAX_PAGE;
use super::schema::{asks, save_checks, session_experiments, session_offers, sessions, sessions::dsl};
use super::statement::answers;
use super::time::micros;
use crate::domain::ids::{CustomerId, OperationId, SessionId, SubscriptionId};
use crate::domain::offer::{Key, OfferType};
use crate::domain::session::{Session, Status};

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The session.
    pub session: Session,
    /// Its version: 1 when it begins, one more with every change.
    pub version: i64,
}

/// An earlier session of a subscription.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// The session.
    pub session: Session,
    /// Its last decision, as it was written.
    pub decision: Option<String>,
}

/// Which sessions are meant; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// With this status.
    pub status: Option<Status>,
    /// With this reason.
    pub reason: Option<Key>,
    /// That presented an offer with this key.
    pub offer: Option<Key>,
    /// That presented an offer of this type.
    pub offer_type: Option<OfferType>,
    /// Of this flow, whatever version.
    pub flow: Option<Key>,
    /// Of a subscriber in this segment when the session began.
    pub segment: Option<Key>,
    /// In this experiment.
    pub experiment: Option<Key>,
    /// In this arm of it, or of any experiment.
    pub arm: Option<Key>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// Of this subscription.
    pub subscription: Option<SubscriptionId>,
    /// In live or test mode.
    pub livemode: Option<bool>,
    /// Begun at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Begun before this instant.
    pub created_to: Option<Timestamp>,
    /// Of sessions that count as one, the last.
    pub once: bool,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The sessions, the newest first.
    pub sessions: Vec<Stored>,
    /// Where to go on, if there are more.
    pub next: Option<SessionId>,
}

// Under a name of its own, since a query over offers may ask for it too.
diesel::alias!(session_offers as presented: Presented);

macro_rules! offers_of_session {
    () => {
        presented.filter(presented.field(session_offers::session_id).eq(dsl::id))
    };
}

/// The filter as a condition on sessions, for queries over `$source`: the table, or a join with it.
macro_rules! condition {
    ($name:ident over $source:ty) => {
        pub(super) fn $name(&self) -> Box<dyn BoxableExpression<$source, AnyBackend, SqlType = Bool>> {
            type Condition = Box<dyn BoxableExpression<$source, AnyBackend, SqlType = Bool>>;
            let all: [Option<Condition>; 13] = [
                self.status.map(|status| -> Condition { Box::new(dsl::status.eq(status.as_str())) }),
                self.reason.as_ref().map(|reason| -> Condition {
                    Box::new(dsl::reason.assume_not_null().eq(reason.to_string()))
                }),
                self.flow.as_ref().map(|flow| -> Condition { Box::new(dsl::flow_key.eq(flow.to_string())) }),
                self.customer.as_ref().map(|id| -> Condition { Box::new(dsl::customer.eq(id.to_string())) }),
                self.subscription
                    .as_ref()
                    .map(|id| -> Condition { Box::new(dsl::subscription.eq(id.to_string())) }),
                self.livemode.map(|livemode| -> Condition { Box::new(dsl::livemode.eq(livemode)) }),
                self.created_from.map(|from| -> Condition { Box::new(dsl::created_at.ge(micros(from))) }),
                self.created_to.map(|to| -> Condition { Box::new(dsl::created_at.lt(micros(to))) }),
                self.once.then(|| -> Condition { Box::new(dsl::reentered.eq(false)) }),
                // An underscore in a key stands for itself.
                self.segment.as_ref().map(|key| -> Condition {
                    let pattern = format!("%|{}|%", key.as_str().replace('_', "!_"));
                    Box::new(dsl::segments.like(pattern).escape('!'))
                }),
                self.offer.as_ref().map(|key| -> Condition {
                    let found =
                        offers_of_session!().filter(presented.field(session_offers::key).eq(key.to_string()));
                    Box::new(exists(found))
                }),
                self.offer_type.map(|kind| -> Condition {
                    let word = kind.as_str();
                    let found =
                        offers_of_session!().filter(presented.field(session_offers::offer_type).eq(word));
                    Box::new(exists(found))
                }),
                (self.experiment.is_some() || self.arm.is_some()).then(|| -> Condition {
                    let word = |key: &Option<Key>| key.as_ref().map(Key::to_string).unwrap_or_default();
                    let (any, any_arm) = (self.experiment.is_none(), self.arm.is_none());
                    let of = session_experiments::experiment.eq(word(&self.experiment));
                    let in_arm = session_experiments::arm.eq(word(&self.arm));
                    let found = session_experiments::table
                        .filter(session_experiments::session_id.eq(dsl::id))
                        .filter(of.or(any.into_sql::<Bool>()))
                        .filter(in_arm.or(any_arm.into_sql::<Bool>()));
                    Box::new(exists(found))
                }),
            ];
            let everything: Condition = Box::new(true.into_sql::<Bool>());
            all.into_iter().flatten().fold(everything, |all, one| Box::new(all.and(one)))
        }
    };
}

impl SessionFilter {
    condition!(on_sessions over sessions::table);
    condition!(on_offers over InnerJoinQuerySource<session_offers::table, sessions::table>);
    condition!(on_asks over InnerJoinQuerySource<asks::table, sessions::table>);
    condition!(on_saves over InnerJoinQuerySource<save_checks::table, sessions::table>);
}

pub(super) fn read((body, version): (String, i64)) -> Result<Stored, Failure> {
    let session = serde_json::from_str(&body).map_err(|error| unreadable("sessions.body", &error))?;
    Ok(Stored { session, version })
}

/// Those who wait for a session by its id.
pub(super) type Sessions = Lookups<SessionId, Option<FoundSession>>;

pub(super) fn lookups(capacity: usize) -> Sessions {
    Lookups::new(capacity, find_all)
}

/// A session's body and version.
type FoundSession = (String, i64);

/// Sessions by their ids, in the order in which they are asked for; nothing for one that is not there.
struct FindSessions(Vec<String>);

answers!(FindSessions, FindSessions => (Nullable<Text>, Nullable<BigInt>), always_the_same: true);
impl QueryFragment<Pg> for FindSessions {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // As in `many_rows`: planned once.
        out.push_sql("SELECT s.body, s.version FROM unnest((SELECT ");
        out.push_bind_param::<Array<Text>, _>(&self.0)?;
        out.push_sql(
            // One by one: a join planned while there were few sessions would go through all of them.
            ")) WITH ORDINALITY AS k (id, place) \
             LEFT JOIN LATERAL (SELECT body, version FROM sessions WHERE id = k.id LIMIT 1) AS s ON TRUE \
             ORDER BY k.place",
        );
        Ok(())
    }
}

fn find_all(connection: &mut Link, ids: &[SessionId]) -> Result<Vec<Option<FoundSession>>, Failure> {
    let ids: Vec<_> = ids.iter().map(SessionId::to_string).collect();
    match connection {
        Link::Postgres(pg) => {
            let rows: Vec<(Option<String>, Option<i64>)> = FindSessions(ids).load(pg)?;
            Ok(rows.into_iter().map(|(body, version)| body.zip(version)).collect())
        }
        Link::Sqlite(sqlite) => {
            let find = |id| dsl::sessions.find(id).select((dsl::body, dsl::version)).first(sqlite).optional();
            Ok(ids.iter().map(find).collect::<QueryResult<_>>()?)
        }
    }
}

fn find_open(connection: &mut Link, subscription: &SubscriptionId) -> Result<Option<Stored>, Failure> {
    let query = dsl::sessions
        .filter(dsl::subscription.eq(subscription.as_str()))
        .filter(dsl::status.eq(Status::InProgress.as_str()))
        .select((dsl::body, dsl::version));
    query.first(connection).optional()?.map(read).transpose()
}

/// The last session of a subscription that its customer began, with its last decision.
pub(super) fn find_last(
    connection: &mut Link,
    customer: &CustomerId,
    subscription: &SubscriptionId,
) -> Result<Option<Earlier>, Failure> {
    let query = dsl::sessions
        .filter(dsl::customer.eq(customer.as_str()))
        .filter(dsl::subscription.eq(subscription.as_str()))
        .order(dsl::id.desc())
        .select((dsl::body, dsl::version));
    let Some(row) = query.first(connection).optional()? else { return Ok(None) };
    let Stored { session, .. } = read(row)?;
    let decision = decisions::last_of(connection, std::iter::once(session.id))?.remove(&session.id);
    Ok(Some(Earlier { session, decision: decision.map(|decision| decision.body) }))
}

impl Store {
    /// A session.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn session(&self, id: SessionId) -> Result<Option<Stored>, StoreError> {
        let found = self.shared.sessions.ask(&self.shared.readers, id).await?;
        Ok(found.map(read).transpose()?)
    }

    /// The session of a subscription that is in progress.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn open_session(&self, subscription: &SubscriptionId) -> Result<Option<Stored>, StoreError> {
        let subscription = subscription.clone();
        self.read(move |connection| find_open(connection, &subscription)).await
    }

    /// The session of a subscription that a token has begun, by the digest that [`super::Begin::token_id`] was given.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn session_begun_by(
        &self,
        token_id: &str,
        subscription: &SubscriptionId,
    ) -> Result<Option<Stored>, StoreError> {
        let (token, subscription) = (token_id.to_owned(), subscription.to_string());
        self.read(move |connection| {
            let query = dsl::sessions
                .filter(dsl::subscription.eq(&subscription))
                .filter(dsl::token_id.eq(&token))
                .select((dsl::body, dsl::version));
            query.first(connection).optional()?.map(read).transpose()
        })
        .await
    }

    /// Sessions, the newest first, from behind `cursor`; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn sessions(
        &self,
        filter: SessionFilter,
        cursor: Option<SessionId>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        self.read(move |connection| {
            let mut query = dsl::sessions.filter(filter.on_sessions()).into_boxed::<AnyBackend>();
            if let Some(cursor) = cursor {
                query = query.filter(dsl::id.lt(cursor.to_string()));
            }
            // One more than asked tells whether there are more.
            let query = query.order(dsl::id.desc()).limit(i64::from(limit) + 1);
            let rows = query.select((dsl::body, dsl::version)).load(connection)?;
            let mut found = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let asked = usize::try_from(limit).unwrap_or(usize::MAX);
            let more = found.len() > asked;
            found.truncate(asked);
            let next = found.last().filter(|_| more).map(|last| last.session.id);
            Ok(Page { sessions: found, next })
        })
        .await
    }

    /// Sessions in progress that wait for nothing and whose time is over at `now`, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn sessions_to_expire(&self, now: Timestamp, limit: u32) -> Result<Vec<Stored>, StoreError> {
        self.read(move |connection| {
            let query = dsl::sessions
                .filter(dsl::status.eq(Status::InProgress.as_str()))
                .filter(dsl::awaited_operation.is_null())
                .filter(dsl::expires_at.le(micros(now)))
                .order(dsl::expires_at)
                .limit(limit.min(MAX_PAGE).into())
                .select((dsl::body, dsl::version));
            query.load(connection)?.into_iter().map(read).collect()
        })
        .await
    }

    /// Sessions that wait for an operation.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn sessions_awaiting(&self, operation: OperationId) -> Result<Vec<Stored>, StoreError> {
        self.read(move |connection| {
            let query = dsl::sessions
                .filter(dsl::awaited_operation.eq(operation.to_string()))
                .select((dsl::body, dsl::version));
            query.load(connection)?.into_iter().map(read).collect()
        })
        .await
    }
}
