-- SQLite compresses nothing; this keeps the numbers of both databases' migrations the same.
SELECT 1;
