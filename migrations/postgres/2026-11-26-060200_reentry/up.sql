-- Whether a later session counts in the place of this one.
ALTER TABLE sessions ADD COLUMN reentered BOOLEAN NOT NULL DEFAULT FALSE;
