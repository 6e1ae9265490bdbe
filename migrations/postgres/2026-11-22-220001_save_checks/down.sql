DROP TABLE save_checks;
DROP INDEX sessions_unwatched;
ALTER TABLE sessions DROP COLUMN watched;
