//! The terms of each type of offer.

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};

use super::fields::Fields;
use super::values;
use crate::domain::flow::limits::MAX_LABEL_CHARS;
use crate::domain::flow::node::{At, Kind};
use crate::domain::flow::problem::Problems;
use crate::domain::money::Money;
use crate::domain::offer::{
    Cap, ContactTerms, CreditTerms, CustomTerms, DiscountDuration, DiscountTerms, DiscountValue,
    DurationWord, FreeFeaturesTerms, InstallmentsTerms, MAX_AMOUNT, MAX_DISCOUNT_MONTHS, MAX_PART_DAYS,
    MAX_PARTS, MAX_PAUSE_DAYS, MAX_TRIAL_DAYS, MAX_WAIVED_INVOICES, MIN_PARTS, OfferType, PauseAccess,
    PauseBehavior, PauseTerms, PlanChangeTerms, PlanChangeWhen, PlanChoice, Proration, RedirectTerms, Terms,
    TrialExtensionTerms, WaiverTerms,
};

/// Choices of one pause or plan change.
const MAX_CHOICES: usize = 10;
/// Features named by one offer.
const MAX_FEATURES: usize = 20;
/// The longest time for which features are given, in days.
const MAX_FEATURE_DAYS: u16 = 1095;
/// Characters of a URL.
const MAX_URL_CHARS: usize = 2_000;

/// Reads the terms of an offer of this type; `offer` is the whole offer, for its place.
pub(super) fn terms(
    offer_type: OfferType,
    offer: &At<'_>,
    at: Option<&At<'_>>,
    problems: &mut Problems,
) -> Option<Terms> {
    let Some(at) = at else {
        if offer_type == OfferType::Custom {
            return Some(Terms::Custom(CustomTerms::default()));
        }
        problems.add_key(offer, "terms", offer.node.at, "required", "`terms` is missing");
        return None;
    };
    if offer_type == OfferType::Custom {
        return custom(at, problems).map(Terms::Custom);
    }
    let mut fields = Fields::of(at, problems)?;
    let terms = match offer_type {
        OfferType::Discount => discount(at, &mut fields, problems).map(Terms::Discount),
        OfferType::Pause => pause(&mut fields, problems).map(Terms::Pause),
        OfferType::TrialExtension => {
            let days = fields.required("days", problems);
            let days = days.and_then(|at| values::small(&at, 1, MAX_TRIAL_DAYS, problems));
            days.map(|days| Terms::TrialExtension(TrialExtensionTerms { days }))
        }
        OfferType::FreeFeatures => free_features(&mut fields, problems).map(Terms::FreeFeatures),
        OfferType::PlanChange => plan_change(at, &mut fields, problems).map(Terms::PlanChange),
        OfferType::Installments => installments(&mut fields, problems).map(Terms::Installments),
        OfferType::Waiver => waiver(&mut fields, problems).map(Terms::Waiver),
        OfferType::Credit => sum(&mut fields, problems)
            .map(|Money { amount, currency }| Terms::Credit(CreditTerms { amount, currency })),
        OfferType::Contact => {
            url(&mut fields, &["https", "mailto"], problems).map(|url| Terms::Contact(ContactTerms { url }))
        }
        OfferType::Redirect => {
            url(&mut fields, &["https"], problems).map(|url| Terms::Redirect(RedirectTerms { url }))
        }
        OfferType::Custom => None,
    };
    fields.finish(problems);
    terms
}

fn discount(at: &At<'_>, fields: &mut Fields<'_>, problems: &mut Problems) -> Option<DiscountTerms> {
    let percent_at = fields.optional("percent_off");
    let amount_at = fields.optional("amount_off");
    let currency_at = fields.optional("currency");
    let currency = currency_at.as_ref().map(|at| values::currency(at, problems));
    let value = match (percent_at, amount_at, currency) {
        (Some(percent), None, None) => values::percent(&percent, problems).map(DiscountValue::Percent),
        (None, Some(amount), Some(currency)) => {
            let amount = values::whole(&amount, 1, MAX_AMOUNT, problems);
            amount.zip(currency).map(|(amount, currency)| DiscountValue::Amount(Money { amount, currency }))
        }
        (None, Some(_), None) => {
            problems.add_key(at, "currency", at.node.at, "required", "`amount_off` needs a `currency`");
            None
        }
        (Some(_), None, Some(_)) => {
            let at = currency_at.as_ref().unwrap_or(at);
            problems.add(
                at,
                "invalid_discount",
                "`currency` goes with `amount_off`; remove it beside `percent_off`",
            );
            None
        }
        _ => {
            problems.add(at, "invalid_discount", "expected exactly one of `percent_off` and `amount_off`");
            None
        }
    };
    let word_at = fields.required("duration", problems);
    let word = word_at.as_ref().and_then(|at| values::word(at, problems));
    let months_at = fields.optional("duration_in_months");
    let duration = duration(at, word?, months_at.as_ref(), problems);
    if let (Some(DiscountValue::Amount(_)), Some(DiscountDuration::Forever), Some(at)) =
        (value, duration, &word_at)
    {
        let detail = "Stripe refuses `amount_off` with `duration: forever`; use `percent_off` or `repeating`";
        problems.add(at, "amount_off_forever", detail);
    }
    Some(DiscountTerms { value: value?, duration: duration? })
}

