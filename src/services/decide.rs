//! Ask the domain what to offer, and make offers of the answer: with ids, texts and previews, frozen in the session.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::books;
use super::error::{Cause, ServiceError};
use super::flows::Published;
use super::known::{Known, Routed};
use crate::domain::copy::Shown;
use crate::domain::cost::cost;
use crate::domain::decide::{self, Decision, Input, LeftOut, Unseen, decide_unseen};
use crate::domain::experiment::{Bandits, Exposure, Unit};
use crate::domain::facts::Facts;
use crate::domain::flow::FlowDocument;
use crate::domain::history::History;
use crate::domain::hold::BudgetHold;
use crate::domain::ids::{OfferId, SessionId};
use crate::domain::jurisdiction::{Bar, BarRule, PERMISSION_NEEDED, Place};
use crate::domain::offer::{Key, OfferState, PresentedOffer, Terms};
use crate::domain::plan_change::{fitting, informed};
use crate::domain::preview::preview;
use crate::domain::price::Prices;
use crate::domain::reentry::Reentry;
use crate::domain::session::Session;
use crate::domain::subscription::Subscription;
use crate::store::{BudgetTake, DecisionRecord};

/// A decision as it is kept: with everything it was made from, so that it can be explained at any later time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Key>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) answered: Vec<Key>,
    pub(super) facts: Facts,
    pub(super) history: History,
    pub(super) budgets_left: BTreeMap<String, i64>,
    /// The mode that could be reached in Stripe; absent where it was the snapshot's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) livemode: Option<bool>,
    /// Left out where it is the session's own, as it is for the first decision. Without any, only what asks nothing of
    /// billing is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) snapshot: Option<Subscription>,
    /// When billing showed it; left out where it is the session's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) snapshot_at: Option<Timestamp>,
    /// Whether that was too long ago.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) too_old: bool,
    /// The arms that were recorded before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) recorded: Vec<Exposure>,
    /// The bandits' shares.
    #[serde(default, skip_serializing_if = "Bandits::is_empty")]
    pub(super) bandits: Bandits,
    /// What was known of the prices that offers of another plan name.
    #[serde(default, skip_serializing_if = "Prices::is_empty")]
    pub(super) prices: Prices,
    /// What in the rules of the subscriber's place kept offers from being shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bar: Option<Bar>,
    /// Whether the subscriber was asked to come back from a pause instead of being offered anything.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) asks_to_resume: bool,
    /// Why the session runs another flow than the configured one; kept with its first decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) routed: Option<Routed>,
    /// What was decided for the earlier session that this one goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) again: Option<Reentry>,
    pub(super) decision: Option<Decision>,
}

impl Kept {
    /// The decision's input in `session`, as it was.
    pub(super) fn input<'a>(&'a self, session: &'a Session) -> Option<Input<'a>> {
        let subscription = self.snapshot.as_ref().or(session.snapshot.as_ref())?;
        Some(Input {
            facts: &self.facts,
            subscription,
            too_old: self.too_old,
            history: &self.history,
            reason: self.reason.as_ref(),
            answered: &self.answered,
            bar: self.bar.as_ref(),
            budgets_left: &self.budgets_left,
            prices: &self.prices,
            livemode: self.livemode.unwrap_or(subscription.livemode),
            unit: self.unit(session),
            again: self.again.as_ref(),
            now: self.at,
        })
    }
}

impl Kept {
    /// The same where billing has never shown the subscription.
    pub(super) fn unseen<'a>(&'a self, session: &'a Session) -> Unseen<'a> {
        Unseen {
            facts: &self.facts,
            history: &self.history,
            reason: self.reason.as_ref(),
            answered: &self.answered,
            unit: self.unit(session),
            bar: self.bar.as_ref(),
            now: self.at,
        }
    }

    /// Whom arms are drawn for. Where no offer may be shown before the cancellation no arm makes a difference.
    fn unit<'a>(&'a self, session: &'a Session) -> Option<Unit<'a>> {
        let barred = self.bar.as_ref().is_some_and(|bar| bar.rule == BarRule::NotBeforeCancel);
        let unit = Unit { customer: &session.customer, recorded: &self.recorded, bandits: &self.bandits };
        (!barred).then_some(unit)
    }
}

/// What a session that goes on with an earlier one was decided from, by a decision of its own as it was written.
pub(super) fn again(decision: &str) -> Option<Reentry> {
    serde_json::from_str::<Kept>(decision).ok()?.again
}

