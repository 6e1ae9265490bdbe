-- Drafts tried on recorded sessions.
CREATE TABLE backtests (
    id TEXT PRIMARY KEY,
    flow_key TEXT NOT NULL,
    -- The published version that is tried; none for a draft.
    version INTEGER,
    -- The document that is tried, as it was then.
    document TEXT NOT NULL,
    created_from BIGINT NOT NULL,
    created_to BIGINT NOT NULL,
    total BIGINT NOT NULL,
    -- The last session decided again.
    cursor TEXT,
    -- What it has come to so far.
    tally TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    lease_owner TEXT,
    lease_until BIGINT
);
CREATE INDEX backtests_flow ON backtests (flow_key, id);
CREATE INDEX backtests_unfinished ON backtests (id) WHERE finished_at IS NULL;

CREATE TABLE backtest_sessions (
    backtest_id TEXT NOT NULL REFERENCES backtests (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    changed BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (backtest_id, session_id)
);
CREATE INDEX backtest_sessions_session ON backtest_sessions (session_id);
