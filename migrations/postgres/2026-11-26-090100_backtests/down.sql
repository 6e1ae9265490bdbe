DROP TABLE backtest_sessions;
DROP TABLE backtests;
