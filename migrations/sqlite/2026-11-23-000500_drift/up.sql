-- Where billing differs from what applied operations make us believe; one row for each operation and kind.
CREATE TABLE drifts (
    id TEXT PRIMARY KEY,
    operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    subscription TEXT NOT NULL,
    -- open, repairing, repaired, resolved or dismissed
    state TEXT NOT NULL,
    expected TEXT NOT NULL,
    found TEXT NOT NULL,
    -- What repairs it without a person; nothing where that is not safe.
    repair TEXT,
    -- The billing operation that repairs it.
    repair_id TEXT,
    found_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    closed_at INTEGER,
    UNIQUE (operation_id, kind)
) STRICT;
CREATE INDEX drifts_subscription ON drifts (subscription);
CREATE INDEX drifts_session ON drifts (session_id);
CREATE INDEX drifts_state ON drifts (state, id);

-- How far the comparison of all subscriptions has come.
CREATE TABLE reconciliations (
    name TEXT PRIMARY KEY,
    -- The last subscription that was compared.
    cursor TEXT,
    started_at INTEGER,
    finished_at INTEGER,
    compared INTEGER NOT NULL,
    found INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER
) STRICT;
