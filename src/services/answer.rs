//! Take the survey's answers; a reason may change what is offered.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::app::App;
use super::begin;
use super::books;
use super::decide::{again, decide, experiments_of};
use super::declared::fitting;
use super::error::ServiceError;
use super::flows::Published;
use super::idempotency::{IdempotencyKey, Reply};
use super::known::Known;
use super::transition::{Access, BUDGET_SPENT, Effects, load, refused, transition};
use super::{prices, snapshots};
use crate::domain::facts::Value;
use crate::domain::feature::FeatureTag;
use crate::domain::ids::SessionId;
use crate::domain::offer::Key;
use crate::domain::session::{Answers, Session};
use crate::store::Subscriber;

/// How often a step is decided anew when others are quicker.
const MAX_TRIES: usize = 8;

/// What the subscriber says.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The reason's key.
    pub reason: Option<Key>,
    /// The answer to the reason's follow-up question.
    pub follow_up: Option<String>,
    /// Anything else.
    pub comment: Option<String>,
    /// The features that are missed.
    pub feature_tags: Vec<FeatureTag>,
    /// Whether not to be contacted.
    pub do_not_contact: Option<bool>,
}

/// Records answers; with a new reason, decides again what to offer.
///
/// # Errors
/// When the session is not known to `access`, the state does not allow it, or the reason is not the flow's; nothing is
/// written then.
pub async fn answer(
    app: &App,
    access: &Access,
    id: SessionId,
    said: Said,
    token: BTreeMap<String, Value>,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, ServiceError> {
    let session = load(app, access, id).await?.session;
    let flow = app.flows.version(&app.store, &session.flow).await?;
    let reason = said.reason.as_ref().or(session.answers.reason.as_ref());
    if !said.feature_tags.is_empty()
        && !reason.and_then(|key| flow.document().reason(key)).is_some_and(|reason| reason.feature_tags)
    {
        let detail = "the reason takes no tags; send them with one whose `feature_tags` is true";
        return Err(ServiceError::invalid("/feature_tags", "no_feature_tags", detail));
    }
    let given = Answers {
        follow_up: said.follow_up,
        comment: said.comment,
        feature_tags: said.feature_tags,
        do_not_contact: said.do_not_contact,
        ..begin::answers(flow.document(), said.reason.as_ref())?
    };
    let decides = given.reason.is_some().then_some((&session, &*flow, &token));
    deciding(app, access, id, key, "answer", decides, |session, now| {
        session.answer(given.clone(), now).map_err(|why| refused(session, &why))
    })
    .await
}

/// Takes a step of a session, and, where it is given what by (the session as it was, its flow, the token's attributes),
/// decides again behind it what to offer. Where others take meanwhile what would be set aside, it is decided anew.
pub(super) async fn deciding(
    app: &App,
    access: &Access,
    id: SessionId,
    key: Option<&IdempotencyKey>,
    action: &'static str,
    decides: Option<(&Session, &Published, &BTreeMap<String, Value>)>,
    mut step: impl FnMut(&mut Session, Timestamp) -> Result<(), ServiceError>,
) -> Result<Reply, ServiceError> {
    for _ in 0..MAX_TRIES {
        let known = match decides {
            Some((session, flow, token)) => {
                Some((flow, known(app, session.clone(), flow, token.clone()).await?))
            }
            None => None,
        };
        let done = transition(app, access, id, key, action, |session, _, now| {
            step(session, now)?;
            let effects = Effects { status: 200, ..Effects::default() };
            let Some((flow, (known, left, ordinal))) = &known else { return Ok(effects) };
            Ok(effects.decided(decide(flow, session, known, left.clone(), *ordinal, now)?))
        })
        .await;
        match done {
            Err(ServiceError::Conflict { code: BUDGET_SPENT, .. }) => {}
            done => return Ok(done?.reply),
        }
    }
    Err(ServiceError::Busy { retry_after: 1 })
}

/// What a further decision of a session is made from: what is known, what is left of the budgets, and which decision of
/// the session it is.
async fn known(
    app: &App,
    session: Session,
    flow: &Published,
    token: BTreeMap<String, Value>,
) -> Result<(Known, BTreeMap<String, i64>, i32), ServiceError> {
    let (session_id, goes_on) = (session.id, session.reentry_of.is_some());
    let (budgets, experiments) = (books::accounts(flow.document(), app.clock.now()), experiments_of(flow));
    let named = flow.document().prices();
    let Subscriber { profile, snapshot, history, usage, spent, exposures, prices, .. } = app
        .store
        .subscriber(&session.customer, &session.subscription, budgets, experiments, named.clone(), false)
        .await?;
    let snapshot = match snapshots::refreshed(app, &session.subscription, snapshot).await? {
        snapshots::Known::Subscription(subscription, fetched_at) => Some((*subscription, fetched_at)),
        snapshots::Known::Missing | snapshots::Known::OtherMode | snapshots::Known::Nothing(_) => {
            let at = session.snapshot_at.unwrap_or(session.created_at);
            session.snapshot.map(|snapshot| (snapshot, at))
        }
    };
    let too_old = snapshot.as_ref().is_some_and(|(_, at)| snapshots::too_old(app, *at, app.clock.now()));
    let (livemode, token) = (app.gateway.livemode(), fitting(flow.document(), token));
    let bandits = app.flows.bandits(&session.flow.key);
    let prices = prices::refreshed(app, &named, prices).await?;
    let (recorded, routed) = (exposures, None);
    let decisions = app.store.decisions(session_id).await?;
    let again = decisions.last().filter(|_| goes_on).and_then(|last| again(&last.body));
    let known = Known {
        profile,
        history,
        usage,
        snapshot,
        prices,
        too_old,
        livemode,
        token,
        recorded,
        bandits,
        routed,
        again,
    };
    let left = books::left(flow.document(), &spent, app.clock.now());
    let ordinal = i32::try_from(decisions.len()).unwrap_or(i32::MAX);
    Ok((known, left, ordinal))
}
