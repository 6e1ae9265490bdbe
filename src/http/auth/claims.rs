//! What a customer token says, and which of it is believed.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::config::Auth;
use crate::services::attributes;
use crate::services::caller::CustomerCaller;

use super::refusal::Refusal;

/// The audience of every customer token.
pub(super) const AUDIENCE: &str = "counteroffer";
/// The longest `jti`, in bytes.
const MAX_TOKEN_ID: usize = 255;

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The claims of a token whose signature is good. Claims that we do not know are the app's own business.
#[derive(Deserialize)]
pub(super) struct Claims {
    aud: Audience,
    iss: String,
    sub: String,
    exp: i64,
    jti: String,
    nbf: Option<i64>,
    iat: Option<i64>,
    subscription: Option<String>,
    attributes: Option<Map<String, Json>>,
}

impl Claims {
    pub(super) fn accept(self, rules: &Auth, now: Timestamp) -> Result<CustomerCaller, Refusal> {
        let for_us = match &self.aud {
            Audience::One(audience) => audience == AUDIENCE,
            Audience::Many(audiences) => audiences.iter().any(|audience| audience == AUDIENCE),
        };
        refuse_unless(for_us, "aud is not `counteroffer`")?;
        refuse_unless(self.iss == rules.issuer, "iss is not the configured issuer")?;
        self.check_times(rules, now)?;
        let visible = |text: &str| {
            (1..=MAX_TOKEN_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        refuse_unless(visible(&self.jti), "jti is not 1 to 255 visible ASCII characters")?;

        let customer =
            self.sub.parse().map_err(|_| Refusal("sub is not 1 to 255 visible ASCII characters"))?;
        let subscription = self.subscription.map(|text| text.parse()).transpose();
        let attributes = attributes::parse(&self.attributes.unwrap_or_default(), "/attributes");
        Ok(CustomerCaller {
            customer,
            subscription: subscription.map_err(|_| Refusal("subscription is not a subscription id"))?,
            attributes: attributes
                .map_err(|_| Refusal("attributes are not texts, numbers, booleans or lists of texts"))?,
            token_id: self.jti,
            expires_at: Timestamp::from_second(self.exp).map_err(|_| Refusal("exp is out of range"))?,
        })
    }

    fn check_times(&self, rules: &Auth, now: Timestamp) -> Result<(), Refusal> {
        let now = now.as_second();
        let leeway = i64::from(rules.leeway_seconds);
        let latest = now + i64::from(rules.max_token_age_seconds) + leeway;
        refuse_unless(self.exp > now.saturating_sub(leeway), "exp has passed")?;
        refuse_unless(self.exp <= latest, "exp is too far ahead")?;
        refuse_unless(self.nbf.is_none_or(|nbf| nbf <= now + leeway), "nbf is still to come")?;
        refuse_unless(self.iat.is_none_or(|iat| iat <= now + leeway), "iat is still to come")
    }
}

fn refuse_unless(good: bool, why: &'static str) -> Result<(), Refusal> {
    if good { Ok(()) } else { Err(Refusal(why)) }
}
