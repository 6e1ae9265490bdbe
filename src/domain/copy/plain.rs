//! Plain text that stays plain: no control characters, and nothing that turns the direction of what stands beside it.

/// Characters of a value that goes into a text.
const MAX_VALUE_CHARS: usize = 200;
/// Characters of a text that is shown.
const MAX_TEXT_CHARS: usize = 4_000;

/// Whether a character may not stand in a text that is shown: controls but line breaks and the tab, and what turns the
/// direction of a text (embeddings, overrides and isolates, UAX #9), by which a text can be made to read as another; also
/// line and paragraph separators, annotations, the byte order mark and invisible tags.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c,
            '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

/// A value as it may stand in a text: on one line, without what is unsafe, not too long.
pub(super) fn value(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_unsafe(*c));
    kept.take(MAX_VALUE_CHARS).collect::<String>().trim().to_owned()
}

/// A text as it is shown: without space around it, not too long.
pub(super) fn text(text: &str) -> String {
    text.trim().chars().take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lose_what_could_turn_or_break_a_text() {
        assert_eq!(value("Pro\r\n\u{202E}oiduts\u{202C}\u{0}\u{7} \t plan\u{2066}"), "Pro  oiduts   plan");
        assert_eq!(value("a\u{2028}b\u{FEFF}c\u{E0041}d\u{9b}e"), "a bcde");
        assert_eq!(value("Größe 🇩🇪 \u{200F}عربي"), "Größe 🇩🇪 \u{200F}عربي");
        assert_eq!(value(&"x".repeat(1_000)).len(), MAX_VALUE_CHARS);
        assert_eq!(value("{{ plan.name }}"), "{{ plan.name }}");
    }
}
