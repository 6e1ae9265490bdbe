-- Where billing differs from what applied operations make us believe; one row for each operation and kind.
CREATE TABLE drifts (
    id TEXT COLLATE "C" PRIMARY KEY,
    operation_id TEXT COLLATE "C" NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    subscription TEXT COLLATE "C" NOT NULL,
    -- open, repairing, repaired, resolved or dismissed
    state TEXT COLLATE "C" NOT NULL,
    expected TEXT COLLATE "C" NOT NULL,
    found TEXT COLLATE "C" NOT NULL,
    -- What repairs it without a person; nothing where that is not safe.
    repair TEXT COLLATE "C",
    -- The billing operation that repairs it.
    repair_id TEXT COLLATE "C",
    found_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    closed_at BIGINT,
    UNIQUE (operation_id, kind)
);
CREATE INDEX drifts_subscription ON drifts (subscription);
CREATE INDEX drifts_session ON drifts (session_id);
CREATE INDEX drifts_state ON drifts (state, id);

-- How far the comparison of all subscriptions has come.
CREATE TABLE reconciliations (
    name TEXT COLLATE "C" PRIMARY KEY,
    -- The last subscription that was compared.
    cursor TEXT COLLATE "C",
    started_at BIGINT,
    finished_at BIGINT,
    compared BIGINT NOT NULL,
    found BIGINT NOT NULL,
    lease_owner TEXT COLLATE "C",
    lease_until BIGINT
);
