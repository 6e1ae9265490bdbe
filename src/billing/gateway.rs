//! What the rest of the program asks of Stripe.

use futures_util::future::try_join_all;
use prometheus_client::registry::Registry;
use serde::de::DeserializeOwned;
use stripe_billing::invoice::ListInvoice;
use stripe_billing::subscription::{ListSubscription, RetrieveSubscription};
use stripe_billing::subscription_item::ListSubscriptionItem;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_product::coupon::ListCoupon;
use stripe_product::price::RetrievePrice;
use stripe_shared::InvoiceStatus;

use super::answer::Answer;
use super::breaker::BreakerState;
use super::error::{StripeError, StripeErrorKind};
use super::options::{InvalidOptions, StripeOptions};
use super::transport::Transport;
use super::wire::{self, Seen};
use crate::domain::drift::{MarkedItem, Observed};
use crate::domain::ids::{PriceId, StripeCustomerId, SubscriptionId};
use crate::domain::price::Price;
use crate::domain::subscription::{MAX_OPEN_INVOICES, Subscription};

/// How many pages of a list are read at most; a hundred objects each.
const MAX_PAGES: usize = 10;

/// Stripe, as the services see it. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) transport: Transport,
}

impl Gateway {
    /// A gateway to the account that the key belongs to. Connects to nothing yet.
    ///
    /// # Errors
    /// When the options make no sense, or TLS cannot be set up.
    pub fn new(options: &StripeOptions) -> Result<Self, InvalidOptions> {
        Ok(Self { transport: Transport::new(options)? })
    }

    /// Whether the key is one for live mode.
    #[must_use]
    pub fn livemode(&self) -> bool {
        self.transport.livemode()
    }

