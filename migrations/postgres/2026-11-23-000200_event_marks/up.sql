CREATE TABLE event_marks (
    account TEXT COLLATE "C" PRIMARY KEY,
    seen_until BIGINT NOT NULL,
    lease_owner TEXT COLLATE "C",
    lease_until BIGINT
);
