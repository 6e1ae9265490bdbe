-- On which days each customer was active. Days are counted from 1 January 1970, UTC.

CREATE TABLE activity (
    customer TEXT COLLATE "C" PRIMARY KEY,
    first_day INTEGER NOT NULL,
    last_day INTEGER NOT NULL,
    -- 128 bits, the highest first: bit n says whether the customer was active n days before the last day.
    days BYTEA NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
