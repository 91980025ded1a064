"""Command line, errors, cluster and progress: shared by every verb."""
