DROP TABLE shipped_features;
DROP TABLE departures;
