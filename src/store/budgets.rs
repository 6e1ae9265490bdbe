//! Budgets: how much has been given away, guarded so that no two takers together exceed the limit.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::Store;
use super::connection::{Link, each};
use super::error::StoreError;
use super::schema::budgets::dsl;
use super::statement::one_row;

/// An amount to take from a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetTake {
    /// The budget and its month: `default/0/2026-11`.
    pub budget: String,
    /// Minor units, zero or more.
    pub amount: i64,
    /// What the budget holds in all, in minor units.
    pub limit: i64,
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
        let fits = sum.amount <= sum.limit;
        if !fits || each!(connection, |c| TakeBudget(&sum).execute(c))? == 0 {
            return Ok(Some(sum.budget));
        }
    }
    Ok(None)
}

/// Gives an amount back.
pub(super) fn give_back(connection: &mut Link, budget: &str, amount: i64) -> QueryResult<usize> {
    diesel::update(dsl::budgets.find(budget)).set(dsl::spent.eq(dsl::spent - amount)).execute(connection)
}

/// What has been spent of each of these budgets; budgets never touched are absent.
pub(super) fn spent<'a>(
    connection: &mut Link,
    budgets: impl Iterator<Item = &'a String>,
) -> QueryResult<HashMap<String, i64>> {
    let mut spent = HashMap::new();
    for budget in budgets {
        let amount = dsl::budgets.find(budget).select(dsl::spent).first(connection).optional()?;
        spent.extend(amount.map(|amount| (budget.clone(), amount)));
    }
    Ok(spent)
}

impl Store {
    /// What has been spent of each budget, in minor units; budgets never touched are absent.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn budget_spent(&self, budgets: Vec<String>) -> Result<HashMap<String, i64>, StoreError> {
        self.read(move |connection| Ok(spent(connection, budgets.iter())?)).await
    }
}
