//! The evidence of a session: what was shown and what the subscriber did, in order, with times, in a chain of digests.
//!
//! Entries are only ever added. Each carries the SHA-256 of the digest before it and of its own JSON, so that an entry
//! taken out or changed later is found. Texts stand beside that JSON and come into it as a salted digest: they can be
//! erased (they may name the subscriber) without breaking the chain, and nothing can be guessed from what stays.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::ids::OfferId;
use super::jurisdiction::{JurisdictionPolicy, Place};
use super::offer::{Choice, Copy, Key, PresentedOffer, Terms};
use super::operation::CancelWhen;

/// What happened in a session, first to last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evidence(Vec<Entry>);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
    /// The texts as they were shown; absent where there were none, and once they are erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
    /// The SHA-256, in hexadecimal, of the digest of the entry before (empty for the first), a line feed, and this
    /// entry's compact JSON without `texts` and `hash`.
    pub hash: String,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[schema(as = EvidenceEvent)]
pub enum What {
    /// The session began.
    Begun {
        /// The flow, whose published versions never change: the survey's texts are in it.
        flow: Key,
        /// Its version.
        flow_version: i32,
        /// The language of the texts.
        locale: String,
        /// The rules of the subscriber's place; absent where the flow has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<JurisdictionPolicy>,
        /// The place they were chosen by, as far as it was known.
        #[serde(default, skip_serializing_if = "Place::is_unknown")]
        #[schema(value_type = Object)]
        place: Place,
        /// That the answer carried the way out, with the word that it stays in sight.
        exit_visible: bool,
    },
    /// Offers were put before the subscriber.
    Presented {
        /// The offers, in order.
        offers: Vec<Shown>,
        /// That the answer carried the way out, with the word that it stays in sight beside the offers.
        exit_visible: bool,
        /// The SHA-256, in hexadecimal, of the compact JSON of the entry's `texts`.
        texts_digest: String,
    },
    /// The answer asked for permission to show offers.
    PermissionAsked,
    /// The subscriber answered that.
    PermissionAnswered {
        /// Whether with yes.
        granted: bool,
    },
    /// The subscriber answered the survey. What was written in free text is not kept here.
    Answered {
        /// The reason, where one was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Key>,
    },
    /// The subscriber accepted an offer.
    Accepted {
        /// The offer.
        offer: OfferId,
        /// What was picked of its `choices`, counted from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<u8>)]
        choice: Option<Choice>,
    },
    /// The subscriber declined an offer.
    Declined {
        /// The offer.
        offer: OfferId,
    },
    /// The cancellation was received.
    CancelReceived {
        /// When it is to take effect.
        when: CancelWhen,
    },
    /// The subscriber stays without an offer.
    Kept,
    /// Billing has the accepted offer.
    Applied {
        /// The offer.
        offer: OfferId,
    },
    /// Billing refused the accepted offer for good; nothing was changed.
    Rejected {
        /// The offer.
        offer: OfferId,
    },
    /// The subscriber's wish to come back from a pause was received.
    ResumeReceived,
    /// Billing has the end of the pause.
    Resumed,
    /// Billing refused the end of the pause for good; nothing was changed.
    ResumeRejected,
    /// Billing has the cancellation.
    Canceled {
        /// When the subscription ends or ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effective_at: Option<Timestamp>,
        /// Whether it came from elsewhere than this session.
        elsewhere: bool,
    },
    /// Operations had billing take back what it had applied.
    TakenBack {
        /// The offer; absent where it was the cancellation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        offer: Option<OfferId>,
    },
    /// The session was left open past its time.
    Abandoned,
    /// The texts of all entries before were erased at the subscriber's wish.
    Erased,
    /// All entries before were deleted, since they had to be kept no longer.
    Deleted {
        /// How many they were.
        entries: usize,
        /// The digest of the last of them.
        head: String,
    },
}

