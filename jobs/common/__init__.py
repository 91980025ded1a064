"""Code that all verbs share: command line, expected errors, Ray cluster and progress."""