/// The same for a session that would go on with this one, by its last decision.
pub(super) fn reentry(of: SessionId, decision: &str) -> Option<Reentry> {
    let kept: Kept = serde_json::from_str(decision).ok()?;
    let Decision { segments, rule, .. } = kept.decision?;
    Some(Reentry { of, reason: kept.reason, segments, rule })
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a decision brings to the write.
pub(super) struct Decided {
    /// The decision, to be kept.
    pub(super) record: DecisionRecord,
    /// The segments that hold.
    pub(super) segments: Vec<Key>,
    /// The arms of experiments that the customer is in.
    pub(super) exposures: Vec<Exposure>,
    /// What each presented offer costs at most, in minor units.
    pub(super) costs: Vec<(OfferId, i64)>,
    /// What is set aside in budgets for newly presented offers.
    pub(super) budget: Vec<BudgetTake>,
    /// What was set aside for offers that are presented no more.
    pub(super) budget_return: Vec<BudgetHold>,
}

/// What is left of each of the flow's budgets and caps, by its key.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn budgets_left(
    app: &App,
    flow: &FlowDocument,
    now: Timestamp,
) -> Result<BTreeMap<String, i64>, ServiceError> {
    let accounts = books::accounts(flow, now);
    if accounts.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(books::left(flow, &app.store.budget_spent(accounts).await?, now))
}

/// The flow whose recorded arms a decision needs; none where it has no experiments.
pub(super) fn experiments_of(flow: &Published) -> Option<Key> {
    let document = flow.document();
    document.experiments_on_anybody().then(|| document.key.clone())
}

/// Decides, and presents the offers in the session.
///
/// # Errors
/// When the decision cannot be written as JSON, or the session takes no offers.
pub(super) fn decide(
    flow: &Published,
    session: &mut Session,
    known: &Known,
    budgets_left: BTreeMap<String, i64>,
    ordinal: i32,
    now: Timestamp,
) -> Result<Decided, ServiceError> {
    let facts = known.facts(now);
    if ordinal == 0 {
        session.govern(flow.document().jurisdiction(Place::of(&facts)), now);
    }
    let snapshot = known.snapshot.as_ref().map(|(snapshot, _)| snapshot);
    let seen_at = known.snapshot.as_ref().map(|(_, at)| *at);
    let mut kept = Kept {
        at: now,
        reason: session.answers.reason.clone().or_else(|| known.again.as_ref()?.reason.clone()),
        answered: answered(session),
        facts,
        history: known.history.clone(),
        budgets_left,
        livemode: other_mode(known),
        snapshot: snapshot.filter(|known| session.snapshot.as_ref() != Some(known)).cloned(),
        snapshot_at: seen_at.filter(|at| session.snapshot_at != Some(*at)),
        too_old: known.too_old,
        recorded: known.recorded.clone(),
        bandits: Bandits::clone(&known.bandits),
        prices: known.prices.clone(),
        bar: session.jurisdiction.as_ref().and_then(|rules| rules.bar()),
        asks_to_resume: false,
        routed: known.routed.clone(),
        again: known.again.clone(),
        decision: None,
    };
    let decision = match kept.input(session) {
        Some(input) => decide::decide(&flow.compiled, &input),
        None => decide_unseen(&flow.compiled, &kept.unseen(session)),
    };
    let decision = if session.asks_to_resume() { after_resume(decision) } else { decision };
    kept.asks_to_resume = session.asks_to_resume();
    kept.decision = Some(decision.clone());
    session.let_go = decision.let_go.is_some();
    let name = kept.facts.text(CUSTOMER_NAME);
    let mut offers: Vec<PresentedOffer> = decision
        .offers
        .iter()
        .filter_map(|key| frozen(flow, session, known, name, (key, &decision), now))
        .collect();
    let costs: Vec<_> = offers
        .iter()
        .filter_map(|offer| Some((offer.id, cost(&offer.terms, snapshot?, None, now))))
        .collect();
    let budget = set_aside(flow.document(), session, &mut offers, &costs, now);
    let waiting = !session.asks_to_resume()
        && decision.left_out.iter().any(|left_out| left_out.code == PERMISSION_NEEDED);
    session.await_permission(waiting, now);
    let Ok(budget_return) = session.present(offers, now) else {
        return Err(ServiceError::Internal(Cause::new("offers were decided for a session that takes none")));
    };
    session.expose(&decision.experiments);
    let body = serde_json::to_string(&kept).map_err(|error| ServiceError::Internal(Cause::new(error)))?;
    let record = DecisionRecord { ordinal, at: now, body };
    let (segments, exposures) = (decision.segments, decision.experiments);
    Ok(Decided { record, segments, exposures, costs, budget, budget_return })
}

