"""Datasets in, a validation report out, on Ray and Great Expectations."""
