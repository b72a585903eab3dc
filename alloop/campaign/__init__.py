"""Run a campaign: open it, run its loop, harvest and repair results, take over labels of other campaigns."""
