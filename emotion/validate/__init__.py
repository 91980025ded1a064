"""Rules for datasets, and the pandas frames with columns of notes on which they are checked."""
