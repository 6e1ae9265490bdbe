-- Instants are microseconds since the Unix epoch. Documents are JSON as text: they are read and written whole.

CREATE TABLE customers (
    id TEXT PRIMARY KEY,
    stripe_customer TEXT,
    attributes TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX customers_stripe_customer ON customers (stripe_customer) WHERE stripe_customer IS NOT NULL;

CREATE TABLE snapshots (
    subscription TEXT PRIMARY KEY,
    stripe_customer TEXT NOT NULL,
    body TEXT NOT NULL,
    fetched_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    stripe_customer TEXT,
    subscription TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    flow_key TEXT NOT NULL,
    flow_version INTEGER NOT NULL,
    status TEXT NOT NULL,
    step TEXT NOT NULL,
    reason TEXT,
    mrr BIGINT,
    currency TEXT,
    -- Keys between bars: |loyal|struggling|
    segments TEXT NOT NULL,
    -- A digest of the token that began it.
    token_id TEXT,
    awaited_operation TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    closed_at BIGINT,
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
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
    presented_at BIGINT NOT NULL,
    decided_at BIGINT,
    -- Minor units of the session's currency, at most what is given away.
    cost BIGINT
);
CREATE INDEX session_offers_session ON session_offers (session_id);

CREATE TABLE session_decisions (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (session_id, ordinal)
);

CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    subscription TEXT NOT NULL,
    state TEXT NOT NULL,
    settled BOOLEAN NOT NULL,
    due_at BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX operations_due ON operations (settled, due_at);
CREATE INDEX operations_subscription ON operations (subscription, settled, id);
CREATE INDEX operations_session ON operations (session_id);

CREATE TABLE idempotency_keys (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

CREATE TABLE budgets (
    budget TEXT PRIMARY KEY,
    spent BIGINT NOT NULL
);

CREATE TABLE webhook_events (
    id TEXT PRIMARY KEY,
    received_at BIGINT NOT NULL
);
CREATE INDEX webhook_events_received ON webhook_events (received_at);

CREATE TABLE audit_lines (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    session_id TEXT
);

CREATE TABLE flow_drafts (
    key TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    format TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE flow_versions (
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    source TEXT NOT NULL,
    format TEXT NOT NULL,
    note TEXT,
    actor TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (key, version)
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
