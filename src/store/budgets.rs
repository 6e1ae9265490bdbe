//! The books: what has been given away of each budget, and how often what a cap counts was taken, guarded so that no two
//! takers together exceed the limit.
//!
//! A budget is one account for each month, guarded by the statement that adds to it. A cap over a rolling window is one
//! account for each day, and what counts is their sum; its takers take turns at an account of the cap's own, since
//! PostgreSQL shows a sum without what others are about to commit. What each session and operation holds of the books
//! says [`BudgetHold`](crate::domain::hold::BudgetHold).

use std::collections::{BTreeMap, HashMap};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::Store;
use super::connection::{Link, each};
use super::error::StoreError;
use super::schema::budgets::dsl;
use super::statement::{many_rows, one_row};

/// An amount to take from a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetTake {
    /// The budget and its month, or the cap and its day.
    pub budget: String,
    /// Minor units, zero or more; 1 of a cap.
    pub amount: i64,
    /// What the budget holds in all, in minor units, or the most that the cap allows.
    pub limit: i64,
    /// Of a cap over a rolling window: the oldest day that counts, named as `budget` is.
    pub since: Option<String>,
    /// Whether it is a cap.
    pub is_cap: bool,
}

/// What to look up in the books.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The budget and its month, or the cap and its day.
    pub name: String,
    /// Of a cap over a rolling window: the oldest day that counts.
    pub since: Option<String>,
}

impl Account {
    /// The account at which the takers of a cap over a rolling window take turns.
    fn turn(cap_and_day: &str) -> &str {
        cap_and_day.rsplit_once('/').map_or(cap_and_day, |(cap, _)| cap)
    }
}

one_row!(TakeBudget(BudgetTake) =
    "INSERT INTO budgets (budget, spent) VALUES (" budget: Text, ", " amount: BigInt,
    ") ON CONFLICT (budget) DO UPDATE SET spent = budgets.spent + excluded.spent \
     WHERE budgets.spent + excluded.spent <= " limit: BigInt; "");

/// Takes the amounts, those of one budget together and budgets in one order. The budget that cannot give them.
pub(super) fn take(connection: &mut Link, takes: &[&BudgetTake]) -> QueryResult<Option<String>> {
    let mut sums: BTreeMap<&str, BudgetTake> = BTreeMap::new();
    for take in takes {
        let sum = sums.entry(&take.budget).or_insert_with(|| BudgetTake { amount: 0, ..(*take).clone() });
        sum.amount = sum.amount.saturating_add(take.amount);
        sum.limit = sum.limit.min(take.limit);
    }
    for sum in sums.into_values() {
        let fits = match &sum.since {
            None => sum.amount <= sum.limit,
            Some(since) => {
                let turn = BudgetTake {
                    budget: Account::turn(&sum.budget).to_owned(),
                    amount: 0,
                    limit: i64::MAX,
                    ..sum.clone()
                };
                each!(&mut *connection, |c| TakeBudget(&turn).execute(c))?;
                let used = within(connection, since, &sum.budget)?.unwrap_or(0);
                used.saturating_add(sum.amount) <= sum.limit
            }
        };
        if !fits || each!(connection, |c| TakeBudget(&sum).execute(c))? == 0 {
            return Ok(Some(sum.budget));
        }
    }
    Ok(None)
}

/// The sum of a cap's days from one to another, if any of them was touched.
fn within(connection: &mut Link, since: &str, until: &str) -> QueryResult<Option<i64>> {
    // SQLite plans a range anew for the values it is asked with, each time; what a query of its own says it cannot know.
    let value = |name: &str| sql::<Text>("(SELECT ").bind::<Text, _>(name.to_owned()).sql(")");
    let days = dsl::budgets.filter(dsl::budget.between(value(since), value(until)));
    days.select(sql::<Nullable<BigInt>>("CAST(SUM(spent) AS BIGINT)")).first(connection)
}

/// Gives an amount back.
pub(super) fn give_back(connection: &mut Link, budget: &str, amount: i64) -> QueryResult<usize> {
    diesel::update(dsl::budgets.find(budget)).set(dsl::spent.eq(dsl::spent - amount)).execute(connection)
}

many_rows!(pub(super) FindSpent(Account) =
    "SELECT a.name AS name, CAST(SUM(b.spent) AS BIGINT) AS sum FROM unnest("
    [name: String => Text, since: Option<String> => Nullable<Text>]
    ") AS a (name, since) JOIN budgets AS b ON b.budget BETWEEN COALESCE(a.since, a.name) AND a.name GROUP BY a.name"
    returning (Text, BigInt));

/// What has been spent of each of these accounts, by name; those never touched are absent.
pub(super) fn spent<'a>(
    connection: &mut Link,
    accounts: impl Iterator<Item = &'a Account>,
) -> QueryResult<HashMap<String, i64>> {
    let accounts: Vec<_> = accounts.collect();
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    // Every begin reads this, so that many accounts must not be as many trips.
    if let Link::Postgres(pg) = &mut *connection {
        return Ok(FindSpent::new(&accounts).load::<(String, i64)>(pg)?.into_iter().collect());
    }
    let mut spent = HashMap::new();
    for Account { name, since } in accounts {
        let sum = match since {
            Some(since) => within(connection, since, name)?,
            None => dsl::budgets.find(name).select(dsl::spent).first(connection).optional()?,
        };
        if let Some(sum) = sum {
            spent.insert(name.clone(), sum);
        }
    }
    Ok(spent)
}

impl Store {
    /// What has been spent of each account, by name: of budgets in minor units. Those never touched are absent.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn budget_spent(&self, budgets: Vec<Account>) -> Result<HashMap<String, i64>, StoreError> {
        self.read(move |connection| Ok(spent(connection, budgets.iter())?)).await
    }
}
