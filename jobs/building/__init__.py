"""The build of a dataset: shards of videos in, parts of its tables out."""
