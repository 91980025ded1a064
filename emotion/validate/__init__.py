"""Rules that a dataset must keep, and the columns of notes that they are checked on."""
