"""Requests and results of every kind of task; light to import, so that the driver can."""
