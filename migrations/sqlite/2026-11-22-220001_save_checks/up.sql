-- Whether a save is being watched; old saves are taken up as well.
ALTER TABLE sessions ADD COLUMN watched INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_unwatched ON sessions (id) WHERE status = 'saved' AND NOT watched;

-- What became of each save, one row for each time it is looked at.
CREATE TABLE save_checks (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    -- Days after the save.
    horizon INTEGER NOT NULL,
    subscription TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    -- Not to be tried before this.
    next_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER,
    checked_at INTEGER,
    -- validated, not_validated or unknown
    verdict TEXT,
    -- Minor units a month of the currency.
    mrr INTEGER,
    discounts INTEGER,
    currency TEXT,
    evidence TEXT,
    PRIMARY KEY (session_id, horizon)
) STRICT;
CREATE INDEX save_checks_next ON save_checks (settled, next_at);
CREATE INDEX save_checks_subscription ON save_checks (subscription, settled);
