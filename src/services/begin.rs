//! Begin a session: what is known is gathered first, the domain decides, and one write makes it durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::app::App;
use super::books;
use super::cannot::Cannot;
use super::decide::{decide, experiments_of, reentry as reentry_by};
use super::declared::fitting;
use super::error::ServiceError;
use super::flows::Published;
use super::idempotency::{IdempotencyKey, Reply, matching, saved_reply};
use super::known::Known;
use super::route;
use super::transition::{Access, document, load, render};
use super::{pauses, prices, snapshots};
use crate::domain::eligibility;
use crate::domain::evidence::Evidence;
use crate::domain::facts::Value;
use crate::domain::ids::{CustomerId, SessionId, SubscriptionId};
use crate::domain::offer::Key;
use crate::domain::reentry::{self, Reentry};
use crate::domain::session::{Answers, Session, State};
use crate::domain::subscription::Subscription;
use crate::domain::validation::Validated;
use crate::store::{Begin, Begun, Change, CustomerProfile, Earlier, Stored, Subscriber};

/// Who begins a session, and what the one who vouches for them says.
#[derive(Clone, Debug)]
pub struct Beginner {
    /// The app's customer.
    pub customer: CustomerId,
    /// The subscription that the token names, if it names one.
    pub subscription: Option<SubscriptionId>,
    /// Attributes in the token.
    pub attributes: BTreeMap<String, Value>,
    /// A digest of the token's `jti`, by which the same token finds the same session again.
    pub token_id: Option<String>,
    /// Whether a server with its own key begins on the customer's behalf and vouches for the subscription.
    pub vouched: bool,
}

/// What the caller asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The subscription to cancel.
    pub subscription: SubscriptionId,
    /// The reason, where the app has asked already.
    pub reason: Option<Key>,
    /// The language of the texts, a BCP 47 tag.
    pub locale: Option<String>,
    /// The languages that the subscriber reads, the best first, where `locale` is left out; the flow's default where it
    /// has no text in any of them.
    pub languages: Vec<String>,
    /// What the app wants to find again in the session; never used to decide.
    pub context: Option<serde_json::Map<String, serde_json::Value>>,
}

/// How often to begin again when an open session turned out to be over, or others took of a budget meanwhile; each time
/// somebody else got through.
const MAX_TRIES: usize = 8;

