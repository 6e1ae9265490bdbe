//! Everything the sandbox remembers: the objects, and a journal that undoes a failed call.
use super::errors::ApiError;
use super::record::Record;
use rand::distr::{Alphanumeric, SampleString};
use std::collections::{BTreeMap, HashMap};

/// The kinds of objects kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum ObjectKind {
    Customer,
    Product,
    Price,
    Coupon,
    PromotionCode,
    Discount,
    Subscription,
    SubscriptionItem,
    Schedule,
    Invoice,
    InvoiceItem,
    CreditNote,
    BalanceTransaction,
    Feature,
    ProductFeature,
    Entitlement,
    Event,
    WebhookEndpoint,
    TestClock,
}

impl ObjectKind {
    pub(super) const ALL: [Self; 19] = [
        Self::Customer,
        Self::Product,
        Self::Price,
        Self::Coupon,
        Self::PromotionCode,
        Self::Discount,
        Self::Subscription,
        Self::SubscriptionItem,
        Self::Schedule,
        Self::Invoice,
        Self::InvoiceItem,
        Self::CreditNote,
        Self::BalanceTransaction,
        Self::Feature,
        Self::ProductFeature,
        Self::Entitlement,
        Self::Event,
        Self::WebhookEndpoint,
        Self::TestClock,
    ];

    /// The prefix of its ids and the words of "No such …".
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Customer => ("cus", "customer"),
            Self::Product => ("prod", "product"),
            Self::Price => ("price", "price"),
            Self::Coupon => ("coupon", "coupon"),
            Self::PromotionCode => ("promo", "promotion code"),
            Self::Discount => ("di", "discount"),
            Self::Subscription => ("sub", "subscription"),
            Self::SubscriptionItem => ("si", "subscription_item"),
            Self::Schedule => ("sub_sched", "subscription schedule"),
            Self::Invoice => ("in", "invoice"),
            Self::InvoiceItem => ("ii", "invoiceitem"),
            Self::CreditNote => ("cn", "credit note"),
            Self::BalanceTransaction => ("cbtxn", "customer balance transaction"),
            Self::Feature => ("feat", "entitlements feature"),
            Self::ProductFeature => ("prodft", "product feature"),
            Self::Entitlement => ("ent", "active entitlement"),
            Self::Event => ("evt", "event"),
            Self::WebhookEndpoint => ("we", "webhook endpoint"),
            Self::TestClock => ("clock", "billing clock"),
        }
    }

    pub(super) fn words(self) -> &'static str {
        self.names().1
    }
}

/// Who caused what happens now; events repeat it.
#[derive(Debug, Clone, Default)]
pub(super) struct Cause {
    pub(super) request_id: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

type Key = (ObjectKind, String);

/// The objects, in the order of their creation, and the time of the sandbox.
#[derive(Debug, Default)]
pub(super) struct State {
    records: HashMap<Key, Record>,
    order: BTreeMap<ObjectKind, Vec<String>>,
    journal: Vec<(Key, Option<Record>)>,
    /// Unix time in seconds; set before each call.
    pub(super) now: i64,
    pub(super) cause: Cause,
    /// Events not yet handed to the webhook queue.
    pub(super) fresh_events: Vec<String>,
    /// Nothing falls due before this time.
    pub(super) next_due: i64,
    /// What every object says of its mode.
    pub(super) livemode: bool,
    /// What becomes of a subscription when the last retry of an invoice failed.
    pub(super) after_retries: super::AfterRetries,
}

/// A new id such as `sub_4xKd…`. Random, so that two runs of the sandbox never share one.
pub(super) fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", Alphanumeric.sample_string(&mut rand::rng(), 24))
}

impl State {
    /// Empty, at this time.
    pub(super) fn new(now: i64) -> Self {
        Self { now, next_due: i64::MAX, ..Self::default() }
    }

    /// A fresh id for an object of this kind.
    pub(super) fn id_for(kind: ObjectKind) -> String {
        new_id(kind.names().0)
    }

    /// Stores an object under its `id` field, new or changed.
    pub(super) fn put(&mut self, kind: ObjectKind, record: Record) {
        let id = record.text_or_empty("id");
        let before = self.records.insert((kind, id.clone()), record);
        if before.is_none() {
            self.order.entry(kind).or_default().push(id.clone());
        }
        self.journal.push(((kind, id), before));
    }

    /// Changes an object that exists; nothing happens to one that does not.
    pub(super) fn edit(&mut self, kind: ObjectKind, id: &str, change: impl FnOnce(&mut Record)) {
        if let Some(mut record) = self.any(kind, id).cloned() {
            change(&mut record);
            self.put(kind, record);
        }
    }

    /// Marks an object deleted: it is no longer found, though what refers to it can still show it.
    pub(super) fn delete(&mut self, kind: ObjectKind, id: &str) {
        self.edit(kind, id, |record| record.set("_deleted", true));
    }

    /// The object, deleted or not.
    pub(super) fn any(&self, kind: ObjectKind, id: &str) -> Option<&Record> {
        self.records.get(&(kind, id.to_owned()))
    }

    /// The object unless it was deleted.
    pub(super) fn find(&self, kind: ObjectKind, id: &str) -> Option<&Record> {
        self.any(kind, id).filter(|record| !record.flag("_deleted"))
    }

    /// The object named by a path: 404 when there is none.
    pub(super) fn get(&self, kind: ObjectKind, id: &str) -> Result<Record, ApiError> {
        self.find(kind, id).cloned().ok_or_else(|| ApiError::no_such(kind.words(), id))
    }

    /// The object named by a parameter: 400 when there is none.
    pub(super) fn get_for(&self, kind: ObjectKind, id: &str, param: &str) -> Result<Record, ApiError> {
        self.find(kind, id).cloned().ok_or_else(|| ApiError::no_such_in(kind.words(), id, param))
    }

    /// All objects of a kind that are not deleted, oldest first.
    pub(super) fn all(&self, kind: ObjectKind) -> impl DoubleEndedIterator<Item = &Record> {
        self.order.get(&kind).map_or(&[][..], Vec::as_slice).iter().filter_map(move |id| self.find(kind, id))
    }

    /// Starts a call: from here on `rollback` knows what to undo.
    pub(super) fn begin(&mut self) {
        self.journal.clear();
        self.fresh_events.clear();
    }

    /// Whether anything was stored since `begin`.
    pub(super) fn changed(&self) -> bool {
        !self.journal.is_empty()
    }

    /// Undoes everything since `begin`, newest first.
    pub(super) fn rollback(&mut self) {
        self.fresh_events.clear();
        while let Some(((kind, id), before)) = self.journal.pop() {
            match before {
                Some(record) => {
                    self.records.insert((kind, id), record);
                }
                None => {
                    self.records.remove(&(kind, id.clone()));
                    if let Some(ids) = self.order.get_mut(&kind) {
                        ids.retain(|other| *other != id);
                    }
                }
            }
        }
    }
}
