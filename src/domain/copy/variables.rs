//! The variables of a template, and their values for one subscriber.

use std::collections::BTreeMap;

use jiff::Timestamp;
use minijinja::Value;
use strum::{EnumString, IntoStaticStr};

use super::count::Count;
use super::format::{Formatter, PluralCategory};
use super::plain;
use crate::domain::money::Money;
use crate::domain::offer::Preview;
use crate::domain::offer::{DiscountDuration, DiscountValue, Terms};
use crate::domain::subscription::Subscription;

/// A variable. Its name in a template has a point where it is a member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Variable {
    #[strum(serialize = "customer.name")]
    CustomerName,
    #[strum(serialize = "plan.name")]
    PlanName,
    #[strum(serialize = "plan.amount")]
    PlanAmount,
    CurrentPeriodEnd,
    PercentOff,
    AmountOff,
    DurationInMonths,
    DiscountEnds,
    ResumesAt,
    #[strum(serialize = "days")]
    TrialDays,
    TrialEnd,
    FeaturesEnd,
    ChangesAt,
    #[strum(serialize = "new_plan.name")]
    NewPlanName,
    #[strum(serialize = "new_plan.amount")]
    NewPlanAmount,
    CreditAmount,
    WaivedAmount,
    Parts,
    PartAmount,
    FirstPartAt,
    LastPartAt,
}

impl Variable {
    /// The variable of this name in a template.
    pub(super) fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// The name in a template.
    pub(super) fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it is a number of things, which has a plural.
    pub(super) fn is_count(self) -> bool {
        matches!(self, Self::DurationInMonths | Self::TrialDays | Self::Parts)
    }

    /// Whether it is known of some subscribers alone, so that every text has to do without.
    pub(super) fn is_optional(self) -> bool {
        self == Self::CustomerName
    }

    /// The variables that an offer of these terms has.
    pub(super) fn of(terms: &Terms) -> Vec<Self> {
        let mut known = vec![Self::CustomerName, Self::PlanName, Self::PlanAmount, Self::CurrentPeriodEnd];
        match terms {
            Terms::Discount(discount) => {
                known.push(match discount.value {
                    DiscountValue::Percent(_) => Self::PercentOff,
                    DiscountValue::Amount(_) => Self::AmountOff,
                });
                if matches!(discount.duration, DiscountDuration::Repeating { .. }) {
                    known.extend([Self::DurationInMonths, Self::DiscountEnds]);
                }
            }
            // With several choices it is not known when the text is shown which of them it would be.
            Terms::Pause(pause) if pause.choices.len() == 1 => known.push(Self::ResumesAt),
            Terms::TrialExtension(_) => known.extend([Self::TrialDays, Self::TrialEnd]),
            Terms::FreeFeatures(_) => known.push(Self::FeaturesEnd),
            Terms::PlanChange(change) => {
                known.push(Self::ChangesAt);
                if change.choices.len() == 1 {
                    known.extend([Self::NewPlanName, Self::NewPlanAmount]);
                }
            }
            Terms::Credit(_) => known.push(Self::CreditAmount),
            Terms::Waiver(_) => known.push(Self::WaivedAmount),
            Terms::Installments(_) => {
                known.extend([Self::Parts, Self::PartAmount, Self::FirstPartAt, Self::LastPartAt])
            }
            Terms::Pause(_) | Terms::Contact(_) | Terms::Redirect(_) | Terms::Custom(_) => {}
        }
        known
    }

    /// Some value, to try a template with.
    pub(super) fn sample(self) -> Value {
        match self {
            one if one.is_count() => {
                Value::from_object(Count { text: "1".to_owned(), category: PluralCategory::One })
            }
            one => Value::from(one.name()),
        }
    }
}

/// What an offer's texts speak of.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The terms, as they are presented.
    pub terms: &'a Terms,
    /// The subscription, if billing has shown it; without it, all that depends on it is missing.
    pub subscription: Option<&'a Subscription>,
    /// What accepting would do.
    pub preview: &'a Preview,
    /// How the app calls the customer: the attribute `customer.name`.
    pub customer_name: Option<&'a str>,
}

