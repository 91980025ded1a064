"""Shards of videos in, observations and clips out: the readers of building and scoring."""
