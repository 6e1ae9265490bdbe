-- Drafts tried on recorded sessions.
CREATE TABLE backtests (
    id TEXT COLLATE "C" PRIMARY KEY,
    flow_key TEXT COLLATE "C" NOT NULL,
    -- The published version that is tried; none for a draft.
    version INTEGER,
    -- The document that is tried, as it was then.
    document TEXT COLLATE "C" NOT NULL,
    created_from BIGINT NOT NULL,
    created_to BIGINT NOT NULL,
    total BIGINT NOT NULL,
    -- The last session decided again.
    cursor TEXT COLLATE "C",
    -- What it has come to so far.
    tally TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    lease_owner TEXT COLLATE "C",
    lease_until BIGINT
);
CREATE INDEX backtests_flow ON backtests (flow_key, id);
CREATE INDEX backtests_unfinished ON backtests (id) WHERE finished_at IS NULL;

CREATE TABLE backtest_sessions (
    backtest_id TEXT COLLATE "C" NOT NULL REFERENCES backtests (id) ON DELETE CASCADE,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    changed BOOLEAN NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (backtest_id, session_id)
);
CREATE INDEX backtest_sessions_session ON backtest_sessions (session_id);
