"""Training and testing once per fold, or from each corpus to each."""
