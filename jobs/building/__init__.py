"""Build of a dataset: workers read shards of videos and write the parts of its tables."""
