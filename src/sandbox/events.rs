//! Events: what happened, with a copy of the object as it was then.
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::params::{AFTER, BEFORE, EXPAND, Field, IDS, Kind, LIMIT, TEXT, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::{Map, Value, json};

/// The API version whose shapes the sandbox speaks.
pub const API_VERSION: &str = "2026-09-30.endive";

/// Records an event about an object. With `before`, the object as it was, the fields that changed are told too, and
/// an update that changed nothing is no event.
pub(super) fn emit(state: &mut State, name: &str, kind: ObjectKind, id: &str, before: Option<&Value>) {
    let object = render::object(state, kind, id);
    emit_value(state, name, object, before);
}

/// As `emit`, for an object that is kept nowhere.
pub(super) fn emit_value(state: &mut State, name: &str, object: Value, before: Option<&Value>) {
    let mut data = json!({});
    if let Some(before) = before {
        let previous = changed(before, &object);
        if previous.is_empty() {
            return;
        }
        data = json!({"previous_attributes": previous});
    }
    if let Value::Object(map) = &mut data {
        map.insert("object".into(), object);
    }
    let id = State::id_for(ObjectKind::Event);
    let event = json!({
        "id": id,
        "object": "event",
        "api_version": API_VERSION,
        "created": state.now,
        "data": data,
        "livemode": false,
        "pending_webhooks": 1,
        "request": {"id": state.cause.request_id, "idempotency_key": state.cause.idempotency_key},
        "type": name,
    });
    state.put(ObjectKind::Event, Record::of(event));
    state.fresh_events.push(id);
}

/// The former values of the fields that differ.
fn changed(before: &Value, after: &Value) -> Map<String, Value> {
    let fields = after.as_object().into_iter().flatten();
    fields
        .filter_map(|(field, now)| {
            let then = before.get(field).cloned().unwrap_or(Value::Null);
            (then != *now).then(|| (field.clone(), then))
        })
        .collect()
}

pub(super) const LIST: &[Field] = &[
    field("type", TEXT),
    field("types", IDS),
    field("created", Kind::TimeRange),
    field("delivery_success", Kind::Unmodelled),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    if params.has("type") && params.has("types") {
        return Err(ApiError::exclusive("type", "types"));
    }
    let mut wanted = params.texts("types");
    wanted.extend(params.text("type").map(str::to_owned));
    render::page(state, ObjectKind::Event, params, "/v1/events", |event| {
        let name = event.text("type").unwrap_or_default();
        wanted.is_empty() || wanted.iter().any(|w| fits(w, name))
    })
}

/// `customer.*` fits every event whose name begins with `customer.`.
fn fits(wanted: &str, name: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == name, |start| name.starts_with(start))
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::Event, input.id())
}
