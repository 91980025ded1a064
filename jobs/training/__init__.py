"""Clips of a dataset in, a run with its package out, on Ray Train."""