/// Begins a session, or finds the open one of the subscription, or the one this token began.
///
/// # Errors
/// When the subscription is not the customer's or has ended, or the reason is not the flow's; nothing is written then.
pub async fn begin(
    app: &App,
    by: &Beginner,
    wanted: Wanted,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    if let Some(reply) = saved_reply(app, key).await? {
        return Ok(reply);
    }
    let entry = app.flows.active(&app.settings.flow);
    let (budgets, named) = (route::possible_budgets(app, app.clock.now()), route::possible_prices(app));
    let experiments = experiments_of(&entry);
    let may_go_on = route::may_go_on(app);
    let Subscriber { profile, snapshot, history, usage, mut spent, exposures, prices, earlier: last } = app
        .store
        .subscriber(&by.customer, &wanted.subscription, budgets, experiments, named.clone(), may_go_on)
        .await?;
    let snapshot = snapshots::refreshed(app, &wanted.subscription, snapshot).await?;
    let reachable = app.gateway.livemode();
    // Also where only Stripe's answer tells.
    let livemode = reachable != matches!(snapshot, snapshots::Known::OtherMode);
    let snapshot = match own(by, &wanted, profile.as_ref(), snapshot) {
        Err(over @ ServiceError::Cannot(_)) => return earlier(app, by, &wanted).await?.ok_or(over),
        own => own?,
    };
    let token = fitting(entry.document(), by.attributes.clone());
    let too_old = snapshot.as_ref().is_some_and(|(_, at)| snapshots::too_old(app, *at, app.clock.now()));
    let prices = prices::refreshed(app, &named, prices).await?;
    let pause = match &snapshot {
        Some((subscription, _)) => pauses::met(app, subscription).await?,
        None => None,
    };
    let (recorded, bandits) = (exposures, app.flows.bandits(&app.settings.flow));
    let mut known = Known {
        profile,
        history,
        usage,
        snapshot,
        prices,
        too_old,
        livemode: reachable,
        token,
        recorded,
        bandits,
        routed: None,
        again: None,
    };
    for _ in 0..MAX_TRIES {
        let now = app.clock.now();
        let (flow, routed) = route::choose(app, &known, now);
        let reason = wanted.reason.as_ref();
        // The app cannot know where a subscriber is routed to, so the configured flow's reasons are good as well.
        let foreign =
            routed.is_some() && reason.is_some_and(|reason| flow.document().reason(reason).is_none());
        let asked = if foreign { app.flows.active(&app.settings.flow) } else { Arc::clone(&flow) };
        let answers = answers(asked.document(), reason)?;
        let answers = if foreign { Answers::default() } else { answers };
        if routed.is_some() {
            known.token = fitting(flow.document(), known.token);
            let experiments = experiments_of(&flow);
            (known.recorded, known.bandits) =
                route::experiments(app, &by.customer, &wanted.subscription, experiments).await?;
        }
        known.routed = routed;
        let mut session = new_session(app, by, &wanted, &known, &flow, now);
        session.livemode = known.snapshot.as_ref().map_or(livemode, |(known, _)| known.livemode);
        session.cancel_now_allowed = flow.document().policy.cancel_now;
        session.answers = answers;
        session.pause = pause;
        let earlier = last.as_ref().filter(|last| goes_on(&flow, &last.session, now));
        session.reentry_of = earlier.map(|earlier| earlier.session.id);
        known.again = earlier.and_then(|earlier| decided_before(&flow, earlier));
        let decided = decide(&flow, &mut session, &known, books::left(flow.document(), &spent, now), 0, now)?;
        if let Some(earlier) = earlier {
            take_over(&mut session, earlier, &flow);
        }
        let body = document(&session, &flow.compiled)?;
        let saved = key.map(|key| key.save(201, body.clone(), now));
        let presented = u64::try_from(decided.costs.len()).unwrap_or(0);
        let begin = Begin {
            session,
            segments: decided.segments,
            exposures: decided.exposures,
            costs: decided.costs,
            decision: decided.record,
            budget: decided.budget,
            token_id: by.token_id.clone(),
            saved,
            patient: false,
        };
        match app.store.begin(begin).await? {
            Begun::Created => {
                app.metrics.sessions_begun.inc();
                app.metrics.offers_presented.inc_by(presented);
                return Ok(Reply { status: 201, body, replayed: false });
            }
            // Others took it meanwhile: decided again with what is left now.
            Begun::BudgetSpent => spent = app.store.budget_spent(route::possible_budgets(app, now)).await?,
            Begun::Replayed(answer) => return matching(key, answer),
            Begun::SameToken(id) => return found(app, by, id).await,
            Begun::Open(id) if !abandoned(app, id, now).await? => return found(app, by, id).await,
            Begun::Open(_) => {}
        }
    }
    Err(ServiceError::Busy { retry_after: 1 })
}

/// Whether a session of this flow goes on with an earlier one.
fn goes_on(flow: &Published, earlier: &Session, now: Timestamp) -> bool {
    let window = flow.document().policy.reentry_window_hours;
    window.is_some_and(|hours| reentry::goes_on(earlier, hours, now))
}

/// What the earlier session was decided from; nothing where another version of the flow did, whose rules are others.
fn decided_before(flow: &Published, earlier: &Earlier) -> Option<Reentry> {
    let same = earlier.session.flow == flow.reference();
    earlier.decision.as_ref().filter(|_| same).and_then(|decision| reentry_by(earlier.session.id, decision))
}

/// The reason given earlier stays, until another is given. The evidence of this session does not have it, since it was
/// not given here.
fn take_over(session: &mut Session, earlier: &Earlier, flow: &Published) {
    let reason = earlier.session.answers.reason.as_ref().filter(|_| session.answers.reason.is_none());
    if let Some(defined) = reason.and_then(|reason| flow.document().reason(reason)) {
        session.answers.reason = reason.cloned();
        session.answers.feedback = Some(defined.stripe_feedback);
    }
}

