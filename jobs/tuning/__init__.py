"""Search for a recipe on Ray Tune; every trial is a run of jobs.train."""
