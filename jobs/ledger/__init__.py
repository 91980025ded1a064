"""State of an output folder: its plan, shards, parts, ledger entries and lock."""
