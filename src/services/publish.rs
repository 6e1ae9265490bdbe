//! Draft, validate, publish, compare and roll back flows.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::error::{Cause, FieldError, ServiceError};
use super::flows::Flows;
use super::prices;
use crate::domain::flow::{
    self, Change as FlowChange, FlowDocument, Format, InvalidFormat, Reviewed, diff, in_words,
};
use crate::domain::offer::Key;
use crate::store::{Draft, FlowVersion, NewVersion, Store};

/// A flow as operations see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Flow)]
pub struct FlowView {
    /// Its key.
    pub key: Key,
    /// The version that decides now; absent until one is published.
    pub active_version: Option<i32>,
    /// The draft; absent until one is written.
    pub draft: Option<DraftView>,
}

/// A flow's draft.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FlowDraft)]
pub struct DraftView {
    /// The document as it was written.
    pub source: String,
    /// How it was written.
    pub format: Format,
    /// When it was written.
    pub updated_at: Timestamp,
    /// What stands in the way of publishing it; empty when nothing does.
    pub problems: Vec<FieldError>,
    /// What is most likely a mistake, and does not stand in the way; told once there are no problems.
    pub warnings: Vec<FieldError>,
}

/// A published version.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FlowVersion)]
pub struct VersionView {
    /// The version, from 1.
    pub version: i32,
    /// The document.
    pub document: FlowDocument,
    /// When it was published.
    pub published_at: Timestamp,
    /// Who published it.
    pub published_by: String,
    /// What it changed against the version before.
    pub changes: Vec<FlowChange>,
    /// The same in words.
    pub changes_in_words: Vec<String>,
    /// What in it is most likely a mistake; told when it is published.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldError>,
}

/// What differs between two documents of a flow.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FlowDiff)]
pub struct DiffView {
    /// The version that is compared.
    pub from: i32,
    /// The version that it is compared with; null for the draft.
    pub to: Option<i32>,
    /// What changed from the one to the other.
    pub changes: Vec<FlowChange>,
    /// The same in words.
    pub changes_in_words: Vec<String>,
}

/// Reads a document, says everything that is wrong with it and warns of what is most likely a mistake.
///
/// # Errors
/// All of the document's problems.
pub fn validate(key: &Key, source: &str, format: Format) -> Result<Reviewed, ServiceError> {
    let reviewed =
        flow::review(source, format).map_err(|problems| ServiceError::Invalid(errors(problems)))?;
    let document = &reviewed.document;
    if document.key != *key {
        let detail =
            format!("the document's key is `{}`, the path's is `{key}`; make them the same", document.key);
        return Err(ServiceError::invalid("/key", "key_mismatch", detail));
    }
    Ok(reviewed)
}

/// Problems or warnings as they are answered.
#[must_use]
pub fn errors(problems: Vec<flow::Problem>) -> Vec<FieldError> {
    problems.into_iter().map(FieldError::from).collect()
}

/// The flow with its draft.
///
/// # Errors
/// When there is no such flow.
pub async fn get(app: &App, key: &Key) -> Result<FlowView, ServiceError> {
    let draft = app.store.draft(key).await?;
    let active = app.store.active_flows().await?.into_iter().find(|(known, _)| known == key);
    if draft.is_none() && active.is_none() {
        return Err(ServiceError::NotFound("flow"));
    }
    let draft = draft.map(|draft| draft_view(key, draft)).transpose()?;
    Ok(FlowView { key: key.clone(), active_version: active.map(|(_, version)| version), draft })
}

/// Keeps a draft, whatever is wrong with it, and says what is.
///
/// # Errors
/// When the database cannot be reached.
pub async fn put_draft(
    app: &App,
    key: &Key,
    source: String,
    format: Format,
) -> Result<FlowView, ServiceError> {
    app.store.put_draft(key, source, format.as_str(), app.clock.now()).await?;
    get(app, key).await
}

fn draft_view(key: &Key, draft: Draft) -> Result<DraftView, ServiceError> {
    let format = format(&draft.format)?;
    let (problems, warnings) = match validate(key, &draft.document, format) {
        Ok(reviewed) => (Vec::new(), errors(reviewed.warnings)),
        Err(ServiceError::Invalid(problems)) => (problems, Vec::new()),
        Err(other) => return Err(other),
    };
    Ok(DraftView { source: draft.document, format, updated_at: draft.updated_at, problems, warnings })
}

/// The format that a document was kept in.
pub(super) fn format(word: &str) -> Result<Format, ServiceError> {
    word.parse().map_err(|error: InvalidFormat| ServiceError::Internal(Cause::new(error)))
}

/// Publishes the draft as a new version.
///
/// # Errors
/// All problems of the draft; that there is none.
pub async fn publish_draft(app: &App, key: &Key, actor: &str) -> Result<VersionView, ServiceError> {
    let draft = app.store.draft(key).await?.ok_or(ServiceError::NotFound("draft"))?;
    let format = format(&draft.format)?;
    let version =
        publish(&app.store, &app.flows, key, &draft.document, format, actor, app.clock.now()).await?;
    // So that the first subscriber need not wait for them.
    prices::current(app, &version.document).await?;
    Ok(version)
}