fn duration(
    terms: &At<'_>,
    word: DurationWord,
    months: Option<&At<'_>>,
    problems: &mut Problems,
) -> Option<DiscountDuration> {
    match (word, months) {
        (DurationWord::Once, None) => Some(DiscountDuration::Once),
        (DurationWord::Forever, None) => Some(DiscountDuration::Forever),
        (DurationWord::Repeating, Some(at)) => {
            let months = values::small(at, 1, MAX_DISCOUNT_MONTHS, problems);
            months.map(|months| DiscountDuration::Repeating { months })
        }
        (DurationWord::Repeating, None) => {
            let detail = "`duration: repeating` needs `duration_in_months`";
            problems.add_key(terms, "duration_in_months", terms.node.at, "required", detail);
            None
        }
        (DurationWord::Once | DurationWord::Forever, Some(at)) => {
            problems.add(
                at,
                "invalid_discount",
                "`duration_in_months` goes with `duration: repeating`; remove it",
            );
            None
        }
    }
}

fn pause(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<PauseTerms> {
    let behavior = fields.optional("behavior");
    let behavior = behavior.map_or(Some(PauseBehavior::default()), |at| values::word(&at, problems));
    let access =
        fields.optional("access").map_or(Some(PauseAccess::default()), |at| values::word(&at, problems));
    let at = fields.required("choices", problems)?;
    let items = values::list(&at, 1, MAX_CHOICES, problems)?;
    let mut choices = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = at.element(index, item);
        let Some(choice) = values::span(&at, MAX_PAUSE_DAYS, problems) else {
            continue;
        };
        if choices.contains(&choice) {
            problems.add(&at, "duplicate_choice", "this length is among the choices already; remove one");
        }
        choices.push(choice);
    }
    // A broken choice leaves fewer than there are, which would make other variables known.
    (choices.len() == items.len()).then_some(PauseTerms { choices, behavior: behavior?, access: access? })
}

fn free_features(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<FreeFeaturesTerms> {
    let price = fields.required("price", problems).and_then(|at| values::parsed(&at, "invalid_id", problems));
    let lasts = fields.required("lasts", problems);
    let lasts = lasts.and_then(|at| values::span(&at, MAX_FEATURE_DAYS, problems));
    let mut features = Vec::new();
    if let Some(at) = fields.optional("features") {
        for (index, item) in
            values::list(&at, 0, MAX_FEATURES, problems).unwrap_or_default().iter().enumerate()
        {
            features.extend(values::line(&at.element(index, item), MAX_LABEL_CHARS, problems));
        }
    }
    Some(FreeFeaturesTerms { price: price?, features, lasts: lasts? })
}

fn plan_change(at: &At<'_>, fields: &mut Fields<'_>, problems: &mut Problems) -> Option<PlanChangeTerms> {
    let when = fields.required("when", problems);
    let when = when.and_then(|at| values::word(&at, problems));
    let proration_at = fields.optional("proration");
    let proration = proration_at.as_ref().map(|at| values::word(at, problems));
    let proration = match (when, proration) {
        (Some(PlanChangeWhen::Now), None) => {
            let detail = "`when: now` needs `proration`: say what becomes of the time that is paid for";
            problems.add_key(at, "proration", at.node.at, "required", detail);
            None
        }
        (Some(PlanChangeWhen::PeriodEnd), Some(Some(given))) if given != Proration::None => {
            let at = proration_at.as_ref().unwrap_or(at);
            let detail = "with `when: period_end` nothing is left to reckon up; use `none` or remove it";
            problems.add(at, "invalid_proration", detail);
            None
        }
        (_, given) => given.unwrap_or(Some(Proration::None)),
    };
    let choices_at = fields.required("choices", problems)?;
    let items = values::list(&choices_at, 1, MAX_CHOICES, problems)?;
    let mut choices: Vec<PlanChoice> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = choices_at.element(index, item);
        let Some(choice) = plan_choice(&at, problems) else { continue };
        if choices.iter().any(|other| other.price == choice.price) {
            problems.add(&at, "duplicate_choice", "this price is among the choices already; remove one");
        }
        choices.push(choice);
    }
    // A broken choice leaves fewer than there are, which would make other variables known.
    let whole = choices.len() == items.len();
    whole.then_some(PlanChangeTerms { choices, when: when?, proration: proration? })
}

