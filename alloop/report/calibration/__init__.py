"""Calibration in the report."""
