//! Preview what a flow would offer for given facts; writes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;
use validator::Validate;

use super::app::App;
use super::attributes;
use super::decide::{CUSTOMER_NAME, budgets_left, terms};
use super::error::{Cause, ServiceError};
use super::flows::Published;
use super::prices;
use super::publish;
use super::snapshots::{self, Known};
use crate::domain::copy::Shown;
use crate::domain::decide::{Input, Trace, explain};
use crate::domain::experiment::Unit;
use crate::domain::facts::{Facts, Source};
use crate::domain::flow::{CompiledFlow, Format};
use crate::domain::gather::{Given, Sources, gather};
use crate::domain::history::History;
use crate::domain::ids::{CustomerId, SubscriptionId};
use crate::domain::jurisdiction::Place;
use crate::domain::offer::{Copy, Key};
use crate::domain::preview as domain;

/// What to preview. Facts are taken from the subscription and the customer; what is given in `facts` goes before.
#[derive(Debug, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "subscription": "sub_1Q2w3E4r5T", "reason": "too_expensive", "facts": {"subscription.tenure_days": 400}
}))]
pub struct PreviewBody {
    /// The subscription; what it can take is checked against it.
    pub subscription: SubscriptionId,
    /// The customer whose profile, history and arms of experiments count; nobody's where it is left out.
    #[serde(default)]
    pub customer: Option<CustomerId>,
    /// The reason's key.
    #[serde(default)]
    pub reason: Option<Key>,
    /// Facts by attribute, at most 100: text, number, boolean or list of texts.
    #[serde(default)]
    #[schema(schema_with = attributes::qualified_schema)]
    pub facts: Map<String, Json>,
    /// A published version; the draft where it is left out.
    #[serde(default)]
    #[validate(range(min = 1))]
    #[schema(minimum = 1)]
    pub version: Option<i32>,
}

/// What would be offered, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FlowPreview)]
pub struct PreviewView<'a> {
    /// The offers' keys, in order.
    offers: &'a [Key],
    /// Each offer's texts for whoever reads one of the languages that the flow has texts in; where the offer has none in
    /// it, those that stand in.
    copies: BTreeMap<Key, BTreeMap<String, Copy>>,
    /// The trace.
    trace: &'a Trace<'a>,
    /// The other flow that a session begun with these facts would run instead, if any. The offers are this flow's.
    #[serde(skip_serializing_if = "Option::is_none")]
    routed_to: Option<RouteView<'a>>,
}

/// A route that fits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FlowPreviewRoute)]
struct RouteView<'a> {
    /// The route, counted from 0.
    route: usize,
    /// The flow that it leads to.
    flow: &'a Key,
    /// The route's segments that hold.
    segments: Vec<Key>,
}

/// Decides for the given facts and explains; the answer is the JSON of a [`PreviewView`].
///
/// # Errors
/// When there is no such draft, version or subscription, a fact has no usable type, or the draft has problems.
pub async fn preview(app: &App, key: &Key, body: PreviewBody) -> Result<String, ServiceError> {
    let given = attributes::parse_qualified(&body.facts, "/facts").map_err(ServiceError::Invalid)?;
    let flow = flow(app, key, body.version).await?;
    let now = app.clock.now();
    let (subscription, snapshot_at) = match snapshots::current(app, &body.subscription).await? {
        Known::Subscription(subscription, at) => (*subscription, at),
        Known::Missing | Known::OtherMode => return Err(ServiceError::NotFound("subscription")),
        Known::Nothing(cause) => return Err(ServiceError::BillingUnavailable(cause)),
    };
    let (profile, history, usage) = match &body.customer {
        Some(customer) => tokio::try_join!(
            app.store.customer(customer),
            app.store.history(customer),
            app.store.usage_of(customer)
        )?,
        None => (None, History::default(), None),
    };
    let (recorded, bandits) = match &body.customer {
        Some(customer) if flow.document().experiments_on_anybody() => {
            (app.store.exposures(customer, key).await?, app.flows.bandits(key))
        }
        _ => Default::default(),
    };
    let of_customer = |customer| Unit { customer, recorded: &recorded, bandits: &bandits };
    let profile = profile.as_ref();
    let profile = profile.map(|profile| Given { attributes: &profile.attributes, as_of: profile.updated_at });
    let known = Some((&subscription, snapshot_at));
    let sources =
        Sources { subscription: known, profile, token: None, history: &history, usage: usage.as_ref() };
    let mut facts: Facts = gather(&sources, now);
    for (attribute, value) in given {
        facts.state(attribute, value, Source::Profile, now);
    }
    let budgets_left: BTreeMap<String, i64> = budgets_left(app, flow.document(), now).await?;
    let prices = prices::current(app, flow.document()).await?;
    let place = Place::of(&facts);
    let bar = flow.document().jurisdiction(place).and_then(|rules| rules.bar());
    let input = Input {
        facts: &facts,
        subscription: &subscription,
        too_old: snapshots::too_old(app, snapshot_at, now),
        history: &history,
        reason: body.reason.as_ref(),
        answered: &[],
        bar: bar.as_ref(),
        budgets_left: &budgets_left,
        prices: &prices,
        livemode: app.gateway.livemode(),
        unit: body.customer.as_ref().map(of_customer),
        again: None,
        now,
    };
    let trace = explain(&flow.compiled, &input);
    let routed_to = flow.compiled.route(&facts, now).and_then(|(route, segments)| {
        let target = flow.document().routes.get(route)?;
        Some(RouteView { route, flow: &target.flow, segments })
    });
    let offers = trace.decision.offers.as_slice();
    let name = facts.text(CUSTOMER_NAME);
    let copies = offers.iter().filter_map(|key| Some((key.clone(), copies(&flow, key, &input, name)?)));
    let view = PreviewView { copies: copies.collect(), offers, trace: &trace, routed_to };
    serde_json::to_string(&view).map_err(|error| ServiceError::Internal(Cause::new(error)))
}

/// An offer's texts in every language of the flow.
fn copies(
    flow: &Published,
    key: &Key,
    input: &Input<'_>,
    customer_name: Option<&str>,
) -> Option<BTreeMap<String, Copy>> {
    let offer = flow.document().offers.get(key)?;
    let terms = terms(&offer.terms, Some(input.subscription), input.prices);
    let preview = domain::preview(&terms, input.subscription, input.now);
    let shown =
        Shown { terms: &terms, subscription: Some(input.subscription), preview: &preview, customer_name };
    let languages = flow.compiled.languages().iter();
    Some(languages.map(|tag| (tag.clone(), flow.compiled.texts(tag).copy(key, &shown))).collect())
}

/// The draft or a published version, compiled.
pub(super) async fn flow(app: &App, key: &Key, version: Option<i32>) -> Result<Published, ServiceError> {
    let (source, format, version) = match version {
        Some(version) => {
            let found = app.store.flow_version(key, version).await?;
            (found.ok_or(ServiceError::NotFound("flow version"))?.document, Format::Json, version)
        }
        None => {
            let draft = app.store.draft(key).await?.ok_or(ServiceError::NotFound("draft"))?;
            (draft.document, publish::format(&draft.format)?, 0)
        }
    };
    let document = publish::validate(key, &source, format)?.document;
    Ok(Published { version, compiled: CompiledFlow::compile(document) })
}
