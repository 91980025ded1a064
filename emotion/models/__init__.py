"""Networks by name: clips in, logits out."""
