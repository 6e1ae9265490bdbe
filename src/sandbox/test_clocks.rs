//! Test clocks, as far as objects name theirs. Time itself is the sandbox's own clock.
use super::call::{Input, Outcome};
use super::params::{AFTER, BEFORE, EXPAND, Field, ID, Kind, LIMIT, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::json;

pub(super) const CREATE: &[Field] = &[
    field("frozen_time", Kind::Time).required(),
    field("name", Kind::Text(300)),
    field("customer", ID),
    EXPAND,
];
pub(super) const LIST: &[Field] = &[LIMIT, AFTER, BEFORE, EXPAND];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let id = State::id_for(ObjectKind::TestClock);
    state.put(
        ObjectKind::TestClock,
        Record::of(json!({
            "id": id, "object": "test_helpers.test_clock", "created": state.now,
            "deletes_after": state.now.saturating_add(30 * 86_400), "frozen_time": params.value("frozen_time"),
            "livemode": false, "name": params.value("name"), "status": "ready", "status_details": {},
        })),
    );
    if let Some(customer) = params.text("customer") {
        state.get_for(ObjectKind::Customer, customer, "customer")?;
        state.edit(ObjectKind::Customer, customer, |c| c.set("test_clock", id.clone()));
    }
    Ok(render::object(state, ObjectKind::TestClock, &id))
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::TestClock, input.id())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    render::page(state, ObjectKind::TestClock, &input.params, "/v1/test_helpers/test_clocks", |_| true)
}
