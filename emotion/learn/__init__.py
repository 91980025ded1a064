"""Clip rows in, a model package out: splits, transforms, models, loop, metrics, plots, package."""
