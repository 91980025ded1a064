"""Video files: opening, decoding, and frames with their presentation times."""
