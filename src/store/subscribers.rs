//! What is known of a subscriber: every begin asks this, and all of it takes one statement on PostgreSQL, however many
//! subscribers it is about.

use std::collections::{BTreeSet, HashMap};

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Binary, Bool, HasSqlType, Integer, Nullable, Text};
use jiff::Timestamp;

use super::Store;
use super::activity::{self, FoundActivity, Joined};
use super::budgets::{Account, FindSpent};
use super::connection::{Link, each};
use super::customers::{CustomerProfile, CustomerRow};
use super::error::{Failure, StoreError};
use super::lookups::Lookups;
use super::prices::{FoundPrice, KnownPrice};
use super::sessions::{self, Earlier};
use super::snapshots::{self, FoundSnapshot};
use super::statement::answers;
use super::{budgets, exposures, history, prices};
use crate::domain::experiment::Exposure;
use crate::domain::history::History;
use crate::domain::ids::{CustomerId, PriceId, SubscriptionId};
use crate::domain::offer::Key;
use crate::domain::subscription::Subscription;
use crate::domain::usage::Usage;

/// What is known of a subscriber who begins to cancel.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// What the app has pushed.
    pub profile: Option<CustomerProfile>,
    /// The subscription as last seen, and when.
    pub snapshot: Option<(Subscription, Timestamp)>,
    /// What earlier sessions came to.
    pub history: History,
    /// On which days the customer was active; none where the app has told of none.
    pub usage: Option<Usage>,
    /// What has been spent of the budgets asked for, in minor units; budgets never touched are absent.
    pub spent: HashMap<String, i64>,
    /// The arms recorded in the flow asked for, the oldest first.
    pub exposures: Vec<Exposure>,
    /// What is known of the prices asked for; those never looked at are absent.
    pub prices: Vec<KnownPrice>,
    /// The customer's last session about the subscription, where it was asked for.
    pub earlier: Option<Earlier>,
}

/// Whom somebody asks about.
pub(super) struct Wanted {
    customer: CustomerId,
    subscription: SubscriptionId,
    budgets: Vec<Account>,
    experiments: Option<Key>,
    prices: Vec<PriceId>,
    earlier: bool,
}

/// The same as the database says it, to be read by the one who asked.
pub(super) struct Found {
    profile: Option<CustomerRow>,
    snapshot: Option<FoundSnapshot>,
    history: History,
    usage: Option<FoundActivity>,
    spent: HashMap<String, i64>,
    exposures: Vec<Exposure>,
    prices: Vec<FoundPrice>,
    earlier: Option<Earlier>,
}

/// Those who wait for an answer about a subscriber.
pub(super) type Subscribers = Lookups<Wanted, Found>;

pub(super) fn lookups(capacity: usize) -> Subscribers {
    Lookups::new(capacity, find_all)
}

type Profile = (Option<String>, Option<String>, Option<i64>);

/// Names and sums of accounts, in one order.
type Spent = (Option<Vec<String>>, Option<Vec<i64>>);

/// The columns of prices, in one order.
type Priced = (Option<Vec<String>>, Option<Vec<Option<String>>>, Option<Vec<i64>>);

/// A snapshot, and whether the customer has had a session.
type Seen = (Option<String>, Option<i64>, bool);

type Columns = (Profile, Joined, Seen, Spent, Priced);

/// What is selected of a subscriber `k`.
const COLUMNS: &str = "SELECT c.stripe_customer, c.attributes, c.updated_at, \
                       a.first_day, a.last_day, a.days, a.updated_at, s.body, s.fetched_at, \
                       EXISTS (SELECT 1 FROM sessions WHERE sessions.customer = k.customer)";
/// Where it is found.
const TABLES: &str = " LEFT JOIN customers AS c ON c.id = k.customer \
                      LEFT JOIN activity AS a ON a.customer = k.customer \
                      LEFT JOIN snapshots AS s ON s.subscription = k.subscription";
