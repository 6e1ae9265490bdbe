CREATE TABLE prices (
    id TEXT COLLATE "C" PRIMARY KEY,
    body TEXT,
    fetched_at BIGINT NOT NULL
);
