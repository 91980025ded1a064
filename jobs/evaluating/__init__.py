"""Evaluation of a score set against labels, and comparison of evaluations."""
