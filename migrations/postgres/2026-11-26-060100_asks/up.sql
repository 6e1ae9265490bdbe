-- What accepted offers ask in return, and what became of it.
CREATE TABLE asks (
    id TEXT COLLATE "C" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    offer_id TEXT COLLATE "C" NOT NULL,
    offer TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    label TEXT NOT NULL,
    customer TEXT COLLATE "C" NOT NULL,
    subscription TEXT COLLATE "C" NOT NULL,
    livemode BOOLEAN NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT
);
CREATE UNIQUE INDEX asks_once ON asks (offer_id, key);
CREATE INDEX asks_session ON asks (session_id);
CREATE INDEX asks_state ON asks (state, id);
CREATE INDEX asks_customer ON asks (customer, id);
