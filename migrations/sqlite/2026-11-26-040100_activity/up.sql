-- On which days each customer was active. Days are counted from 1 January 1970, UTC.

CREATE TABLE activity (
    customer TEXT PRIMARY KEY,
    first_day INTEGER NOT NULL,
    last_day INTEGER NOT NULL,
    -- 128 bits, the highest first: bit n says whether the customer was active n days before the last day.
    days BLOB NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
