"""Rules of a dataset, and the frames with columns of notes that the rules are checked on."""
