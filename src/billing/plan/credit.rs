//! A credit: a transaction on the customer's balance, which Stripe sets against the invoices finalized next.

use std::collections::HashMap;

use serde::Deserialize;
use stripe_client_core::StripeRequest;
use stripe_core::customer_balance_transaction::{
    CreateCustomerCustomerBalanceTransaction, ListCustomerCustomerBalanceTransaction,
    RetrieveCustomerBalanceTransaction,
};
use stripe_types::RangeQueryTs;

use super::attempt::Attempt;
use super::progress::Halt;
use super::words::currency;
use crate::billing::error::StripeError;
use crate::billing::wire::{HasId, MARK, Named, Seen};
use crate::domain::ids::StripeCustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::operation::StepRecord;

pub(super) const CREDIT: &str = "credit";
pub(super) const DEBIT: &str = "debit";

/// A transaction as Stripe lists it.
#[derive(Deserialize)]
pub(super) struct Made {
    id: String,
    pub(super) amount: i64,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

impl HasId for Made {
    fn id(&self) -> &str {
        &self.id
    }
}

/// The transaction that this operation made. It can be neither changed nor taken away, so what was made once is found
/// for good.
pub(super) async fn found(
    attempt: Attempt<'_>,
    seen: &Seen,
    step: &str,
) -> Result<Option<String>, StripeError> {
    let customer = &seen.subscription.customer;
    if let Some(id) = attempt.result_of(step) {
        let request = RetrieveCustomerBalanceTransaction::new(customer.as_str(), id).build();
        if attempt.gateway.find::<Named>(request).await?.is_some() {
            return Ok(Some(id.to_owned()));
        }
    }
    Ok(made(attempt, customer).await?.into_iter().next().map(|made| made.id))
}

/// The transactions on the customer's balance that bear the operation's mark.
pub(super) async fn made(
    attempt: Attempt<'_>,
    customer: &StripeCustomerId,
) -> Result<Vec<Made>, StripeError> {
    let list = ListCustomerCustomerBalanceTransaction::new(customer.as_str())
        .created(RangeQueryTs::gte(attempt.since().as_second()))
        .limit(100);
    let id = attempt.operation.id.to_string();
    let mut made: Vec<Made> = attempt.gateway.pages(list.build()).await?;
    made.retain(|made| made.metadata.get(MARK) == Some(&id));
    Ok(made)
}

/// Stripe counts what it owes the customer below zero.
pub(super) async fn act(
    attempt: Attempt<'_>,
    seen: &Seen,
    money: Money,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let made = Transaction { step: CREDIT, amount: money.amount.saturating_neg(), description: "Credit" };
    put(attempt, seen, made, money.currency, generation).await
}

/// The same amount the other way; Stripe takes no transaction away.
pub(super) async fn take_back(
    attempt: Attempt<'_>,
    seen: &Seen,
    money: Money,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let made = Transaction { step: DEBIT, amount: money.amount, description: "Credit taken back" };
    put(attempt, seen, made, money.currency, generation).await
}

struct Transaction {
    step: &'static str,
    amount: i64,
    description: &'static str,
}

async fn put(
    attempt: Attempt<'_>,
    seen: &Seen,
    made: Transaction,
    of: Currency,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let Transaction { step, amount, description } = made;
    let customer = seen.subscription.customer.as_str();
    let request = CreateCustomerCustomerBalanceTransaction::new(customer, amount, currency(of)?)
        .description(description)
        .metadata(attempt.mark())
        .build();
    let key = attempt.key(step, generation);
    let answer = attempt.gateway.transport.exchange(request, Some(key)).await?;
    let made: Named = answer.parse()?;
    Ok(attempt.record(step, Some(made.id), answer.request_id))
}
