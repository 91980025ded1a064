"""Runnable verbs on Ray: ``python -m jobs.NAME``, each submittable with ``ray job submit``."""
