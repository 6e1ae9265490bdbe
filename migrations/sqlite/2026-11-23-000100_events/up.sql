-- What the app is to be told. Ids sort by creation, so they also serve the order and the retention.

CREATE TABLE events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    livemode INTEGER NOT NULL,
    customer TEXT,
    subscription TEXT NOT NULL,
    session_id TEXT,
    -- What makes an event that may be told only once the same as another: features.ended/off_…
    once TEXT,
    data TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_once ON events (once);
CREATE INDEX events_type ON events (type, id);
CREATE INDEX events_customer ON events (customer, id) WHERE customer IS NOT NULL;
