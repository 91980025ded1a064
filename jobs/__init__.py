"""The verbs of the project on Ray: ``python -m jobs.NAME``, also through ``ray job submit``."""
