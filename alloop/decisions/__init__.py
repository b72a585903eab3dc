"""Decide from the state which tasks to submit and which events are due. Pure."""
