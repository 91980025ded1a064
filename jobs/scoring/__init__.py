"""Scoring run: from shards of videos, or of a dataset's clips, to the parts of a score set."""
