//! What a restricted key must be allowed to do. The one table: the README shows it, start-up checks it.
//!
//! Stripe checks what a key may do before it looks for the object, so a call about an object that cannot exist tells
//! whether a permission is there and touches nothing: 403 without it, 404 with it.

use stripe_client_core::{RequestBuilder, StripeMethod};

use super::error::{StripeError, StripeErrorKind};
use super::gateway::Gateway;

/// How much of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look at it.
    Read,
    /// To look at it and to change it.
    Write,
}

impl Access {
    /// The word in Stripe's dashboard.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Something that a restricted key must be allowed to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Permission {
    /// The resource's name in Stripe's dashboard.
    pub resource: &'static str,
    /// How much of it.
    pub access: Access,
    /// What for.
    pub needed_for: &'static str,
    /// The collection to try it on.
    collection: &'static str,
}

const fn needed(
    resource: &'static str,
    access: Access,
    collection: &'static str,
    needed_for: &'static str,
) -> Permission {
    Permission { resource, access, needed_for, collection }
}

/// Everything that a restricted key must be allowed to do, and nothing more.
pub const PERMISSIONS: &[Permission] = &[
    needed(
        "Subscriptions",
        Access::Write,
        "subscriptions",
        "reading and changing subscriptions, their items and schedules, cancelling",
    ),
    needed(
        "Invoices",
        Access::Write,
        "invoices",
        "the open invoices of a subscription; forgiving them, putting them into parts",
    ),
    needed("Credit notes", Access::Write, "credit_notes", "forgiving part of an open invoice"),
    needed(
        "Coupons",
        Access::Write,
        "coupons",
        "one coupon per accepted discount; deleting it when it was not used",
    ),
    needed(
        "Customers",
        Access::Write,
        "customers",
        "whose subscription it is, their country, their discount; a credit on their balance",
    ),
    needed("Prices", Access::Read, "prices", "plans, and the zero price of free features"),
    needed("Products", Access::Read, "products", "the names of plans"),
    needed("Events", Access::Read, "events", "catching up after an outage"),
];

/// An id that Stripe gives to nothing.
const NOBODY: &str = "counteroffer_permission_check";

/// The table as Markdown, for the README.
#[must_use]
pub fn permissions_markdown() -> String {
    let mut table = String::from("| resource | permission | for |\n| --- | --- | --- |\n");
    for Permission { resource, access, needed_for, .. } in PERMISSIONS {
        table.push_str(&format!("| {resource} | {} | {needed_for} |\n", access.as_str()));
    }
    table
}

impl Gateway {
    /// Which permissions the key lacks; asks Stripe once for each, and changes nothing. A secret key lacks none.
    ///
    /// # Errors
    /// When Stripe does not answer, or does not accept the key.
    pub async fn missing_permissions(&self) -> Result<Vec<&'static Permission>, StripeError> {
        let mut missing = Vec::new();
        if !self.transport.restricted() {
            return Ok(missing);
        }
        for permission in PERMISSIONS {
            let collection = permission.collection;
            let method = match permission.access {
                Access::Read => StripeMethod::Get,
                Access::Write => StripeMethod::Post,
            };
            let request = RequestBuilder::new(method, format!("/{collection}/{NOBODY}"));
            match self.transport.exchange(request, None).await.map_err(|error| (error.kind, error)) {
                // There is no such object: as it should be.
                Ok(_) | Err((StripeErrorKind::Rejected, _)) => {}
                Err((StripeErrorKind::Permission, _)) => missing.push(permission),
                Err((StripeErrorKind::Unknown | StripeErrorKind::Unauthorized, error)) => return Err(error),
            }
        }
        Ok(missing)
    }
}
