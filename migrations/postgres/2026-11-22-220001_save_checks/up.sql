-- Whether a save is being watched; old saves are taken up as well.
ALTER TABLE sessions ADD COLUMN watched BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX sessions_unwatched ON sessions (id) WHERE status = 'saved' AND NOT watched;

-- What became of each save, one row for each time it is looked at.
CREATE TABLE save_checks (
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    -- Days after the save.
    horizon INTEGER NOT NULL,
    subscription TEXT COLLATE "C" NOT NULL,
    livemode BOOLEAN NOT NULL,
    due_at BIGINT NOT NULL,
    -- Not to be tried before this.
    next_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    settled BOOLEAN NOT NULL,
    lease_owner TEXT COLLATE "C",
    lease_until BIGINT,
    checked_at BIGINT,
    -- validated, not_validated or unknown
    verdict TEXT COLLATE "C",
    -- Minor units a month of the currency.
    mrr BIGINT,
    discounts BIGINT,
    currency TEXT COLLATE "C",
    evidence TEXT COLLATE "C",
    PRIMARY KEY (session_id, horizon)
);
CREATE INDEX save_checks_next ON save_checks (settled, next_at);
CREATE INDEX save_checks_subscription ON save_checks (subscription, settled);
