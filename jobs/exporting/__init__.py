"""Export of a score set to files for people and other programs."""