/// The subscription's picture, once it is clear that the subscription is the customer's and can still be canceled.
fn own(
    by: &Beginner,
    wanted: &Wanted,
    profile: Option<&CustomerProfile>,
    known: snapshots::Known,
) -> Result<Option<(Subscription, Timestamp)>, ServiceError> {
    let named = by.subscription.as_ref().is_none_or(|named| *named == wanted.subscription);
    let vouched = by.vouched || by.subscription.as_ref() == Some(&wanted.subscription);
    let linked =
        profile.and_then(|profile| profile.stripe_customer.clone()).or_else(|| by.customer.as_stripe());
    match known {
        snapshots::Known::Subscription(subscription, fetched_at) => {
            // A link to a Stripe customer outweighs what a token says of the subscription.
            let owns = linked.map_or(vouched, |linked| linked == subscription.customer);
            if !named || !owns {
                return Err(ServiceError::NotFound("subscription"));
            }
            if let Err(reason) = eligibility::can_cancel(&subscription) {
                return Err(ServiceError::Cannot(Box::new(Cannot::begin(reason, &subscription))));
            }
            Ok(Some((*subscription, fetched_at)))
        }
        snapshots::Known::Missing => Err(ServiceError::NotFound("subscription")),
        snapshots::Known::Nothing(_) | snapshots::Known::OtherMode if named && vouched => Ok(None),
        snapshots::Known::OtherMode => Err(ServiceError::NotFound("subscription")),
        snapshots::Known::Nothing(cause) => Err(ServiceError::BillingUnavailable(cause)),
    }
}

/// The survey's answers for a reason given up front.
pub(super) fn answers(
    flow: &crate::domain::flow::FlowDocument,
    reason: Option<&Key>,
) -> Result<Answers, ServiceError> {
    let Some(key) = reason else { return Ok(Answers::default()) };
    let reason = flow.reason(key).ok_or_else(|| {
        ServiceError::invalid(
            "/reason",
            "unknown_reason",
            "send one of the keys in the session's `survey.reasons`",
        )
    })?;
    Ok(Answers { reason: Some(key.clone()), feedback: Some(reason.stripe_feedback), ..Answers::default() })
}

fn new_session(
    app: &App,
    by: &Beginner,
    wanted: &Wanted,
    known: &Known,
    flow: &Published,
    now: Timestamp,
) -> Session {
    let snapshot = known.snapshot.as_ref().map(|(snapshot, _)| snapshot.clone());
    let read = || wanted.languages.iter().map(String::as_str).find(|tag| flow.compiled.speaks(tag));
    let locale = wanted.locale.as_deref().or_else(read).or_else(|| flow.document().default_locale.as_deref());
    Session {
        id: SessionId::generate(now),
        customer: by.customer.clone(),
        subscription: wanted.subscription.clone(),
        livemode: known.livemode,
        snapshot,
        snapshot_at: known.snapshot.as_ref().map(|(_, at)| *at),
        flow: flow.reference(),
        locale: locale.unwrap_or("en").to_owned(),
        context: wanted.context.clone(),
        cancel_now_allowed: false,
        pause: None,
        state: State::Deciding,
        answers: Answers::default(),
        offers: Vec::new(),
        experiments: Vec::new(),
        needs_attention: false,
        created_at: now,
        updated_at: now,
        expires_at: now.checked_add(app.settings.session_ttl).unwrap_or(Timestamp::MAX),
        closed_at: None,
        validated: Validated::default(),
        jurisdiction: None,
        evidence: Evidence::default(),
        let_go: false,
        reentry_of: None,
    }
}

/// The session that this token began, or the one still open, about a subscription that can be canceled no more: most
/// likely because that session has done it.
async fn earlier(app: &App, by: &Beginner, wanted: &Wanted) -> Result<Option<Reply>, ServiceError> {
    let begun = match &by.token_id {
        Some(token) => app.store.session_begun_by(token, &wanted.subscription).await?,
        None => None,
    };
    let stored = match begun {
        Some(stored) => Some(stored),
        None => app.store.open_session(&wanted.subscription).await?,
    };
    match stored {
        Some(stored) => found(app, by, stored.session.id).await.map(Some),
        None => Ok(None),
    }
}

async fn found(app: &App, by: &Beginner, id: SessionId) -> Result<Reply, ServiceError> {
    let access = if by.vouched { Access::Staff } else { Access::Customer(by.customer.clone()) };
    let session = load(app, &access, id).await?.session;
    Ok(Reply { status: 200, body: render(app, &session).await?, replayed: false })
}

/// Whether the open session's time was over, in which case it is abandoned now rather than at the next sweep.
async fn abandoned(app: &App, id: SessionId, now: Timestamp) -> Result<bool, ServiceError> {
    let Some(Stored { mut session, version }) = app.store.session(id).await? else { return Ok(true) };
    if !session.expire(now) {
        return Ok(session.closed_at.is_some());
    }
    app.store.change(Change { session: Some((session, version)), ..Change::new(now) }).await?;
    Ok(true)
}
