"""One video in, its rows out: decode -> detect -> align -> track -> quality -> clip."""