/// Publishes a document as a new version, which decides in this process at once and in every other within two seconds.
///
/// # Errors
/// All problems of the document.
pub async fn publish(
    store: &Store,
    flows: &Flows,
    key: &Key,
    source: &str,
    format: Format,
    actor: &str,
    now: Timestamp,
) -> Result<VersionView, ServiceError> {
    let Reviewed { document, warnings } = validate(key, source, format)?;
    let warnings = errors(warnings);
    flows.refresh(store).await?;
    routes_lead_somewhere(flows, &document)?;
    let text = serde_json::to_string(&document).map_err(|error| ServiceError::Internal(Cause::new(error)))?;
    // Publishing what decides already changes nothing, which makes a repeated request safe.
    if let Some((_, version)) = store.active_flows().await?.into_iter().find(|(known, _)| known == key)
        && store.flow_version(key, version).await?.is_some_and(|active| active.document == text)
    {
        return Ok(VersionView { warnings, ..one(store, key, version).await? });
    }
    let new = NewVersion {
        key: key.clone(),
        document: text,
        source: source.to_owned(),
        format: format.as_str().to_owned(),
        note: None,
        actor: actor.to_owned(),
    };
    let version = store.publish(new, now).await?;
    flows.refresh(store).await?;
    Ok(VersionView { warnings, ..one(store, key, version).await? })
}

/// That every route leads to a flow that is published, in one hop.
fn routes_lead_somewhere(flows: &Flows, document: &FlowDocument) -> Result<(), ServiceError> {
    let problem = |pointer: String, code: &str, detail: String| FieldError {
        pointer,
        code: code.to_owned(),
        detail,
        line: None,
        column: None,
    };
    let mut problems = Vec::new();
    for (index, route) in document.routes.iter().enumerate() {
        let (pointer, target) = (format!("/routes/{index}/flow"), &route.flow);
        match flows.published(target) {
            None => {
                let detail = format!("no version of the flow `{target}` is published; publish it first");
                problems.push(problem(pointer, "unknown_flow", detail));
            }
            Some(flow) if !flow.document().routes.is_empty() => {
                let detail = format!(
                    "`{target}` has routes itself, which are not followed; route to their flows here"
                );
                problems.push(problem(pointer, "route_chain", detail));
            }
            Some(_) => {}
        }
    }
    if let ([_, ..], [from, ..]) = (document.routes.as_slice(), flows.routing_to(&document.key).as_slice()) {
        let detail =
            format!("`{from}` routes to this flow, whose routes are then not followed; take them out");
        problems.push(problem("/routes".to_owned(), "route_chain", detail));
    }
    if problems.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(problems)) }
}

/// Makes an older version decide again, by publishing its document as a new version.
///
/// # Errors
/// When there is no such version, or it is not valid any more.
pub async fn roll_back(app: &App, key: &Key, version: i32, actor: &str) -> Result<VersionView, ServiceError> {
    let old = app.store.flow_version(key, version).await?.ok_or(ServiceError::NotFound("flow version"))?;
    publish(&app.store, &app.flows, key, &old.document, Format::Json, actor, app.clock.now()).await
}

/// Every published version, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn versions(app: &App, key: &Key) -> Result<Vec<VersionView>, ServiceError> {
    let versions = app.store.flow_versions(key).await?;
    let olders = versions.iter().skip(1).map(Some).chain([None]);
    versions.iter().zip(olders).map(|(version, older)| view(version, older)).collect()
}

async fn one(store: &Store, key: &Key, version: i32) -> Result<VersionView, ServiceError> {
    let found = store.flow_version(key, version).await?.ok_or(ServiceError::NotFound("flow version"))?;
    let older = store.flow_version(key, version - 1).await?;
    view(&found, older.as_ref())
}

fn view(version: &FlowVersion, older: Option<&FlowVersion>) -> Result<VersionView, ServiceError> {
    let document = read(version)?;
    let (changes, changes_in_words) = match older.map(read).transpose()? {
        Some(older) => (diff(&older, &document), in_words(&older, &document)),
        None => (Vec::new(), Vec::new()),
    };
    Ok(VersionView {
        version: version.version,
        document,
        published_at: version.published_at,
        published_by: version.actor.clone(),
        changes,
        changes_in_words,
        warnings: Vec::new(),
    })
}

/// What differs between two versions: from the active one where `from` is left out, to the draft where `to` is.
///
/// # Errors
/// When there is no such version or draft, or the draft has problems.
pub async fn compare(
    app: &App,
    key: &Key,
    from: Option<i32>,
    to: Option<i32>,
) -> Result<DiffView, ServiceError> {
    let active = app.store.active_flows().await?.into_iter().find(|(known, _)| known == key);
    let from = from.or(active.map(|(_, version)| version)).ok_or(ServiceError::NotFound("flow"))?;
    let version = async |version| {
        let found = app.store.flow_version(key, version).await?;
        read(&found.ok_or(ServiceError::NotFound("flow version"))?)
    };
    let new = match to {
        Some(to) => version(to).await?,
        None => {
            let draft = app.store.draft(key).await?.ok_or(ServiceError::NotFound("draft"))?;
            validate(key, &draft.document, format(&draft.format)?)?.document
        }
    };
    let old = version(from).await?;
    let (changes, changes_in_words) = (diff(&old, &new), in_words(&old, &new));
    Ok(DiffView { from, to, changes, changes_in_words })
}

fn read(version: &FlowVersion) -> Result<FlowDocument, ServiceError> {
    flow::parse_stored(&version.document, Format::Json).map_err(|problems| {
        let text = format!("published version {} has {} problems", version.version, problems.len());
        ServiceError::Internal(Cause::new(text))
    })
}