fn plan_choice(at: &At<'_>, problems: &mut Problems) -> Option<PlanChoice> {
    let mut fields = Fields::of(at, problems)?;
    let price = fields.required("price", problems).and_then(|at| values::parsed(&at, "invalid_id", problems));
    let label = fields.optional("label").map(|at| values::line(&at, MAX_LABEL_CHARS, problems));
    fields.finish(problems);
    Some(PlanChoice { price: price?, label: label.map_or(Some(None), |label| label.map(Some))?, plan: None })
}

/// An amount greater than zero with its currency.
fn sum(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Money> {
    let amount = fields.required("amount", problems);
    let amount = amount.and_then(|at| values::whole(&at, 1, MAX_AMOUNT, problems));
    let currency = fields.required("currency", problems);
    let currency = currency.and_then(|at| values::currency(&at, problems));
    Some(Money { amount: amount?, currency: currency? })
}

fn waiver(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<WaiverTerms> {
    let cap = fields.required("cap", problems).and_then(|at| {
        let mut fields = Fields::of(&at, problems)?;
        let cap = sum(&mut fields, problems);
        fields.finish(problems);
        cap
    });
    let most = fields.optional("max_invoices");
    let most = most.map_or(Some(u16::from(MAX_WAIVED_INVOICES)), |at| {
        values::small(&at, 1, MAX_WAIVED_INVOICES.into(), problems)
    });
    let Money { amount, currency } = cap?;
    Some(WaiverTerms { cap: Cap { amount, currency }, max_invoices: u8::try_from(most?).ok()? })
}

fn installments(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<InstallmentsTerms> {
    let parts = fields.required("parts", problems);
    let parts = parts.and_then(|at| values::small(&at, MIN_PARTS.into(), MAX_PARTS.into(), problems));
    let every = fields.required("every", problems);
    let every = every.and_then(|at| values::span(&at, MAX_PART_DAYS, problems));
    Some(InstallmentsTerms { parts: u8::try_from(parts?).ok()?, every: every? })
}

fn url(fields: &mut Fields<'_>, schemes: &[&str], problems: &mut Problems) -> Option<url::Url> {
    let at = fields.required("url", problems)?;
    let text = values::line(&at, MAX_URL_CHARS, problems)?;
    let expected = schemes.join(":` or `");
    let Ok(url) = url::Url::parse(&text) else {
        problems.add(&at, "invalid_url", format!("expected a whole URL that begins with `{expected}:`"));
        return None;
    };
    if !schemes.contains(&url.scheme()) {
        problems.add(
            &at,
            "invalid_url",
            format!("`{}:` is not taken here; expected `{expected}:`", url.scheme()),
        );
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        problems.add(
            &at,
            "invalid_url",
            "remove the user name and password; every subscriber would see them",
        );
        return None;
    }
    Some(url)
}

fn custom(at: &At<'_>, problems: &mut Problems) -> Option<CustomTerms> {
    let Kind::Map(entries) = &at.node.kind else {
        problems.add(at, "invalid_type", format!("expected a map, found {}", at.node.kind.word()));
        return None;
    };
    let members = entries.iter().map(|entry| (entry.key.clone(), json(&at.entry(entry), problems)));
    Some(CustomTerms(members.collect::<Map<_, _>>()))
}

/// The value as JSON; nesting is bounded for the whole document.
fn json(at: &At<'_>, problems: &mut Problems) -> Json {
    match &at.node.kind {
        Kind::Null => Json::Null,
        Kind::Bool(flag) => Json::Bool(*flag),
        Kind::Number(number) => number_json(at, *number, problems),
        Kind::Text(text) => Json::String(text.clone()),
        Kind::List(items) => {
            let items = items.iter().enumerate();
            Json::Array(items.map(|(index, item)| json(&at.element(index, item), problems)).collect())
        }
        Kind::Map(entries) => {
            let entries = entries.iter();
            Json::Object(entries.map(|entry| (entry.key.clone(), json(&at.entry(entry), problems))).collect())
        }
    }
}

fn number_json(at: &At<'_>, number: Decimal, problems: &mut Problems) -> Json {
    if !crate::domain::condition::is_exact(number) {
        problems.add(at, "out_of_range", "expected a number of at most 15 digits; put longer ones in quotes");
    }
    crate::domain::condition::number_json(number)
}
