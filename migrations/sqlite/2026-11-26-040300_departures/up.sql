-- Who left for the lack of a feature: one row for each customer and feature, the last time they left.
CREATE TABLE departures (
    tag TEXT NOT NULL,
    customer TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    subscription TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    left_at INTEGER NOT NULL,
    -- Whether they asked in the session not to be contacted.
    do_not_contact INTEGER NOT NULL,
    -- told or left_out, once the feature is there.
    mark TEXT,
    PRIMARY KEY (tag, customer)
) STRICT;
CREATE INDEX departures_customer ON departures (customer);
CREATE INDEX departures_session ON departures (session_id);

CREATE TABLE shipped_features (
    tag TEXT PRIMARY KEY,
    shipped_at INTEGER NOT NULL
) STRICT;
