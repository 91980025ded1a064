"""Parts of a score set in, files for people and other programs out."""
