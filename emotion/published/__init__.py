"""Published networks as packages, and the default model for real faces."""
