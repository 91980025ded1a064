"""Training on stored clips: recipe, augmentation, loop, checkpoints; search for a recipe."""
