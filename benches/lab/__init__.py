"""What `run.py` is made of: processes, the rows pgbench writes, pairs run in turns, the report. Standard library only."""
