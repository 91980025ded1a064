"""A video file in, decoded frames with their presentation times out."""
