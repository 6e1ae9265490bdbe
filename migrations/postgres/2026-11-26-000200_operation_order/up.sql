-- What orders the operations on one subscription; ids made in one millisecond sort by chance.
ALTER TABLE operations ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 0;
UPDATE operations SET ordinal =
    (SELECT COUNT(*) FROM operations AS o WHERE o.subscription = operations.subscription AND o.id <= operations.id);
DROP INDEX operations_subscription;
CREATE INDEX operations_subscription ON operations (subscription, settled, ordinal, id);
