"""Stored clips in, trained weights out: recipe, augmentation, loop, checkpoints."""
