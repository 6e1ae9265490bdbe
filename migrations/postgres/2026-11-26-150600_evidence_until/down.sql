DROP INDEX sessions_evidence;
ALTER TABLE sessions DROP COLUMN evidence_until;
