"""Training on Ray Train: from the clips of a dataset to a run folder with a model package."""