impl Shown<'_> {
    /// The value of a variable as `write` writes it; none where it is not known.
    pub(super) fn value(&self, variable: Variable, write: &Formatter) -> Option<Value> {
        let item = self.subscription.and_then(Subscription::main_item);
        let preview = self.preview;
        let plan = preview.plans.first();
        let day = |at: Option<Timestamp>| at.map(|at| write.day(at).into());
        let name =
            |name: Option<&str>| name.map(plain::value).filter(|name| !name.is_empty()).map(Value::from);
        let money = |amount: Option<i64>| {
            let currency = self.subscription?.currency;
            amount.map(|amount| write.money(Money { amount, currency }).into())
        };
        let count = |count: usize| {
            let (text, category) = write.count(count);
            Value::from_object(Count { text, category })
        };
        match variable {
            Variable::CustomerName => name(self.customer_name),
            Variable::PlanName => name(item.map(|item| item.name.as_str())),
            Variable::PlanAmount => money(item.and_then(|item| item.unit_amount)),
            Variable::CurrentPeriodEnd => day(self.subscription.and_then(Subscription::current_period_end)),
            Variable::PercentOff | Variable::AmountOff | Variable::DurationInMonths | Variable::TrialDays => {
                self.of_terms(variable, write)
            }
            Variable::DiscountEnds => day(preview.discount_ends),
            Variable::ResumesAt => day(preview.resumes_at.first().copied()),
            Variable::TrialEnd => day(preview.trial_end),
            Variable::FeaturesEnd => day(preview.features_end),
            Variable::ChangesAt => day(plan.map(|plan| plan.effective_at)),
            Variable::NewPlanName => name(plan.map(|plan| plan.name.as_str())),
            Variable::NewPlanAmount => money(plan.and_then(|plan| plan.amount)),
            Variable::CreditAmount => money(preview.credit_amount),
            Variable::WaivedAmount => {
                let amounts = preview.waived.iter().map(|one| one.amount);
                money((!preview.waived.is_empty()).then(|| amounts.fold(0, i64::saturating_add)))
            }
            Variable::Parts => (!preview.parts.is_empty()).then(|| count(preview.parts.len())),
            Variable::PartAmount => money(preview.parts.first().map(|part| part.amount)),
            Variable::FirstPartAt => day(preview.parts.first().map(|part| part.due_at)),
            Variable::LastPartAt => day(preview.parts.last().map(|part| part.due_at)),
        }
    }

    /// The same of what the terms say by themselves.
    fn of_terms(&self, variable: Variable, write: &Formatter) -> Option<Value> {
        let count = |count: u16| {
            let (text, category) = write.count(count.into());
            Value::from_object(Count { text, category })
        };
        match (self.terms, variable) {
            (Terms::Discount(discount), Variable::PercentOff | Variable::AmountOff) => {
                Some(match discount.value {
                    DiscountValue::Percent(percent) => write.number(percent.as_decimal()).into(),
                    DiscountValue::Amount(money) => write.money(money).into(),
                })
            }
            (Terms::Discount(discount), Variable::DurationInMonths) => match discount.duration {
                DiscountDuration::Repeating { months } => Some(count(months)),
                DiscountDuration::Once | DiscountDuration::Forever => None,
            },
            (Terms::TrialExtension(extension), Variable::TrialDays) => Some(count(extension.days)),
            _ => None,
        }
    }
}

/// The variables with their values, as the engine takes them. A group is there also when none of its members is.
pub(super) fn context(variables: &[Variable], value: impl Fn(Variable) -> Option<Value>) -> Value {
    let mut groups: BTreeMap<&str, Vec<(&str, Value)>> = BTreeMap::new();
    let mut all: Vec<(&str, Value)> = Vec::new();
    for variable in variables {
        let value = value(*variable);
        match variable.name().split_once('.') {
            Some((group, name)) => {
                groups.entry(group).or_default().extend(value.map(|value| (name, value)));
            }
            None => all.extend(value.map(|value| (variable.name(), value))),
        }
    }
    let groups = groups.into_iter().map(|(group, members)| (group, Value::from_pairs(members)));
    Value::from_pairs(all.into_iter().chain(groups))
}
