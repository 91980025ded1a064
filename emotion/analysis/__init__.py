"""One call from a video to an answer: tables as data frames, files, a plot."""
