//! What a subscriber owes, and how an offer lightens it: invoices forgiven up to a cap, or split into parts on dates.
//!
//! Both are worked out from the snapshot when an offer is presented, and what was shown is what is carried out: the
//! invoices, the amounts and the dates are frozen in the operation.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::InvoiceId;
use super::offer::{InstallmentsTerms, Part, WaiverTerms};
use super::span::Span;
use super::subscription::{OpenInvoice, Subscription};

/// The least that a part may come to, in minor units: what is less than Stripe's least charge is not charged, but added
/// to the next invoice.
pub const MIN_PART: i64 = 100;

/// What is done about one open invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Minor units, greater than zero and at most what was still to be paid.
    pub amount: i64,
}

/// Invoices split into parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The open invoices that the parts take the place of, the oldest first, each with all that was still to be paid;
    /// empty where it is the coming invoice that is split.
    pub invoices: Vec<Share>,
    /// The parts, which add up to what is split. Of the coming invoice the first part stays on it, and falls due
    /// with it.
    pub parts: Vec<Part>,
}

impl Split {
    /// When the coming invoice falls due, where that is what is split.
    #[must_use]
    pub fn coming(&self) -> Option<Timestamp> {
        self.parts.first().filter(|_| self.invoices.is_empty()).map(|first| first.due_at)
    }
}

/// What a waiver of these terms forgives, the oldest invoice first; the last one perhaps in part.
#[must_use]
pub fn waived(terms: &WaiverTerms, subscription: &Subscription) -> Vec<Share> {
    let mut left = terms.cap.amount;
    let mut shares = Vec::new();
    for invoice in oldest_first(subscription).take(usize::from(terms.max_invoices)) {
        if left <= 0 {
            break;
        }
        let amount = invoice.amount_remaining.min(left);
        left -= amount;
        shares.push(Share { invoice: invoice.id.clone(), amount });
    }
    shares
}

/// What installments of these terms make of what is owed at `at`: of the open invoices together, the first part at
/// once; where there are none, of the coming invoice. None where nothing large enough is owed or coming.
#[must_use]
pub fn split(terms: &InstallmentsTerms, subscription: &Subscription, at: Timestamp) -> Option<Split> {
    let invoices: Vec<Share> = oldest_first(subscription).map(all_of).collect();
    let (total, first) = if invoices.is_empty() {
        (subscription.next_invoice_amount(), subscription.current_period_end()?)
    } else {
        (invoices.iter().map(|share| share.amount).fold(0, i64::saturating_add), at)
    };
    let count = i64::from(terms.parts.max(1));
    let (each, over) = (total / count, total % count);
    if each < MIN_PART {
        return None;
    }
    let parts = (0..u16::from(terms.parts)).map(|number| Part {
        // The first ones bear what cannot be divided.
        amount: each + i64::from(i64::from(number) < over),
        due_at: later(terms.every, number, first),
    });
    Some(Split { parts: parts.collect(), invoices })
}

fn oldest_first(subscription: &Subscription) -> impl Iterator<Item = &OpenInvoice> {
    subscription.open_invoices.iter().rev().filter(|invoice| invoice.amount_remaining > 0)
}

fn all_of(invoice: &OpenInvoice) -> Share {
    Share { invoice: invoice.id.clone(), amount: invoice.amount_remaining }
}

/// So many times the span after the first, counted from the first so that month ends do not wander.
fn later(every: Span, times: u16, first: Timestamp) -> Timestamp {
    if times == 0 {
        return first;
    }
    Span { interval: every.interval, count: every.count.saturating_mul(times) }.after(first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::sample::{now, subscription};

    /// The sample, owing these amounts, the oldest first.
    fn owing(amounts: &[i64]) -> Subscription {
        let mut subscription = subscription();
        let open = amounts.iter().enumerate().rev().map(|(number, amount)| {
            json!({"id": format!("in_{number}"), "amount_remaining": amount, "created": now(), "auto_advance": true})
        });
        subscription.open_invoices = open.map(|one| serde_json::from_value(one).unwrap()).collect();
        subscription
    }

    fn forgiven(cap: i64, most: u8, amounts: &[i64]) -> Vec<(String, i64)> {
        let terms = json!({"cap": {"amount": cap, "currency": "usd"}, "max_invoices": most});
        let shares = waived(&serde_json::from_value(terms).unwrap(), &owing(amounts));
        shares.into_iter().map(|share| (share.invoice.to_string(), share.amount)).collect()
    }

    #[test]
    fn a_waiver_forgives_the_oldest_first_and_never_more_than_the_cap() {
        let named = |shares: &[(&str, i64)]| -> Vec<(String, i64)> {
            shares.iter().map(|(id, amount)| ((*id).to_owned(), *amount)).collect()
        };
        assert_eq!(forgiven(5_000, 12, &[4_900, 4_900]), named(&[("in_0", 4_900), ("in_1", 100)]));
        assert_eq!(forgiven(4_900, 12, &[4_900, 4_900]), named(&[("in_0", 4_900)]));
        assert_eq!(forgiven(99_999, 1, &[4_900, 4_900]), named(&[("in_0", 4_900)]));
        assert_eq!(forgiven(100, 12, &[0, 4_900]), named(&[("in_1", 100)]));
        assert_eq!(forgiven(100, 12, &[]), []);
    }

    fn installments(parts: u8) -> InstallmentsTerms {
        serde_json::from_value(json!({"parts": parts, "every": {"interval": "month", "count": 1}})).unwrap()
    }

    #[test]
    fn parts_add_up_to_the_cent() {
        for parts in 2..=12 {
            for amounts in [&[9_801][..], &[4_900, 4_901], &[1_200], &[99_999_999]] {
                let split = split(&installments(parts), &owing(amounts), now()).unwrap();
                assert_eq!(split.parts.len(), usize::from(parts));
                let sum: i64 = split.parts.iter().map(|part| part.amount).sum();
                assert_eq!(sum, amounts.iter().sum::<i64>());
                let (most, least) = (split.parts[0].amount, split.parts.last().unwrap().amount);
                assert!(most - least <= 1);
                assert_eq!(split.parts[0].due_at, now());
                assert_eq!(split.coming(), None);
            }
        }
        assert_eq!(split(&installments(12), &owing(&[1_199]), now()), None);
    }

    #[test]
    fn without_an_open_invoice_the_coming_one_is_split_on_its_own_dates() {
        let mut coming = subscription();
        coming.items[0].current_period_end = "2027-03-31T00:00:00Z".parse().unwrap();
        let split = split(&installments(3), &coming, now()).unwrap();
        let dates: Vec<String> = split.parts.iter().map(|part| part.due_at.to_string()).collect();
        assert_eq!(dates, ["2027-03-31T00:00:00Z", "2027-04-30T00:00:00Z", "2027-05-31T00:00:00Z"]);
        let amounts: Vec<i64> = split.parts.iter().map(|part| part.amount).collect();
        assert_eq!(amounts, [3_267, 3_267, 3_266]);
        assert_eq!(split.coming(), Some(split.parts[0].due_at));
    }
}
