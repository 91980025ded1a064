"""Evaluating a score set against labels, and comparing evaluations."""
