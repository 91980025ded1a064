"""Validation of a dataset with Great Expectations and DuckDB, on Ray for large datasets."""
