CREATE TABLE prices (
    id TEXT PRIMARY KEY,
    body TEXT,
    fetched_at INTEGER NOT NULL
) STRICT;
