"""Fits of MACE models."""
