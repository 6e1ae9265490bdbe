-- The arms that a session's customer was in, where they could make a difference.
CREATE TABLE session_experiments (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    experiment TEXT NOT NULL,
    arm TEXT NOT NULL,
    -- Millionths.
    propensity INTEGER NOT NULL,
    -- How likely each arm was, as JSON.
    shares TEXT NOT NULL,
    exposed_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, experiment)
) STRICT;
CREATE INDEX session_experiments_experiment ON session_experiments (experiment, arm);

-- The shares of bandits, one row a day (UTC).
CREATE TABLE bandit_shares (
    flow_key TEXT NOT NULL,
    experiment TEXT NOT NULL,
    day TEXT NOT NULL,
    shares TEXT NOT NULL,
    PRIMARY KEY (flow_key, experiment, day)
) STRICT;
