"""A search over recipes on Ray Tune."""
