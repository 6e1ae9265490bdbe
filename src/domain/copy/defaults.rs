//! The texts of offers whose flow has none, in English.

use crate::domain::offer::OfferType;

pub(super) struct Defaults {
    pub(super) headline: &'static str,
    pub(super) body: &'static str,
    pub(super) accept: &'static str,
    pub(super) decline: &'static str,
}

pub(super) fn defaults(offer_type: OfferType) -> Defaults {
    let (headline, accept) = match offer_type {
        OfferType::Discount => ("Stay for less", "Apply the discount"),
        OfferType::Pause => ("Take a break instead", "Pause"),
        OfferType::TrialExtension => ("Take more time to decide", "Extend"),
        OfferType::FreeFeatures => ("Try more of it for free", "Unlock"),
        OfferType::PlanChange => ("A plan that fits you better", "Change the plan"),
        OfferType::Installments => ("Pay in parts", "Pay in parts"),
        OfferType::Waiver => ("What you owe, forgiven", "Accept"),
        OfferType::Credit => ("A credit towards your next invoice", "Take the credit"),
        OfferType::Contact => ("Talk to us", "Get in touch"),
        OfferType::Redirect => ("See what else there is", "Have a look"),
        OfferType::Custom => ("Before you go", "Accept"),
    };
    Defaults { headline, body: "", accept, decline: "No, thanks" }
}
