"""Validation of a dataset, on Ray and Great Expectations."""