/// An offer as it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EvidenceOffer)]
pub struct Shown {
    /// Its id in the session.
    pub id: OfferId,
    /// Its key in the flow.
    pub key: Key,
    /// Type and terms.
    #[serde(flatten)]
    pub terms: Terms,
    /// Until when it could be accepted.
    pub expires_at: Timestamp,
}

/// Texts as they were shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EvidenceTexts)]
pub struct Texts {
    /// A random text that keeps the digest from being guessed.
    pub salt: String,
    /// The texts of the offers, in their order.
    pub offers: Vec<Copy>,
}

impl Evidence {
    /// Whether nothing is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries, first to last.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Adds an entry.
    pub fn add(&mut self, what: What, at: Timestamp) {
        self.push(what, None, at);
    }

    /// Adds that these offers were put before the subscriber.
    pub fn presented(&mut self, offers: &[PresentedOffer], at: Timestamp) {
        let salt = hex::encode(rand::random::<[u8; 16]>());
        let texts = Texts { salt, offers: offers.iter().map(|offer| offer.copy.clone()).collect() };
        let shown = |offer: &PresentedOffer| Shown {
            id: offer.id,
            key: offer.key.clone(),
            terms: offer.terms.clone(),
            expires_at: offer.expires_at,
        };
        let offers = offers.iter().map(shown).collect();
        let texts_digest = digest(&[&json(&texts)]);
        self.push(What::Presented { offers, exit_visible: true, texts_digest }, Some(texts), at);
    }

    /// The digest of the last entry, which stands for all of them; none where nothing is recorded.
    #[must_use]
    pub fn head(&self) -> Option<&str> {
        self.0.last().map(|entry| entry.hash.as_str())
    }

    /// Whether the entries of the session's course were deleted, and when.
    #[must_use]
    pub fn deleted_at(&self) -> Option<Timestamp> {
        self.0.first().filter(|entry| matches!(entry.what, What::Deleted { .. })).map(|entry| entry.at)
    }

    /// Deletes every entry, and leaves one that says so, with the digest that stood for them: who was given it before
    /// can still show what it was of. Deleting twice is the same as once.
    pub fn delete(&mut self, at: Timestamp) {
        let Some(head) = self.head().filter(|_| self.deleted_at().is_none()) else { return };
        let deleted = What::Deleted { entries: self.0.len(), head: head.to_owned() };
        self.0.clear();
        self.add(deleted, at);
    }

    /// Erases what may tell who the subscriber was: all texts, and, unless the rest must be `kept`, the rest as well.
    pub fn erase(&mut self, kept: bool, at: Timestamp) {
        if !kept {
            self.delete(at);
            return;
        }
        let mut erased = false;
        for entry in &mut self.0 {
            erased |= entry.texts.take().is_some();
        }
        if erased {
            self.add(What::Erased, at);
        }
    }

    /// Whether every digest is that of its entry, and follows the one before.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let mut before = "";
        self.0.iter().all(|entry| {
            let texts = match (&entry.what, &entry.texts) {
                (What::Presented { texts_digest, .. }, Some(texts)) => {
                    digest(&[&json(texts)]) == *texts_digest
                }
                (_, texts) => texts.is_none(),
            };
            let follows = hash(before, entry.at, &entry.what) == entry.hash;
            before = &entry.hash;
            texts && follows
        })
    }

    /// When what `of` asks for last happened.
    #[must_use]
    pub fn last(&self, of: impl Fn(&What) -> bool) -> Option<Timestamp> {
        self.0.iter().rev().find(|entry| of(&entry.what)).map(|entry| entry.at)
    }

    fn push(&mut self, what: What, texts: Option<Texts>, at: Timestamp) {
        let before = self.0.last().map_or("", |entry| entry.hash.as_str());
        let hash = hash(before, at, &what);
        self.0.push(Entry { at, what, texts, hash });
    }
}