    /// The same gateway for work that nobody waits for, such as the worker's: it leaves part of our limits under
    /// Stripe's to those who wait.
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self { transport: self.transport.in_background() }
    }

    /// The same gateway for work on one subscription: no two writes at once, and not too often.
    pub(super) fn on(&self, subscription: &SubscriptionId) -> Self {
        Self { transport: self.transport.on(subscription) }
    }

    /// Whether calls go through now, or Stripe is known to be away.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.transport.breaker()
    }

    /// Names what is measured of Stripe in a registry.
    pub fn register(&self, registry: &mut Registry) {
        self.transport.register(registry);
    }

    /// The subscription as Stripe has it now, ended ones included; none when Stripe knows no such subscription.
    ///
    /// # Errors
    /// When Stripe cannot be asked, or its answer not be read.
    pub async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, StripeError> {
        Ok(self.look(id).await?.map(|seen| seen.subscription))
    }

    /// The subscription with those of its items that our operations made; none when Stripe knows no such subscription.
    ///
    /// # Errors
    /// When Stripe cannot be asked, or its answer not be read.
    pub async fn observe(&self, id: &SubscriptionId) -> Result<Option<Observed>, StripeError> {
        let Some(seen) = self.look(id).await? else { return Ok(None) };
        let ours = seen.ours.into_iter();
        let ours =
            ours.map(|ours| MarkedItem { item: ours.id, price: ours.price, operation: ours.operation });
        Ok(Some(Observed { subscription: seen.subscription, ours: ours.collect() }))
    }

    /// The price as Stripe has it now; none when Stripe knows no such price, or has it in the other mode.
    ///
    /// # Errors
    /// When Stripe cannot be asked, or its answer not be read.
    pub async fn price(&self, id: &PriceId) -> Result<Option<Price>, StripeError> {
        let request = RetrievePrice::new(id.as_str()).expand(["product".to_owned()]).build();
        match self.transport.exchange(request, None).await {
            Ok(answer) => Ok(Some(answer.parse::<wire::Price>()?.into_domain())),
            Err(error) if error.is_missing() || error.is_other_mode() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The customer's subscriptions that have not ended, newest first.
    ///
    /// # Errors
    /// When Stripe cannot be asked, or its answer not be read.
    pub async fn subscriptions_of(
        &self,
        customer: &StripeCustomerId,
    ) -> Result<Vec<Subscription>, StripeError> {
        let list = ListSubscription::new().customer(customer.as_str()).limit(100);
        // A list cannot be expanded as deep as a single subscription, so it yields ids only.
        let ids: Vec<wire::Named> = self.pages(list.build()).await?;
        let ids: Vec<SubscriptionId> = ids.iter().filter_map(|named| named.id.parse().ok()).collect();
        let subscriptions = try_join_all(ids.iter().map(|id| self.subscription(id))).await?;
        Ok(subscriptions.into_iter().flatten().filter(|found| !found.status.is_ended()).collect())
    }

    /// Whether Stripe answers, takes the key, and speaks the version that the crate was made for.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), StripeError> {
        ListCoupon::new().limit(1).send(&self.transport).await.map(drop)
    }

    /// The subscription with what plans need of it.
    pub(super) async fn look(&self, id: &SubscriptionId) -> Result<Option<Seen>, StripeError> {
        let request = RetrieveSubscription::new(id.as_str()).expand(wire::EXPAND.map(str::to_owned)).build();
        let answer = match self.transport.exchange(request, None).await {
            Ok(answer) => answer,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        self.complete(id, &answer).await.map(Some)
    }

    /// The subscription of an answer that has [`wire::EXPAND`] expanded, with what does not come along.
    pub(super) async fn complete(&self, id: &SubscriptionId, answer: &Answer) -> Result<Seen, StripeError> {
        let mut subscription: wire::Subscription = answer.parse()?;
        if subscription.items.has_more {
            subscription.items.data = self.items(id).await?;
        }
        if subscription.may_owe() {
            subscription.open_invoices = self.open_invoices(&subscription, id).await?;
        }
        let seen = subscription.into_seen(answer.request_id.clone());
        seen.map_err(|why| StripeError::unknown("unreadable_answer", why))
    }

    /// The subscription's open invoices, newest first. A key that may not read invoices still sees the latest.
    async fn open_invoices(
        &self,
        subscription: &wire::Subscription,
        id: &SubscriptionId,
    ) -> Result<Vec<wire::Invoice>, StripeError> {
        let most = i64::try_from(MAX_OPEN_INVOICES).unwrap_or(i64::MAX);
        let request = ListInvoice::new().subscription(id.as_str()).status(InvoiceStatus::Open).limit(most);
        match self.transport.exchange(request.build(), None).await {
            Ok(answer) => Ok(answer.parse::<wire::Page<wire::Invoice>>()?.data),
            Err(error) if error.kind == StripeErrorKind::Permission => {
                Ok(subscription.latest_open().cloned().into_iter().collect())
            }
            Err(error) => Err(error),
        }
    }

    /// All items of a subscription that has more than come with it.
    async fn items(&self, id: &SubscriptionId) -> Result<Vec<wire::Item>, StripeError> {
        let list =
            ListSubscriptionItem::new(id.as_str()).limit(100).expand(wire::EXPAND_ITEMS.map(str::to_owned));
        self.pages(list.build()).await
    }

    /// An object; none where Stripe knows no such one.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<Option<T>, StripeError> {
        match self.transport.exchange(request, None).await {
            Ok(answer) => answer.parse().map(Some),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every object of a list, in Stripe's order; `first` asks for its first page.
    pub(super) async fn pages<T: wire::HasId + DeserializeOwned>(
        &self,
        first: RequestBuilder,
    ) -> Result<Vec<T>, StripeError> {
        let (path, asked) = (first.path, first.query.unwrap_or_default());
        let mut all: Vec<T> = Vec::new();
        for _ in 0..MAX_PAGES {
            let after = all.last().map(|last| ("starting_after", last.id()));
            let query = form_urlencoded::Serializer::new(asked.clone()).extend_pairs(after).finish();
            let mut request = RequestBuilder::new(StripeMethod::Get, path.as_str());
            request.query = Some(query);
            let page: wire::Page<T> = self.transport.exchange(request, None).await?.parse()?;
            let more = page.has_more && !page.data.is_empty();
            all.extend(page.data);
            if !more {
                break;
            }
        }
        Ok(all)
    }
}
