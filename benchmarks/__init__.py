"""Measurements, each run by hand and kept with its figures in the docs."""
