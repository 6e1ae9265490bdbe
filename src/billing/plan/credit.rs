//! A credit: a transaction on the customer's balance, which Stripe sets against the invoices finalized next.

use std::collections::HashMap;

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
use crate::billing::wire::{MARK, Marked, Seen};
use crate::domain::money::{Currency, Money};
use crate::domain::operation::StepRecord;

pub(super) const CREDIT: &str = "credit";
pub(super) const DEBIT: &str = "debit";

/// The transaction that this operation made. It can be neither changed nor taken away, so what was made once is found
/// for good.
pub(super) async fn found(
    attempt: Attempt<'_>,
    seen: &Seen,
    step: &str,
) -> Result<Option<String>, StripeError> {
    let customer = seen.subscription.customer.as_str();
    if let Some(id) = attempt.result_of(step) {
        let request = RetrieveCustomerBalanceTransaction::new(customer, id).build();
        match attempt.gateway.transport.exchange(request, None).await {
            Ok(_) => return Ok(Some(id.to_owned())),
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
    }
    let first = ListCustomerCustomerBalanceTransaction::new(customer)
        .created(RangeQueryTs::gte(attempt.since().as_second()))
        .limit(100);
    let all: Vec<Marked> = attempt
        .gateway
        .pages(|after| match after {
            Some(after) => first.clone().starting_after(after).build(),
            None => first.build(),
        })
        .await?;
    Ok(all.into_iter().find(|made| made.is_of(attempt.operation)).map(|made| made.id))
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
    let mark = HashMap::from([(MARK.to_owned(), attempt.operation.id.to_string())]);
    let customer = seen.subscription.customer.as_str();
    let request = CreateCustomerCustomerBalanceTransaction::new(customer, amount, currency(of)?)
        .description(description)
        .metadata(mark)
        .build();
    let key = attempt.key(step, generation);
    let answer = attempt.gateway.transport.exchange(request, Some(key)).await?;
    let made: Marked = answer.parse()?;
    Ok(attempt.record(step, Some(made.id), answer.request_id))
}
