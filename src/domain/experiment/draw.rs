//! Drawing by hash: the same customer always meets the same chance.

use sha2::{Digest, Sha256};

use super::share::{Share, Shares};
use crate::domain::ids::CustomerId;
use crate::domain::offer::Key;

/// The first eight bytes of a hash, in two halves. The words are keys, which hold no zero byte; the customer comes last.
fn hashed(words: &[&str], customer: &CustomerId) -> (u32, u32) {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    hash.update(customer.as_str().as_bytes());
    let bytes: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// Where a customer stands in a layer, from 0 to below 1. Customers are spread evenly, and anew in each layer.
#[must_use]
pub fn position(layer: &Key, customer: &CustomerId) -> Share {
    spread(&["layer", layer.as_str()], customer)
}

/// Whether a customer is in the holdout of a flow. Whoever is stays so when the share grows.
#[must_use]
pub fn held_out(flow: &Key, share: Share, customer: &CustomerId) -> bool {
    spread(&["holdout", flow.as_str()], customer) < share
}

fn spread(words: &[&str], customer: &CustomerId) -> Share {
    let (high, low) = hashed(words, customer);
    let number = (u64::from(high) << 32) | u64::from(low);
    Share::of_millionths(u32::try_from(number % u64::from(Share::ALL.millionths())).unwrap_or(0))
}

/// The arm of a customer; none where no arm has a share.
///
/// Each arm runs a race of its own against an exponential clock, and the first wins, which is as likely as its share is
/// large. When the share of an arm grows, customers come to it from the others, and nobody moves among those.
#[must_use]
pub fn drawn<'a>(experiment: &Key, shares: &'a Shares, customer: &CustomerId) -> Option<&'a Key> {
    let time = |arm: &Key, share: Share| {
        let (high, low) = hashed(&["arm", experiment.as_str(), arm.as_str()], customer);
        // In (0, 1): the middle of each of 2^64 steps.
        let chance = (f64::from(high) + (f64::from(low) + 0.5) / 4_294_967_296.0) / 4_294_967_296.0;
        -chance.ln() / share.fraction()
    };
    let running = shares.iter().filter(|(_, share)| share.millionths() > 0);
    running
        .map(|(arm, share)| (arm, time(arm, *share)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(arm, _)| arm)
}
