"""Answers for a video with a model package: predictor, timeline, segments, drift."""
