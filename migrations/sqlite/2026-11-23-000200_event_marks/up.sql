CREATE TABLE event_marks (
    account TEXT PRIMARY KEY,
    seen_until INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER
) STRICT;
