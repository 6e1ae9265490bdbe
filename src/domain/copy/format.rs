//! Numbers, amounts, counts and days in the manner of a language, from Unicode's data (CLDR).

use std::fmt;

use icu_calendar::{Date, Gregorian};
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::YMD;
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal as Digits;
use icu_locale_core::{Locale, locale};
pub(super) use icu_plurals::PluralCategory;
use icu_plurals::PluralRules;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::domain::money::Money;

/// Formats values in one language.
pub(in crate::domain) struct Formatter {
    number: Option<DecimalFormatter>,
    date: Option<FixedCalendarDateTimeFormatter<Gregorian, YMD>>,
    plural: Option<PluralRules>,
}

impl fmt::Debug for Formatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Formatter")
    }
}

impl Formatter {
    /// For a BCP 47 tag; a region decides where the language has several manners (`en` and `en-GB`). What cannot be read
    /// is taken for English.
    pub(in crate::domain) fn new(tag: &str) -> Self {
        let locale = Locale::try_from_str(tag).unwrap_or(locale!("en"));
        Self {
            number: DecimalFormatter::try_new((&locale).into(), Default::default()).ok(),
            date: FixedCalendarDateTimeFormatter::try_new((&locale).into(), YMD::long()).ok(),
            plural: PluralRules::try_new_cardinal((&locale).into()).ok(),
        }
    }

    /// A number with its own digits behind the point: `1,234.5`, `1.234,5`.
    pub(super) fn number(&self, number: Decimal) -> String {
        let digits = Digits::try_from_str(&number.to_string());
        digits.map_or_else(|_| number.to_string(), |digits| self.digits(&digits))
    }

    /// An amount with its currency's code: `1,234.00 USD`, `1.234,00 EUR`, `500 JPY`.
    pub(super) fn money(&self, money: Money) -> String {
        let mut digits = Digits::from(money.amount);
        digits.multiply_pow10(-minor_digits(money.currency.as_str()));
        format!("{} {}", self.digits(&digits), money.currency.as_str().to_ascii_uppercase())
    }

    /// A number of things, and the plural category that it has in the language.
    pub(super) fn count(&self, count: usize) -> (String, PluralCategory) {
        let category = self.plural.as_ref().map_or(PluralCategory::Other, |rules| rules.category_for(count));
        (self.digits(&Digits::from(count)), category)
    }

    /// A day on the UTC calendar: `March 4, 2027`, `4. März 2027`.
    pub(super) fn day(&self, at: Timestamp) -> String {
        let day = at.to_zoned(TimeZone::UTC).date();
        let of_year = u8::try_from(day.month()).ok().zip(u8::try_from(day.day()).ok());
        let date = of_year
            .and_then(|(month, of_month)| Date::try_new_gregorian(day.year().into(), month, of_month).ok());
        let written = self.date.as_ref().zip(date).map(|(format, date)| format.format(&date).to_string());
        written.unwrap_or_else(|| day.to_string())
    }

    fn digits(&self, digits: &Digits) -> String {
        self.number.as_ref().map_or_else(|| digits.to_string(), |format| format.format_to_string(digits))
    }
}

/// How many digits of Stripe's amounts are behind the point.
fn minor_digits(currency: &str) -> i16 {
    match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv"
        | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: i64, currency: &str) -> Money {
        Money { amount, currency: currency.parse().unwrap() }
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency_and_the_manner_of_their_language() {
        for (tag, amount, currency, text) in [
            ("en", 4900, "usd", "49.00 USD"),
            ("en", 5, "usd", "0.05 USD"),
            ("en", 0, "usd", "0.00 USD"),
            ("en", 123_456_700, "usd", "1,234,567.00 USD"),
            ("en", -150, "usd", "-1.50 USD"),
            ("en", i64::MIN, "usd", "-92,233,720,368,547,758.08 USD"),
            ("en", 500, "jpy", "500 JPY"),
            ("en", 1234, "kwd", "1.234 KWD"),
            ("de", 123_450, "eur", "1.234,50 EUR"),
            ("de-CH", 123_450, "chf", "1'234.50 CHF"),
            ("hi", 12_345_600, "inr", "1,23,456.00 INR"),
            ("no such tag", 4900, "usd", "49.00 USD"),
        ] {
            assert_eq!(Formatter::new(tag).money(money(amount, currency)), text, "{tag}");
        }
    }

    #[test]
    fn numbers_have_the_mark_of_their_language() {
        for (tag, number, text) in
            [("en", "12.5", "12.5"), ("de", "12.5", "12,5"), ("fr", "0.25", "0,25"), ("de", "50", "50")]
        {
            assert_eq!(Formatter::new(tag).number(number.parse().unwrap()), text, "{tag}");
        }
    }

    #[test]
    fn days_are_written_out_in_their_language() {
        let at = "2027-03-04T23:59:59Z".parse().unwrap();
        for (tag, text) in [
            ("en", "March 4, 2027"),
            ("en-GB", "4 March 2027"),
            ("de", "4. März 2027"),
            ("pt-BR", "4 de março de 2027"),
            ("ja", "2027年3月4日"),
            ("no such tag", "March 4, 2027"),
        ] {
            assert_eq!(Formatter::new(tag).day(at), text, "{tag}");
        }
        assert!(Formatter::new("xx").day(at).contains("2027"));
    }

    #[test]
    fn counts_are_put_in_the_categories_of_their_language() {
        for (tag, count, category) in [
            ("en", 1, PluralCategory::One),
            ("en", 0, PluralCategory::Other),
            ("fr", 0, PluralCategory::One),
            ("pl", 3, PluralCategory::Few),
            ("pl", 5, PluralCategory::Many),
            ("ar", 2, PluralCategory::Two),
            ("ja", 1, PluralCategory::Other),
        ] {
            assert_eq!(Formatter::new(tag).count(count).1, category, "{tag} {count}");
        }
        assert_eq!(Formatter::new("de").count(1_500).0, "1.500");
    }
}
