"""Figures and section of the report about the calibration."""
