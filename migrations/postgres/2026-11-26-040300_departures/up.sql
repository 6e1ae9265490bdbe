-- Who left for the lack of a feature: one row for each customer and feature, the last time they left.
CREATE TABLE departures (
    tag TEXT COLLATE "C" NOT NULL,
    customer TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    subscription TEXT COLLATE "C" NOT NULL,
    livemode BOOLEAN NOT NULL,
    left_at BIGINT NOT NULL,
    -- Whether they asked in the session not to be contacted.
    do_not_contact BOOLEAN NOT NULL,
    -- told or left_out, once the feature is there.
    mark TEXT COLLATE "C",
    PRIMARY KEY (tag, customer)
);
CREATE INDEX departures_customer ON departures (customer);
CREATE INDEX departures_session ON departures (session_id);

CREATE TABLE shipped_features (
    tag TEXT COLLATE "C" PRIMARY KEY,
    shipped_at BIGINT NOT NULL
);