type ProfileSql = (Nullable<Text>, Nullable<Text>, Nullable<BigInt>);
type JoinedSql = (Nullable<Integer>, Nullable<Integer>, Nullable<Binary>, Nullable<BigInt>);
type SeenSql = (Nullable<Text>, Nullable<BigInt>, Bool);

/// Subscribers and, in the first row, the accounts and prices that any of them asks for: all in one trip.
struct FindSubscribers<'a> {
    customers: Vec<&'a str>,
    subscriptions: Vec<&'a str>,
    spent: FindSpent<'a>,
    prices: Vec<&'a str>,
}

impl<'a> FindSubscribers<'a> {
    fn new(wanted: &'a [Wanted]) -> Self {
        let accounts: BTreeSet<_> = wanted.iter().flat_map(|one| &one.budgets).collect();
        let prices: BTreeSet<_> = wanted.iter().flat_map(|one| &one.prices).map(PriceId::as_str).collect();
        Self {
            customers: wanted.iter().map(|one| one.customer.as_str()).collect(),
            subscriptions: wanted.iter().map(|one| one.subscription.as_str()).collect(),
            spent: FindSpent::new(&accounts.into_iter().collect::<Vec<_>>()),
            prices: prices.into_iter().collect(),
        }
    }
}

type FoundSql = (
    ProfileSql,
    JoinedSql,
    SeenSql,
    (Nullable<Array<Text>>, Nullable<Array<BigInt>>),
    (Nullable<Array<Text>>, Nullable<Array<Nullable<Text>>>, Nullable<Array<BigInt>>),
);
answers!(FindSubscribers<'_>, FindSubscribers<'static> => FoundSql, always_the_same: true);
impl QueryFragment<Pg> for FindSubscribers<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(COLUMNS);
        out.push_sql(", b.names, b.sums, p.ids, p.bodies, p.fetched FROM unnest((SELECT ");
        // As in `many_rows`: planned once.
        out.push_bind_param::<Array<Text>, _>(&self.customers)?;
        out.push_sql("), ");
        out.push_bind_param::<Array<Text>, _>(&self.subscriptions)?;
        out.push_sql(") WITH ORDINALITY AS k (customer, subscription, place)");
        out.push_sql(TABLES);
        out.push_sql(" LEFT JOIN (SELECT array_agg(name) AS names, array_agg(sum) AS sums FROM (");
        self.spent.walk_ast(out.reborrow())?;
        out.push_sql(
            ") AS t) AS b ON k.place = 1 \
             LEFT JOIN (SELECT array_agg(id) AS ids, array_agg(body) AS bodies, array_agg(fetched_at) AS fetched \
             FROM prices WHERE id = ANY(",
        );
        out.push_bind_param::<Array<Text>, _>(&self.prices)?;
        out.push_sql(")) AS p ON k.place = 1 ORDER BY k.place");
        Ok(())
    }
}

/// One subscriber.
struct FindSubscriber<'a> {
    customer: &'a str,
    subscription: &'a str,
}

impl QueryId for FindSubscriber<'_> {
    type QueryId = FindSubscriber<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}
impl Query for FindSubscriber<'_> {
    type SqlType = (ProfileSql, JoinedSql, SeenSql);
}
impl<C> RunQueryDsl<C> for FindSubscriber<'_> {}
impl<DB: Backend + HasSqlType<Text>> QueryFragment<DB> for FindSubscriber<'_>
where
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(COLUMNS);
        out.push_sql(" FROM (SELECT ");
        out.push_bind_param::<Text, _>(self.customer)?;
        out.push_sql(" AS customer, ");
        out.push_bind_param::<Text, _>(self.subscription)?;
        out.push_sql(" AS subscription) AS k");
        out.push_sql(TABLES);
        Ok(())
    }
}

