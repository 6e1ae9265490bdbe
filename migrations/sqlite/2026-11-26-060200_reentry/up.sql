-- Whether a later session counts in the place of this one.
ALTER TABLE sessions ADD COLUMN reentered INTEGER NOT NULL DEFAULT 0;
