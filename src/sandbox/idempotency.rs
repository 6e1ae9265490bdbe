//! What `Idempotency-Key`s remember: the first answer, for 24 hours of the sandbox's clock.
use super::calendar::DAY;
use super::errors::ApiError;
use std::collections::{HashMap, VecDeque};

/// An answer as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remembered {
    pub(super) status: u16,
    pub(super) body: String,
}

#[derive(Debug)]
struct Entry {
    fingerprint: String,
    answer: Remembered,
}

/// The keys and their answers, oldest first for forgetting.
#[derive(Debug, Default)]
pub(super) struct Memory {
    entries: HashMap<String, Entry>,
    ages: VecDeque<(i64, String)>,
}

impl Memory {
    /// The answer this key already has. Another request under the same key is refused.
    pub(super) fn recall(
        &mut self,
        key: &str,
        fingerprint: &str,
        now: i64,
    ) -> Result<Option<Remembered>, ApiError> {
        while self.ages.front().is_some_and(|(at, _)| now.saturating_sub(*at) >= DAY) {
            if let Some((_, old)) = self.ages.pop_front() {
                self.entries.remove(&old);
            }
        }
        match self.entries.get(key) {
            None => Ok(None),
            Some(entry) if entry.fingerprint == fingerprint => Ok(Some(entry.answer.clone())),
            Some(_) => Err(ApiError::key_reused(key)),
        }
    }

    /// Forgets every key, as if a day had passed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn remember(&mut self, key: &str, fingerprint: String, answer: Remembered, now: i64) {
        self.entries.insert(key.to_owned(), Entry { fingerprint, answer });
        self.ages.push_back((now, key.to_owned()));
    }
}

/// What must be the same for a key to be used again: method, path and parameters in any order.
pub(super) fn fingerprint(method: &str, path: &str, pairs: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = pairs.iter().collect();
    sorted.sort();
    format!("{method} {path} {sorted:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_for_a_day_and_refuses_another_request() {
        let mut memory = Memory::default();
        let answer = Remembered { status: 200, body: "{}".into() };
        memory.remember("k", "a".into(), answer.clone(), 0);
        assert_eq!(memory.recall("k", "a", DAY - 1).unwrap(), Some(answer));
        assert!(memory.recall("k", "b", DAY - 1).is_err());
        assert_eq!(memory.recall("k", "b", DAY).unwrap(), None);
    }
}
