"""From a video and a model package to an answer: predictor, timeline, segments, drift."""
