"""Command line, expected errors, cluster and progress: shared by all verbs."""
