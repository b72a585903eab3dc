"""Predictions of the exported model for held-out frames: data, figures and section of the report."""
