-- When to look whether a session's evidence must be kept no longer; none where no rule says how long.
ALTER TABLE sessions ADD COLUMN evidence_until INTEGER;
CREATE INDEX sessions_evidence ON sessions (evidence_until) WHERE evidence_until IS NOT NULL;
-- What was begun before is looked at soon, which sets the time.
UPDATE sessions SET evidence_until = created_at WHERE body LIKE '%"retention":{%';
