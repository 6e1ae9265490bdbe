//! What a misspelt name was most likely meant to be.

/// Names beyond so many are not searched: a hint is not worth the wait.
const MAX_NAMES: usize = 500;
/// Characters of a name that is compared.
const MAX_CHARS: usize = 80;

/// The known name that is nearest to `name`, if one is near: at most a third of its characters away.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let most = (length / 3).max(1);
    if length > MAX_CHARS {
        return None;
    }
    let near = known.into_iter().take(MAX_NAMES).filter(|known| {
        let other = known.chars().count();
        other <= MAX_CHARS && other.abs_diff(length) <= most
    });
    let measured = near.map(|known| (strsim::osa_distance(name, known), known));
    measured.filter(|(distance, _)| *distance <= most).min().map(|(_, known)| known)
}

/// The nearest name as the end of a sentence about what is not known; empty where none is near.
pub(super) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
