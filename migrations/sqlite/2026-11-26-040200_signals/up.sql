-- When a subscription is to be looked at next for signals; 0 for at once.

ALTER TABLE snapshots ADD COLUMN signals_due_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX snapshots_signals_due ON snapshots (signals_due_at);
CREATE INDEX snapshots_stripe_customer ON snapshots (stripe_customer);

-- The last time each signal was raised for each subscription.
CREATE TABLE signals (
    id TEXT PRIMARY KEY,
    subscription TEXT NOT NULL,
    key TEXT NOT NULL,
    customer TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    flow_key TEXT NOT NULL,
    flow_version INTEGER NOT NULL,
    -- Those of the signal's segments that held, as a list.
    segments TEXT NOT NULL,
    raised_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX signals_once ON signals (subscription, key);
CREATE INDEX signals_customer ON signals (customer, id);