fn find_all(connection: &mut Link, wanted: &[Wanted]) -> Result<Vec<Found>, Failure> {
    let Link::Postgres(pg) = &mut *connection else {
        // In process there are no trips to save, but the file's lock is taken once.
        return connection.transaction(|c| wanted.iter().map(|one| find_alone(c, one)).collect());
    };
    let rows: Vec<Columns> = FindSubscribers::new(wanted).load(pg)?;
    let mut shared = None;
    let found = rows.into_iter().zip(wanted).map(|((profile, active, seen, sums, priced), one)| {
        let shared = shared.get_or_insert_with(|| (spent(sums), priced_rows(priced)));
        found(connection, one, (profile, active, seen), shared.clone())
    });
    found.collect()
}

fn find_alone(connection: &mut Link, one: &Wanted) -> Result<Found, Failure> {
    let (customer, subscription) = (one.customer.as_str(), one.subscription.as_str());
    let known = each!(&mut *connection, |c| FindSubscriber { customer, subscription }.get_result(c))?;
    let spent = budgets::spent(connection, one.budgets.iter())?;
    let prices = prices::find(connection, one.prices.iter())?;
    found(connection, one, known, (spent, prices))
}

/// What is known of one, with what somebody who has had a session left behind.
fn found(
    connection: &mut Link,
    one: &Wanted,
    ((stripe, attributes, updated_at), active, (body, fetched_at, known)): (Profile, Joined, Seen),
    (spent, prices): (HashMap<String, i64>, Vec<FoundPrice>),
) -> Result<Found, Failure> {
    let profile = attributes.zip(updated_at);
    let id = one.customer.to_string();
    Ok(Found {
        profile: profile.map(|(attributes, at)| CustomerRow::found(id, stripe, attributes, at)),
        snapshot: body.zip(fetched_at),
        history: if known { history::find(connection, &one.customer)? } else { History::default() },
        usage: activity::joined(active),
        spent,
        exposures: if known { recorded(connection, one)? } else { Vec::new() },
        prices,
        earlier: if known { earlier(connection, one)? } else { None },
    })
}

fn spent((names, sums): Spent) -> HashMap<String, i64> {
    names.into_iter().flatten().zip(sums.into_iter().flatten()).collect()
}

fn priced_rows((ids, bodies, fetched): Priced) -> Vec<FoundPrice> {
    let columns =
        ids.into_iter().flatten().zip(bodies.into_iter().flatten()).zip(fetched.into_iter().flatten());
    columns.map(|((id, body), fetched_at)| (id, body, fetched_at)).collect()
}

fn earlier(connection: &mut Link, one: &Wanted) -> Result<Option<Earlier>, Failure> {
    if one.earlier { sessions::find_last(connection, &one.customer, &one.subscription) } else { Ok(None) }
}

fn recorded(connection: &mut Link, one: &Wanted) -> Result<Vec<Exposure>, Failure> {
    match &one.experiments {
        Some(flow) => exposures::find(connection, &one.customer, flow),
        None => Ok(Vec::new()),
    }
}

impl Store {
    /// All that is known of a subscriber, what has been spent of these budgets, the arms recorded in the flow of
    /// `experiments`, where one is given, these prices, and, if asked for, the customer's last session about it; read at
    /// once.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn subscriber(
        &self,
        customer: &CustomerId,
        subscription: &SubscriptionId,
        budgets: Vec<Account>,
        experiments: Option<Key>,
        prices: Vec<PriceId>,
        earlier: bool,
    ) -> Result<Subscriber, StoreError> {
        let (customer, subscription) = (customer.clone(), subscription.clone());
        let wanted = Wanted { customer, subscription, budgets, experiments, prices, earlier };
        let found = self.shared.subscribers.ask(&self.shared.readers, wanted).await?;
        Ok(Subscriber {
            profile: found.profile.map(CustomerRow::read).transpose()?,
            snapshot: found.snapshot.map(snapshots::read).transpose()?,
            history: found.history,
            usage: found.usage.map(FoundActivity::read).transpose()?,
            spent: found.spent,
            exposures: found.exposures,
            prices: found.prices.into_iter().map(prices::read).collect::<Result<_, _>>()?,
            earlier: found.earlier,
        })
    }
}
