"""Training and testing once per fold, or on each pair of corpora."""
