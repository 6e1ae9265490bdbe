//! What the app pushes about its customers.

use std::collections::BTreeMap;

use super::app::App;
use super::error::ServiceError;
use super::{caller, declared};
use crate::domain::facts::Value;
use crate::domain::ids::{CustomerId, StripeCustomerId};
use crate::store::CustomerProfile;

/// Writes a customer's profile, replacing the one before.
///
/// # Errors
/// When an attribute is of another type than the flow declares, or the database cannot be reached.
pub async fn put(
    app: &App,
    id: CustomerId,
    stripe_customer: Option<StripeCustomerId>,
    attributes: BTreeMap<String, Value>,
) -> Result<CustomerProfile, ServiceError> {
    declared::check(app.flows.active(&app.settings.flow).document(), &attributes, "/attributes")?;
    let profile = CustomerProfile { id, stripe_customer, attributes, updated_at: app.clock.now() };
    app.store.put_customer(&profile).await?;
    Ok(profile)
}

/// A customer's profile.
///
/// # Errors
/// When there is none.
pub async fn get(app: &App, id: &CustomerId) -> Result<CustomerProfile, ServiceError> {
    app.store.customer(id).await?.ok_or(ServiceError::NotFound("customer"))
}

/// Erases a customer: the profile, and in the sessions everything that tells who it was. Figures stay. Erasing twice
/// is the same as once.
///
/// # Errors
/// When the database cannot be reached.
pub async fn erase(app: &App, id: &CustomerId) -> Result<(), ServiceError> {
    app.store.erase_customer(id, &caller::pseudonym(id), app.clock.now()).await?;
    Ok(())
}
