ALTER TABLE sessions DROP COLUMN reentered;
