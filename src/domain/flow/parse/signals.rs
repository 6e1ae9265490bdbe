//! Signals: what is told before anybody begins to cancel.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::rules::keys;
use super::values;
use crate::domain::flow::document::{Signal, SignalWhen};
use crate::domain::flow::limits::{MAX_RULE_KEYS, MAX_SIGNALS};
use crate::domain::flow::node::At;
use crate::domain::flow::problem::Problems;
use crate::domain::offer::Key;

/// Days before a signal is raised again, where the flow does not say.
const COOLDOWN_DAYS: u16 = 30;
/// The longest cooldown, in days.
const MAX_COOLDOWN_DAYS: u16 = 3_650;

/// Reads the signals.
pub(super) fn signals(at: &At<'_>, problems: &mut Problems) -> BTreeMap<Key, Signal> {
    let mut signals = BTreeMap::new();
    for entry in values::map(at, MAX_SIGNALS, problems).unwrap_or_default() {
        let key = values::map_key(at, entry, problems);
        let signal = signal(&at.entry(entry), problems);
        if let (Some(key), Some(signal)) = (key, signal) {
            signals.insert(key, signal);
        }
    }
    signals
}

fn signal(at: &At<'_>, problems: &mut Problems) -> Option<Signal> {
    let mut fields = Fields::of(at, problems)?;
    let when = fields.required("when", problems).and_then(|at| when(&at, problems));
    let cooldown = fields.optional("cooldown_days");
    let cooldown = cooldown.and_then(|at| values::small(&at, 1, MAX_COOLDOWN_DAYS, problems));
    fields.finish(problems);
    Some(Signal { when: when?, cooldown_days: cooldown.unwrap_or(COOLDOWN_DAYS) })
}

fn when(at: &At<'_>, problems: &mut Problems) -> Option<SignalWhen> {
    let mut fields = Fields::of(at, problems)?;
    let segments = fields.required("segments", problems).map(|at| keys(&at, 1, MAX_RULE_KEYS, problems));
    fields.finish(problems);
    Some(SignalWhen { segments: segments? })
}
