"""Functions that compute tasks, one file for each kind."""
