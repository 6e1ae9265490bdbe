//! Where the database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::StoreError;

/// Where the database is: `sqlite:PATH`, or `postgres://…`. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Sqlite(PathBuf),
    // libpq reads the text itself; the parsed URL serves to show it.
    Postgres { text: String, shown: String },
}

/// Which database a URL names.
pub(super) enum Target<'a> {
    Sqlite(&'a Path),
    Postgres(&'a str),
}

impl DatabaseUrl {
    pub(super) fn target(&self) -> Target<'_> {
        match &self.0 {
            Place::Sqlite(path) => Target::Sqlite(path),
            Place::Postgres { text, .. } => Target::Postgres(text),
        }
    }

    /// Whether it names a SQLite file, which serves one process only.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self.0, Place::Sqlite(_))
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            // Each connection would have a memory database of its own, and SQLite reads `file:` as a URI.
            let odd =
                path.is_empty() || path == ":memory:" || path.starts_with("file:") || path.contains('\0');
            return if odd { Err(StoreError::Url) } else { Ok(Self(Place::Sqlite(path.into()))) };
        }
        let mut parsed = url::Url::parse(text).map_err(|_| StoreError::Url)?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") || text.contains('\0') {
            return Err(StoreError::Url);
        }
        // A password may also stand in the query, next to options that tell nobody anything.
        parsed.set_query(None);
        if parsed.password().is_some() && parsed.set_password(Some("…")).is_err() {
            return Err(StoreError::Url);
        }
        Ok(Self(Place::Postgres {
            text: text.to_owned(),
            shown: parsed.to_string().replace("%E2%80%A6", "…"),
        }))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres { shown, .. } => f.write_str(shown),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_database() {
        let at = |text: &str| text.parse::<DatabaseUrl>();
        assert!(at("sqlite:data/app.db").unwrap().is_sqlite());
        assert_eq!(at("sqlite:///srv/app.db").unwrap().to_string(), "sqlite:/srv/app.db");
        assert!(!at("postgres://localhost/app").unwrap().is_sqlite());
        assert!(!at("postgresql://u@localhost:5433/app?sslmode=disable").unwrap().is_sqlite());
        for wrong in ["", "app.db", "host=localhost", "mysql://localhost/app", "sqlite:", "sqlite::memory:"] {
            assert!(matches!(at(wrong), Err(StoreError::Url)), "{wrong}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let url: DatabaseUrl = "postgres://app:hunter2@db/app?password=hunter2".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://app:…@db/app postgres://app:…@db/app");
    }
}
