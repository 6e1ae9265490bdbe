-- What accepted offers ask in return, and what became of it.
CREATE TABLE asks (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    offer_id TEXT NOT NULL,
    offer TEXT NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    label TEXT NOT NULL,
    customer TEXT NOT NULL,
    subscription TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT;
CREATE UNIQUE INDEX asks_once ON asks (offer_id, key);
CREATE INDEX asks_session ON asks (session_id);
CREATE INDEX asks_state ON asks (state, id);
CREATE INDEX asks_customer ON asks (customer, id);
