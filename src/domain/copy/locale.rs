//! Which of the texts there are somebody is shown.

use std::collections::BTreeMap;

use icu_locale_core::{DataLocale, LanguageIdentifier, Locale};
use icu_locale_fallback::LocaleFallbacker;

/// The languages that somebody reads, the best first, by Unicode's rules of inheritance: of `de-AT` that and `de`; of
/// `es-MX` also `es-419` before `es`.
#[derive(Debug, Default)]
pub(in crate::domain) struct Wish {
    chain: Vec<DataLocale>,
}

impl Wish {
    /// The wish that a BCP 47 tag says; none where it is no tag.
    pub(in crate::domain) fn new(tag: &str) -> Self {
        let Some(id) = language(tag) else { return Self::default() };
        let mut step =
            LocaleFallbacker::new().for_config(Default::default()).fallback_for(DataLocale::from(&id));
        let mut chain = Vec::new();
        while !step.get().is_unknown() {
            chain.push(*step.get());
            step.step();
        }
        Self { chain }
    }

    /// Whether one of these tags is of the language.
    pub(in crate::domain) fn is_met_by<'a>(&self, tags: impl Iterator<Item = &'a str> + Clone) -> bool {
        self.best(tags).is_some()
    }

    /// The best of these tags: one of the chain, or else any of the same language.
    fn best<'a>(&self, tags: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
        let all = tags.filter_map(|tag| Some((tag, *Self::new(tag).chain.first()?)));
        let exact = self.chain.iter().find_map(|wanted| all.clone().find(|(_, tag)| tag == wanted));
        let first = self.chain.first()?;
        exact.or_else(|| all.clone().find(|(_, tag)| tag.language == first.language)).map(|(tag, _)| tag)
    }
}

fn language(tag: &str) -> Option<LanguageIdentifier> {
    // POSIX and Java write an underscore.
    Locale::try_from_str(&tag.replace('_', "-")).ok().map(|locale| locale.id)
}

/// The best of the texts with its tag, for the first of the `wishes` that there is any for; else that in English, else
/// the first.
pub(in crate::domain) fn choose<'a, T>(
    texts: &'a BTreeMap<String, T>,
    wishes: &[Wish],
) -> Option<(&'a str, &'a T)> {
    let tags = || texts.keys().map(String::as_str);
    let english = || Wish::new("en").best(tags());
    let tag = wishes.iter().find_map(|wish| wish.best(tags())).or_else(english).or_else(|| tags().next())?;
    Some((tag, texts.get(tag)?))
}

/// The tag by whose manner the values in a text of the language `text` are written for somebody who asked for `asked`: the
/// one asked for where it is of the same language, since it may name a region.
pub(in crate::domain) fn manner<'a>(text: &'a str, asked: &'a str) -> &'a str {
    match (language(text), language(asked)) {
        (Some(of_text), Some(of_asked)) if of_text.language == of_asked.language => asked,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(tags: &[&str], wishes: &[&str]) -> Option<String> {
        let texts: BTreeMap<String, ()> = tags.iter().map(|tag| ((*tag).to_owned(), ())).collect();
        let wishes: Vec<Wish> = wishes.iter().map(|tag| Wish::new(tag)).collect();
        choose(&texts, &wishes).map(|(tag, ())| tag.to_owned())
    }

    #[test]
    fn a_language_falls_back() {
        let tags = ["de", "en", "es", "es-419", "pt", "pt-BR", "zh", "zh-Hant"];
        for (wishes, expected) in [
            (&["de"][..], "de"),
            (&["de-AT"], "de"),
            (&["DE_at"], "de"),
            (&["de-AT-u-ca-buddhist"], "de"),
            (&["es-MX"], "es-419"),
            (&["es-ES"], "es"),
            (&["pt-BR"], "pt-BR"),
            (&["pt-PT"], "pt"),
            (&["zh-TW"], "zh-Hant"),
            (&["zh-CN"], "zh"),
            (&["ja"], "en"),
            (&["ja", "de-DE"], "de"),
            (&["ja", "fr"], "en"),
            (&["", "pt"], "pt"),
            (&["no such tag"], "en"),
            (&["und"], "en"),
            (&[], "en"),
        ] {
            assert_eq!(chosen(&tags, wishes).as_deref(), Some(expected), "{wishes:?}");
        }
    }

    #[test]
    fn a_region_of_the_language_is_better_than_another_language() {
        assert_eq!(chosen(&["de-AT", "en"], &["de-CH"]).as_deref(), Some("de-AT"));
        assert_eq!(chosen(&["en", "pt-br"], &["pt"]).as_deref(), Some("pt-br"));
        assert_eq!(chosen(&["en-GB", "fr"], &["ja"]).as_deref(), Some("en-GB"));
        assert_eq!(chosen(&["fr", "it"], &["ja"]).as_deref(), Some("fr"));
        assert_eq!(chosen(&[], &["ja"]), None);
    }

    #[test]
    fn values_keep_to_the_language_of_their_text() {
        assert_eq!(manner("en", "en-GB"), "en-GB");
        assert_eq!(manner("en", "de"), "en");
        assert_eq!(manner("pt-BR", "pt"), "pt");
        assert_eq!(manner("en", "no such tag"), "en");
    }
}
