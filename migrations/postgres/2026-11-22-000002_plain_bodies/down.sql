ALTER TABLE operations RESET (toast_tuple_target);
ALTER TABLE snapshots RESET (toast_tuple_target);
ALTER TABLE session_decisions RESET (toast_tuple_target);
ALTER TABLE sessions RESET (toast_tuple_target);
