"""Readers of shards for building and scoring: videos in, observations and clips out."""
