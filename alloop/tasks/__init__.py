"""Compute tasks: each kind of task is one function from a request to a result."""
