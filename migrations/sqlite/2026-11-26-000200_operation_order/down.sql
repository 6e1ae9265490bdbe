DROP INDEX operations_subscription;
ALTER TABLE operations DROP COLUMN ordinal;
CREATE INDEX operations_subscription ON operations (subscription, settled, id);
