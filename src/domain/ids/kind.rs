//! The kinds of things that have identifiers, none of which has a value.

/// What an identifier identifies.
pub trait Kind: 'static {
    /// The text before the random part, underscore included; empty when any prefix may occur.
    const PREFIX: &'static str;
    /// The word for it in messages.
    const NAME: &'static str;
}

/// A session.
#[derive(Debug)]
pub enum Session {}
impl Kind for Session {
    const PREFIX: &'static str = "ses_";
    const NAME: &'static str = "session";
}

/// An offer as presented in one session.
#[derive(Debug)]
pub enum Offer {}
impl Kind for Offer {
    const PREFIX: &'static str = "off_";
    const NAME: &'static str = "offer";
}

/// A billing operation.
#[derive(Debug)]
pub enum Operation {}
impl Kind for Operation {
    const PREFIX: &'static str = "bop_";
    const NAME: &'static str = "billing operation";
}

/// Something that happened, told to the app.
#[derive(Debug)]
pub enum Event {}
impl Kind for Event {
    const PREFIX: &'static str = "evn_";
    const NAME: &'static str = "event";
}

/// A difference between billing and what we believe.
#[derive(Debug)]
pub enum Drift {}
impl Kind for Drift {
    const PREFIX: &'static str = "drf_";
    const NAME: &'static str = "drift";
}

/// A draft tried on recorded sessions.
#[derive(Debug)]
pub enum Backtest {}
impl Kind for Backtest {
    const PREFIX: &'static str = "bkt_";
    const NAME: &'static str = "backtest";
}

/// A signal that was raised.
#[derive(Debug)]
pub enum Signal {}
impl Kind for Signal {
    const PREFIX: &'static str = "sig_";
    const NAME: &'static str = "signal";
}

/// What an accepted offer asks in return.
#[derive(Debug)]
pub enum Ask {}
impl Kind for Ask {
    const PREFIX: &'static str = "ask_";
    const NAME: &'static str = "ask";
}

/// An API key.
#[derive(Debug)]
pub enum ApiKey {}
impl Kind for ApiKey {
    const PREFIX: &'static str = "key_";
    const NAME: &'static str = "API key";
}

/// Stripe's subscription.
#[derive(Debug)]
pub enum Subscription {}
impl Kind for Subscription {
    const PREFIX: &'static str = "sub_";
    const NAME: &'static str = "subscription";
}

/// Stripe's customer.
#[derive(Debug)]
pub enum StripeCustomer {}
impl Kind for StripeCustomer {
    const PREFIX: &'static str = "cus_";
    const NAME: &'static str = "Stripe customer";
}

/// Stripe's subscription item.
#[derive(Debug)]
pub enum SubscriptionItem {}
impl Kind for SubscriptionItem {
    const PREFIX: &'static str = "si_";
    const NAME: &'static str = "subscription item";
}

/// Stripe's price; legacy plans have ids without a prefix.
#[derive(Debug)]
pub enum Price {}
impl Kind for Price {
    const PREFIX: &'static str = "";
    const NAME: &'static str = "price";
}

/// Stripe's product; merchants may choose its id.
#[derive(Debug)]
pub enum Product {}
impl Kind for Product {
    const PREFIX: &'static str = "";
    const NAME: &'static str = "product";
}

/// Stripe's coupon; merchants may choose its id.
#[derive(Debug)]
pub enum Coupon {}
impl Kind for Coupon {
    const PREFIX: &'static str = "";
    const NAME: &'static str = "coupon";
}

/// Stripe's discount (a coupon as attached).
#[derive(Debug)]
pub enum Discount {}
impl Kind for Discount {
    const PREFIX: &'static str = "di_";
    const NAME: &'static str = "discount";
}

/// Stripe's promotion code (what a customer types to get a coupon).
#[derive(Debug)]
pub enum PromotionCode {}
impl Kind for PromotionCode {
    const PREFIX: &'static str = "promo_";
    const NAME: &'static str = "promotion code";
}

/// Stripe's subscription schedule.
#[derive(Debug)]
pub enum Schedule {}
impl Kind for Schedule {
    const PREFIX: &'static str = "sub_sched_";
    const NAME: &'static str = "subscription schedule";
}

/// Stripe's invoice.
#[derive(Debug)]
pub enum Invoice {}
impl Kind for Invoice {
    const PREFIX: &'static str = "in_";
    const NAME: &'static str = "invoice";
}
