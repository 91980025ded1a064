"""Search for a training recipe on Ray Tune; each trial is a run of jobs.train."""
