DROP TABLE bandit_shares;
DROP TABLE session_experiments;
