-- Instants are microseconds since the Unix epoch. Documents are JSON as text: they are read and written whole.

CREATE TABLE customers (
    id TEXT PRIMARY KEY,
    stripe_customer TEXT,
    attributes TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX customers_stripe_customer ON customers (stripe_customer) WHERE stripe_customer IS NOT NULL;

CREATE TABLE snapshots (
    subscription TEXT PRIMARY KEY,
    stripe_customer TEXT NOT NULL,
    body TEXT NOT NULL,
    fetched_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    stripe_customer TEXT,
    subscription TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    flow_key TEXT NOT NULL,
    flow_version INTEGER NOT NULL,
    status TEXT NOT NULL,
    step TEXT NOT NULL,
    reason TEXT,
    mrr INTEGER,
    currency TEXT,
    -- Keys between bars: |loyal|struggling|
    segments TEXT NOT NULL,
    -- A digest of the token that began it.
    token_id TEXT,
    awaited_operation TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    closed_at INTEGER,
    version INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX sessions_one_open ON sessions (subscription) WHERE status = 'in_progress';
CREATE UNIQUE INDEX sessions_token ON sessions (subscription, token_id);
CREATE INDEX sessions_customer ON sessions (customer);
CREATE INDEX sessions_expiry ON sessions (expires_at) WHERE status = 'in_progress';
CREATE INDEX sessions_awaiting ON sessions (awaited_operation) WHERE awaited_operation IS NOT NULL;

CREATE TABLE session_offers (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    key TEXT NOT NULL,
    offer_type TEXT NOT NULL,
    -- As in the session, or withdrawn: presented, then replaced before anybody answered.
    state TEXT NOT NULL,
    presented_at INTEGER NOT NULL,
    decided_at INTEGER,
    -- Minor units of the session's currency, at most what is given away.
    cost INTEGER
) STRICT;
CREATE INDEX session_offers_session ON session_offers (session_id);

CREATE TABLE session_decisions (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (session_id, ordinal)
) STRICT;

CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    subscription TEXT NOT NULL,
    state TEXT NOT NULL,
    settled INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX operations_due ON operations (settled, due_at);
CREATE INDEX operations_subscription ON operations (subscription, settled, id);
CREATE INDEX operations_session ON operations (session_id);

CREATE TABLE idempotency_keys (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT;
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

CREATE TABLE budgets (
    budget TEXT PRIMARY KEY,
    spent INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_events (
    id TEXT PRIMARY KEY,
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_events_received ON webhook_events (received_at);

CREATE TABLE audit_lines (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    session_id TEXT
) STRICT;

CREATE TABLE flow_drafts (
    key TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    format TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

CREATE TABLE flow_versions (
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    source TEXT NOT NULL,
    format TEXT NOT NULL,
    note TEXT,
    actor TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (key, version)
) STRICT;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;