fn hash(before: &str, at: Timestamp, what: &What) -> String {
    #[derive(Serialize)]
    struct Digested<'a> {
        at: Timestamp,
        #[serde(flatten)]
        what: &'a What,
    }
    digest(&[before, "\n", &json(&Digested { at, what })])
}

fn digest(parts: &[&str]) -> String {
    let hasher = parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
    hex::encode(hasher.finalize())
}

/// Compact JSON; none of what stands here can fail to become it.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2027-03-01T12:00:00Z".parse().unwrap()
    }

    fn evidence() -> Evidence {
        let mut evidence = Evidence::default();
        let begun = What::Begun {
            flow: "default".parse().unwrap(),
            flow_version: 2,
            locale: "en".to_owned(),
            policy: None,
            place: Place::new(Some("US"), Some("CA")),
            exit_visible: true,
        };
        evidence.add(begun, now());
        let offer = serde_json::json!({
            "id": OfferId::generate(now()), "key": "half", "type": "discount",
            "terms": {"percent_off": 12.5, "duration": "once"}, "state": "presented",
            "copy": {"headline": "Dear Ada", "body": "", "accept": "Yes", "decline": "No"}, "preview": {},
            "presented_at": now(), "expires_at": now(),
        });
        evidence.presented(&[serde_json::from_value(offer).unwrap()], now());
        evidence.add(What::CancelReceived { when: CancelWhen::PeriodEnd }, now());
        evidence
    }

    #[test]
    fn what_is_kept_reads_as_it_was_written_and_the_chain_holds() {
        let evidence = evidence();
        assert!(evidence.is_sound());
        let kept = serde_json::to_string(&evidence).unwrap();
        let read: Evidence = serde_json::from_str(&kept).unwrap();
        assert_eq!(read, evidence);
        assert!(read.is_sound());
    }

    #[test]
    fn whatever_is_changed_or_taken_out_breaks_the_chain() {
        let sound = evidence();
        for at in 0..sound.0.len() - 1 {
            let mut changed = sound.clone();
            changed.0.remove(at);
            assert!(!changed.is_sound(), "{at} was taken out");
            let mut changed = sound.clone();
            changed.0[at].at = "2027-03-01T12:00:01Z".parse().unwrap();
            assert!(!changed.is_sound(), "{at} was moved");
        }
        let mut changed = sound.clone();
        changed.0[1].texts.as_mut().unwrap().offers[0].headline = "changed".into();
        assert!(!changed.is_sound());
        let mut changed = sound;
        changed.0[2].what = What::CancelReceived { when: CancelWhen::Now };
        assert!(!changed.is_sound());
    }

    #[test]
    fn erasing_takes_the_texts_and_leaves_the_chain() {
        let mut evidence = evidence();
        evidence.erase(true, now());
        evidence.erase(true, now());
        assert!(evidence.is_sound());
        assert_eq!(evidence.entries().len(), 4);
        let kept = serde_json::to_string(&evidence).unwrap();
        assert!(!kept.contains("Ada") && !kept.contains("salt"), "{kept}");
    }

    #[test]
    fn deleting_leaves_the_digest_that_stood_for_all_and_what_follows_is_chained_on() {
        let mut evidence = evidence();
        let head = evidence.head().unwrap().to_owned();
        evidence.erase(false, now());
        let deleted = evidence.clone();
        evidence.delete("2027-03-02T12:00:00Z".parse().unwrap());
        assert_eq!(evidence, deleted, "twice is the same as once");
        assert_eq!(evidence.entries().len(), 1);
        assert_eq!(evidence.entries()[0].what, What::Deleted { entries: 3, head });
        assert_eq!(evidence.deleted_at(), Some(now()));
        evidence.add(What::Abandoned, now());
        assert!(evidence.is_sound());
        let mut nothing = Evidence::default();
        nothing.delete(now());
        assert!(nothing.is_empty() && nothing.head().is_none());
    }
}
