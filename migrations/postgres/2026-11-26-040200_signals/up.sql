-- When a subscription is to be looked at next for signals; 0 for at once.

ALTER TABLE snapshots ADD COLUMN signals_due_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX snapshots_signals_due ON snapshots (signals_due_at);
CREATE INDEX snapshots_stripe_customer ON snapshots (stripe_customer);

-- The last time each signal was raised for each subscription.
CREATE TABLE signals (
    id TEXT COLLATE "C" PRIMARY KEY,
    subscription TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    customer TEXT COLLATE "C" NOT NULL,
    livemode BOOLEAN NOT NULL,
    flow_key TEXT COLLATE "C" NOT NULL,
    flow_version INTEGER NOT NULL,
    -- Those of the signal's segments that held, as a list.
    segments TEXT COLLATE "C" NOT NULL,
    raised_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX signals_once ON signals (subscription, key);
CREATE INDEX signals_customer ON signals (customer, id);
