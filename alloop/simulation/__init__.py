"""Simulate a campaign: the real plan, loop and journal, with plausible answers after measured times."""
