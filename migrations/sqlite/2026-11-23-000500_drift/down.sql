DROP TABLE reconciliations;
DROP TABLE drifts;
