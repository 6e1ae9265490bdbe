-- What the app is to be told. Ids sort by creation, so they also serve the order and the retention.

CREATE TABLE events (
    id TEXT COLLATE "C" PRIMARY KEY,
    type TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    livemode BOOLEAN NOT NULL,
    customer TEXT COLLATE "C",
    subscription TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C",
    -- What makes an event that may be told only once the same as another: features.ended/off_…
    once TEXT COLLATE "C",
    data TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX events_once ON events (once);
CREATE INDEX events_type ON events (type, id);
CREATE INDEX events_customer ON events (customer, id) WHERE customer IS NOT NULL;
