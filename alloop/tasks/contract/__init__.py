"""What the driver asks of a worker, and what a worker answers: requests and results of every kind of task."""
