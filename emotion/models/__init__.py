"""Networks from clips to logits, and the registry of their names."""
