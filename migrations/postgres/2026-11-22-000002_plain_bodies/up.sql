-- The bodies of sessions and decisions are a few kilobytes and written on every begin. Compressing them would cost the
-- server more than the rest of the write; a row is kept plain as long as it fits its page.
ALTER TABLE sessions SET (toast_tuple_target = 8160);
ALTER TABLE session_decisions SET (toast_tuple_target = 8160);
ALTER TABLE snapshots SET (toast_tuple_target = 8160);
ALTER TABLE operations SET (toast_tuple_target = 8160);
