//! Where a subscriber is, as far as is known: a country and, in some, a state.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::facts::{Facts, Value};

/// The name under which a flow speaks of all member states of the European Union at once; ISO 3166-1 reserves the code.
pub const EUROPEAN_UNION: &str = "EU";

/// The member states of the European Union, ISO 3166-1 (Greece has `GR` there), as of 2026.
const MEMBERS: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The states of the United States by name, since billing addresses are often written out.
const STATES: [(&str, &str); 51] = [
    ("ALABAMA", "AL"),
    ("ALASKA", "AK"),
    ("ARIZONA", "AZ"),
    ("ARKANSAS", "AR"),
    ("CALIFORNIA", "CA"),
    ("COLORADO", "CO"),
    ("CONNECTICUT", "CT"),
    ("DELAWARE", "DE"),
    ("DISTRICT OF COLUMBIA", "DC"),
    ("FLORIDA", "FL"),
    ("GEORGIA", "GA"),
    ("HAWAII", "HI"),
    ("IDAHO", "ID"),
    ("ILLINOIS", "IL"),
    ("INDIANA", "IN"),
    ("IOWA", "IA"),
    ("KANSAS", "KS"),
    ("KENTUCKY", "KY"),
    ("LOUISIANA", "LA"),
    ("MAINE", "ME"),
    ("MARYLAND", "MD"),
    ("MASSACHUSETTS", "MA"),
    ("MICHIGAN", "MI"),
    ("MINNESOTA", "MN"),
    ("MISSISSIPPI", "MS"),
    ("MISSOURI", "MO"),
    ("MONTANA", "MT"),
    ("NEBRASKA", "NE"),
    ("NEVADA", "NV"),
    ("NEW HAMPSHIRE", "NH"),
    ("NEW JERSEY", "NJ"),
    ("NEW MEXICO", "NM"),
    ("NEW YORK", "NY"),
    ("NORTH CAROLINA", "NC"),
    ("NORTH DAKOTA", "ND"),
    ("OHIO", "OH"),
    ("OKLAHOMA", "OK"),
    ("OREGON", "OR"),
    ("PENNSYLVANIA", "PA"),
    ("RHODE ISLAND", "RI"),
    ("SOUTH CAROLINA", "SC"),
    ("SOUTH DAKOTA", "SD"),
    ("TENNESSEE", "TN"),
    ("TEXAS", "TX"),
    ("UTAH", "UT"),
    ("VERMONT", "VT"),
    ("VIRGINIA", "VA"),
    ("WASHINGTON", "WA"),
    ("WEST VIRGINIA", "WV"),
    ("WISCONSIN", "WI"),
    ("WYOMING", "WY"),
];

/// A place that a flow names: a country (`DE`), a country's state (`US-CA`, ISO 3166-2), or `EU`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlaceName(Box<str>);

/// A text that names no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place: expected a country such as `DE`, a state such as `US-CA`, or `EU`, in upper case")]
pub struct InvalidPlace;

impl PlaceName {
    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a state of this country.
    #[must_use]
    pub fn is_state_of(&self, country: &str) -> bool {
        self.0.split_once('-').is_some_and(|(of, _)| of == country)
    }
}
impl FromStr for PlaceName {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let (country, state) =
            text.split_once('-').map_or((text, None), |(country, state)| (country, Some(state)));
        let good = is_country(country) && country != "UK" && state.is_none_or(is_state_code);
        if good && !(country == EUROPEAN_UNION && state.is_some()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidPlace)
        }
    }
}
impl TryFrom<String> for PlaceName {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlace> {
        text.parse()
    }
}
impl From<PlaceName> for String {
    fn from(name: PlaceName) -> Self {
        name.0.into()
    }
}
impl fmt::Debug for PlaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a subscriber is, as far as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The country, ISO 3166-1 alpha-2 in upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The state, the second part of ISO 3166-2 in upper case; never without the country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl Place {
    /// The place that facts tell of: by the address in Stripe, and where Stripe has none, by `customer.country` and
    /// `customer.state` of the profile or token. The app's state counts where both name the same country.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let text = |attribute: &str| match facts.get(attribute).map(|fact| &fact.value) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let stripe = Self::new(text("subscription.country"), text("subscription.state"));
        let told = text("customer.country").or(stripe.country.as_deref());
        let told = Self::new(told, text("customer.state"));
        if stripe.country.is_none() || (stripe.state.is_none() && told.country == stripe.country) {
            told
        } else {
            stripe
        }
    }

    /// A place as somebody wrote it; what names no country or state is not known.
    #[must_use]
    pub fn new(country: Option<&str>, state: Option<&str>) -> Self {
        let country = country.map(|text| text.trim().to_ascii_uppercase()).filter(|code| is_country(code));
        // Common, and not what ISO 3166 calls it.
        let country = country.map(|code| if code == "UK" { "GB".to_owned() } else { code });
        let state = country.as_deref().and_then(|country| state_code(country, state?));
        Self { country, state }
    }

    /// Whether not even the country is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.country.is_none()
    }

    /// The names under which a flow may speak of it, the closest first.
    pub fn names(&self) -> impl Iterator<Item = PlaceName> {
        let country = self.country.as_deref();
        let state = country.zip(self.state.as_deref()).map(|(country, state)| format!("{country}-{state}"));
        let union = country.filter(|country| MEMBERS.contains(country)).map(|_| EUROPEAN_UNION.to_owned());
        let names = [state, country.map(str::to_owned), union];
        names.into_iter().flatten().filter_map(|name| name.parse().ok())
    }
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

fn is_state_code(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn state_code(country: &str, text: &str) -> Option<String> {
    let text = text.trim().to_ascii_uppercase();
    let text = text.strip_prefix(country).and_then(|rest| rest.strip_prefix('-')).unwrap_or(&text);
    let named =
        STATES.iter().find(|(name, _)| country == "US" && *name == text).map(|(_, code)| (*code).to_owned());
    named.or_else(|| is_state_code(text).then(|| text.to_owned()))
}
