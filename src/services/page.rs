//! Lists in parts.

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// What to give as cursor for the next part; none on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` rows, made of what was found. One more than `limit` was asked for: it tells whether there
    /// are more. The next part goes on behind the `id` of the last.
    pub(super) fn of<I: ToString>(mut found: Vec<T>, limit: u32, id: impl Fn(&T) -> I) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| id(last).to_string());
        Self { data: found, next }
    }

    /// The same page, with something made of each row.
    #[must_use]
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(make).collect(), next: self.next }
    }
}
