"""Prediction for some videos on one machine, without Ray."""
