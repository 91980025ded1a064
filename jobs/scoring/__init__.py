"""Scoring: from shards of videos, or of stored clips, to the parts of a score set."""
