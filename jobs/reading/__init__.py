"""Reading of shards for building and scoring: from videos to observations, faces and clips."""
