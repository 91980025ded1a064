"""Shards of videos or stored clips in, parts of a score set out."""
