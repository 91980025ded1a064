"""Predictions and truth in, figures with intervals out; no torch."""
