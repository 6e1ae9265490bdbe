//! Webhook endpoints as objects. Deliveries go where the sandbox's own configuration says, not here.
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::params::{EXPAND, Field, IDS, Kind, METADATA, TEXT, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State, new_id};
use serde_json::json;

pub(super) const CREATE: &[Field] = &[
    field("url", TEXT).required(),
    field("enabled_events", IDS).required(),
    field("api_version", TEXT),
    field("description", TEXT).clearable(),
    field("connect", Kind::Unmodelled),
    METADATA,
    EXPAND,
];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let url = params.text_or_empty("url");
    if url::Url::parse(&url).is_err() {
        return Err(ApiError::invalid("Not a valid URL").code("url_invalid").param("url"));
    }
    let id = State::id_for(ObjectKind::WebhookEndpoint);
    let mut endpoint = Record::of(json!({
        "id": id, "object": "webhook_endpoint", "api_version": params.value("api_version"), "application": null,
        "created": state.now, "description": params.value("description"),
        "enabled_events": params.value("enabled_events"), "livemode": false, "metadata": {},
        "status": "enabled", "url": url,
    }));
    endpoint.merge_metadata(params);
    state.put(ObjectKind::WebhookEndpoint, endpoint);
    let mut shown = Record::of(render::object(state, ObjectKind::WebhookEndpoint, &id));
    // As Stripe does, the secret is shown once, when the endpoint is made.
    shown.set("secret", new_id("whsec"));
    Ok(shown.public())
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::WebhookEndpoint, input.id())
}

pub(super) fn delete(state: &mut State, input: &Input) -> Outcome {
    state.get(ObjectKind::WebhookEndpoint, input.id())?;
    state.delete(ObjectKind::WebhookEndpoint, input.id());
    Ok(json!({"id": input.id(), "object": "webhook_endpoint", "deleted": true}))
}
