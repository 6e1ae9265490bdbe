-- Instants are microseconds since the Unix epoch. Documents are JSON as text: they are read and written whole. Texts are
-- compared byte by byte, so that ids sort the same on every server.

CREATE TABLE customers (
    id TEXT COLLATE "C" PRIMARY KEY,
    stripe_customer TEXT COLLATE "C",
    attributes TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX customers_stripe_customer ON customers (stripe_customer) WHERE stripe_customer IS NOT NULL;

CREATE TABLE snapshots (
    subscription TEXT COLLATE "C" PRIMARY KEY,
    stripe_customer TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    fetched_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    customer TEXT COLLATE "C" NOT NULL,
    stripe_customer TEXT COLLATE "C",
    subscription TEXT COLLATE "C" NOT NULL,
    livemode BOOLEAN NOT NULL,
    flow_key TEXT COLLATE "C" NOT NULL,
    flow_version INTEGER NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    mrr BIGINT,
    currency TEXT COLLATE "C",
    -- Keys between bars: |loyal|struggling|
    segments TEXT COLLATE "C" NOT NULL,
    -- A digest of the token that began it.
    token_id TEXT COLLATE "C",
    awaited_operation TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    closed_at BIGINT,
    version BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX sessions_one_open ON sessions (subscription) WHERE status = 'in_progress';
CREATE UNIQUE INDEX sessions_token ON sessions (subscription, token_id);
CREATE INDEX sessions_customer ON sessions (customer);
CREATE INDEX sessions_expiry ON sessions (expires_at) WHERE status = 'in_progress';
CREATE INDEX sessions_awaiting ON sessions (awaited_operation) WHERE awaited_operation IS NOT NULL;

CREATE TABLE session_offers (
    id TEXT COLLATE "C" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    offer_type TEXT COLLATE "C" NOT NULL,
    -- As in the session, or withdrawn: presented, then replaced before anybody answered.
    state TEXT COLLATE "C" NOT NULL,
    presented_at BIGINT NOT NULL,
    decided_at BIGINT,
    -- Minor units of the session's currency, at most what is given away.
    cost BIGINT
);
CREATE INDEX session_offers_session ON session_offers (session_id);

CREATE TABLE session_decisions (
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    at BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (session_id, ordinal)
);

CREATE TABLE operations (
    id TEXT COLLATE "C" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    subscription TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    settled BOOLEAN NOT NULL,
    due_at BIGINT NOT NULL,
    lease_owner TEXT COLLATE "C",
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX operations_due ON operations (settled, due_at);
CREATE INDEX operations_subscription ON operations (subscription, settled, id);
CREATE INDEX operations_session ON operations (session_id);

CREATE TABLE idempotency_keys (
    caller TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    status INTEGER NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

CREATE TABLE budgets (
    budget TEXT COLLATE "C" PRIMARY KEY,
    spent BIGINT NOT NULL
);

CREATE TABLE webhook_events (
    id TEXT COLLATE "C" PRIMARY KEY,
    received_at BIGINT NOT NULL
);
CREATE INDEX webhook_events_received ON webhook_events (received_at);

CREATE TABLE audit_lines (
    id TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C"
);

CREATE TABLE flow_drafts (
    key TEXT COLLATE "C" PRIMARY KEY,
    document TEXT COLLATE "C" NOT NULL,
    format TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE flow_versions (
    key TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    format TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C",
    actor TEXT COLLATE "C" NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (key, version)
);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    prefix TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
