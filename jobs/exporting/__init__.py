"""Export of a score set: from its parts to files for people and other programs."""
