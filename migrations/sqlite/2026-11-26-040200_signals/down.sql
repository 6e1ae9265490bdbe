DROP TABLE signals;
DROP INDEX snapshots_stripe_customer;
DROP INDEX snapshots_signals_due;
ALTER TABLE snapshots DROP COLUMN signals_due_at;
