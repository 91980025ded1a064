"""A video and a model package in, an answer out: predictor, timeline, exports."""
