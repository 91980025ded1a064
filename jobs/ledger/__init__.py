"""The plan of an output folder, its shards, parts, entries and lock: what is to do and what is done."""
