"""Shards of videos in, parts of a dataset out."""
