//! The sandbox's own calls under `/_sandbox`: clock, faults, recorded calls, state and webhooks, for demo users and
//! other processes. No key is needed: they reach nothing but play data on loopback.
use super::contract;
use super::engine::RecordedCall;
use super::faults::Fault;
use super::state::ObjectKind;
use super::{AfterRetries, Shared};
use super::{customers, render};
use actix_web::{HttpResponse, Responder, Scope, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) fn scope() -> Scope {
    web::scope("/_sandbox")
        .app_data(web::JsonConfig::default().error_handler(|error, _| {
            let body = json!({"error": {"message": error.to_string()}});
            actix_web::error::InternalError::from_response(error, HttpResponse::BadRequest().json(body))
                .into()
        }))
        .route("/clock", web::get().to(clock))
        .route("/advance", web::post().to(advance))
        .route("/faults", web::get().to(faults))
        .route("/faults", web::post().to(script))
        .route("/faults", web::delete().to(clear_faults))
        .route("/calls", web::get().to(calls))
        .route("/parameters", web::get().to(parameters))
        .route("/settings", web::post().to(settings))
        .route("/state", web::get().to(state))
        .route("/objects/{id}", web::get().to(object))
        .route("/webhooks", web::get().to(webhooks))
        .route("/webhooks", web::post().to(deliver))
        .route("/customer_discounts", web::post().to(customer_discount))
}

async fn clock(shared: web::Data<Shared>) -> impl Responder {
    web::Json(json!({"now": shared.core().clock.now()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u32,
}

async fn advance(shared: web::Data<Shared>, body: web::Json<Advance>) -> impl Responder {
    shared.advance(i64::from(body.seconds));
    web::Json(json!({"now": shared.core().clock.now()}))
}

async fn faults(shared: web::Data<Shared>) -> impl Responder {
    web::Json(shared.core().faults.clone())
}

async fn script(shared: web::Data<Shared>, body: web::Json<Fault>) -> impl Responder {
    let mut core = shared.core();
    core.faults.push(body.into_inner());
    web::Json(core.faults.clone())
}

async fn clear_faults(shared: web::Data<Shared>) -> impl Responder {
    shared.core().faults.clear();
    HttpResponse::NoContent()
}

async fn calls(shared: web::Data<Shared>) -> web::Json<Vec<RecordedCall>> {
    web::Json(shared.core().calls.clone())
}

/// All parameters that the sandbox takes or knows Stripe to take.
async fn parameters() -> impl Responder {
    web::Json(contract::of_everything())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What every object says of its mode.
    livemode: Option<bool>,
    /// What becomes of a subscription when the last automatic attempt to collect its latest invoice failed.
    after_retries: Option<AfterRetries>,
}

/// Changes what at Stripe are the account's own settings.
async fn settings(shared: web::Data<Shared>, body: web::Json<Settings>) -> impl Responder {
    let mut core = shared.core();
    let state = &mut core.state;
    state.livemode = body.livemode.unwrap_or(state.livemode);
    state.after_retries = body.after_retries.unwrap_or(state.after_retries);
    web::Json(json!({"livemode": state.livemode, "after_retries": state.after_retries}))
}

/// Every object by kind.
async fn state(shared: web::Data<Shared>) -> impl Responder {
    web::Json(everything(&shared))
}

fn everything(shared: &Shared) -> Value {
    let core = shared.core();
    let mut kinds = Map::new();
    for kind in ObjectKind::ALL {
        let ids = core.state.all(kind).filter_map(|r| r.text("id"));
        let shown: Vec<Value> = ids.map(|id| render::object(&core.state, kind, id)).collect();
        kinds.insert(kind.words().replace(' ', "_"), Value::Array(shown));
    }
    Value::Object(kinds)
}

async fn object(shared: web::Data<Shared>, id: web::Path<String>) -> HttpResponse {
    match shared.object(&id) {
        Some(object) => HttpResponse::Ok().json(object),
        None => HttpResponse::NotFound().json(json!({"error": {"message": "no such object"}})),
    }
}

async fn webhooks(shared: web::Data<Shared>) -> impl Responder {
    let core = shared.core();
    web::Json(
        json!({"pending": core.outbox.queue, "url": core.outbox.url, "automatic": core.outbox.automatic}),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deliver {
    /// Switches automatic delivery on or off.
    automatic: Option<bool>,
    /// Where to deliver from now on.
    url: Option<url::Url>,
}

/// Changes the delivery's settings, then delivers all that is pending.
async fn deliver(shared: web::Data<Shared>, body: web::Json<Deliver>) -> impl Responder {
    let events = {
        let mut core = shared.core();
        if let Some(url) = &body.url {
            core.outbox.url = Some(url.clone());
        }
        core.outbox.automatic = body.automatic.unwrap_or(core.outbox.automatic);
        core.outbox.queue.drain(..).collect::<Vec<_>>()
    };
    web::Json(shared.deliver(&events).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerDiscount {
    customer: String,
    coupon: String,
}

/// Puts a coupon on a customer, which Stripe's own API no longer can at this version.
async fn customer_discount(shared: web::Data<Shared>, body: web::Json<CustomerDiscount>) -> HttpResponse {
    let mut core = shared.core();
    core.settle();
    core.state.begin();
    match customers::give_discount(&mut core.state, &body.customer, &body.coupon) {
        Ok(id) => HttpResponse::Ok().json(render::object(&core.state, ObjectKind::Discount, &id)),
        Err(error) => {
            core.state.rollback();
            HttpResponse::BadRequest().json(error.body(""))
        }
    }
}
