//! Stripe's list of events, which it keeps for thirty days: what was missed while webhooks did not arrive.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::error::StripeError;
use super::gateway::Gateway;
use super::webhook::{self, Event, TYPES};
use super::wire::Page;

/// How long Stripe keeps events.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How many pages are read of one list, a hundred events each; beyond lies a subscriber base that needs smaller spans.
const MAX_PAGES: usize = 1_000;

/// An event as it is listed; one that cannot be read has an id all the same.
#[derive(Deserialize)]
#[serde(transparent)]
struct Listed(Value);

impl Gateway {
    /// The events of interest that happened from `from` to `until`, the oldest first. Times count in whole seconds,
    /// both ends included.
    ///
    /// # Errors
    /// When Stripe cannot be asked, its answer not be read, or the key lacks the permission to read events.
    pub async fn events(&self, from: Timestamp, until: Timestamp) -> Result<Vec<Event>, StripeError> {
        let mut events = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let request = list(from, until, after.as_deref());
            let page: Page<Listed> = self.transport.exchange(request, None).await?.parse()?;
            let last =
                page.data.last().and_then(|Listed(event)| event.get("id")?.as_str().map(str::to_owned));
            events.extend(page.data.iter().filter_map(|Listed(event)| webhook::listed(event)));
            if !page.has_more || last.is_none() {
                // Stripe lists the newest first.
                events.reverse();
                return Ok(events);
            }
            after = last;
        }
        Err(StripeError::unknown("too_many_events", "the list of events does not end"))
    }
}

fn list(from: Timestamp, until: Timestamp, after: Option<&str>) -> RequestBuilder {
    let mut query: Vec<(String, String)> = vec![
        ("created[gte]".to_owned(), from.as_second().to_string()),
        ("created[lte]".to_owned(), until.as_second().to_string()),
        ("limit".to_owned(), "100".to_owned()),
    ];
    query.extend(TYPES.iter().enumerate().map(|(at, kind)| (format!("types[{at}]"), (*kind).to_owned())));
    query.extend(after.map(|after| ("starting_after".to_owned(), after.to_owned())));
    let mut request = RequestBuilder::new(StripeMethod::Get, "/events");
    let pairs = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    request.query = Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripe_takes_so_many_types() {
        assert!(TYPES.len() <= 20);
    }
}