/// The decision where the subscriber is asked first whether to come back from a pause: nothing is offered beside it.
fn after_resume(mut decision: Decision) -> Decision {
    let detail = "the subscriber is asked first whether to resume; a reason for leaving brings the offers";
    let waits = |offer| LeftOut { offer, code: "resume_first".into(), detail: detail.to_owned() };
    let offers = std::mem::take(&mut decision.offers);
    decision.left_out.extend(offers.into_iter().map(waits));
    // Nobody has met an arm before it is shown.
    decision.experiments.clear();
    decision.let_go = None;
    decision
}

/// Sets aside what newly presented offers cost where their budgets ask for it; an offer still on the page keeps what it
/// has.
fn set_aside(
    flow: &FlowDocument,
    session: &Session,
    offers: &mut [PresentedOffer],
    costs: &[(OfferId, i64)],
    now: Timestamp,
) -> Vec<BudgetTake> {
    let mut takes = Vec::new();
    for offer in offers.iter_mut().filter(|offer| offer.presented_at == now && offer.holds.is_empty()) {
        let Some((_, amount)) = costs.iter().find(|(id, _)| *id == offer.id) else { continue };
        let new = books::reserves(flow, session, offer, *amount, now);
        let hold = |take: &BudgetTake| BudgetHold { budget: take.budget.clone(), amount: take.amount };
        offer.holds = new.iter().map(hold).collect();
        takes.extend(new);
    }
    takes
}

/// The mode that can be reached, where the subscription is not in it.
fn other_mode(known: &Known) -> Option<bool> {
    let (snapshot, _) = known.snapshot.as_ref()?;
    (snapshot.livemode != known.livemode).then_some(known.livemode)
}

/// The keys of the offers that the subscriber has answered, which are not presented again.
fn answered(session: &Session) -> Vec<Key> {
    let answered = session.offers.iter().filter(|offer| offer.state != OfferState::Presented);
    answered.map(|offer| offer.key.clone()).collect()
}

/// The attribute by which texts call the customer.
pub(super) const CUSTOMER_NAME: &str = "customer.name";

/// The terms as they are presented: with what is known of the prices that they name, and without plans that the
/// subscription cannot change to.
pub(super) fn terms(terms: &Terms, snapshot: Option<&Subscription>, prices: &Prices) -> Terms {
    let informed = informed(terms, prices);
    match snapshot {
        Some(snapshot) => fitting(&informed, snapshot).into_owned(),
        None => informed.into_owned(),
    }
}

fn frozen(
    flow: &Published,
    session: &Session,
    known: &Known,
    customer_name: Option<&str>,
    (key, decision): (&Key, &Decision),
    now: Timestamp,
) -> Option<PresentedOffer> {
    let offer = flow.document().offers.get(key)?;
    let snapshot = known.snapshot.as_ref().map(|(snapshot, _)| snapshot);
    let terms = terms(&offer.terms_for(&decision.segments), snapshot, &known.prices);
    // An offer still on the page keeps its id, so that a click on it is not lost to a new decision.
    let standing = session.offers.iter().find(|old| old.key == *key && old.state == OfferState::Presented);
    let preview = snapshot.map(|snapshot| preview(&terms, snapshot, now)).unwrap_or_default();
    let shown = Shown { terms: &terms, subscription: snapshot, preview: &preview, customer_name };
    let texts = flow.compiled.texts(&session.locale);
    let copy = texts.copy(key, &shown);
    Some(PresentedOffer {
        id: standing.map_or_else(|| OfferId::generate(now), |old| old.id),
        key: key.clone(),
        state: OfferState::Presented,
        copy,
        preview,
        presented_at: standing.map_or(now, |old| old.presented_at),
        expires_at: offer.expires_after.after(now).min(session.expires_at),
        decided_at: None,
        choice: None,
        asks: texts.asks(key),
        holds: standing.map(|old| old.holds.clone()).unwrap_or_default(),
        terms,
    })
}
