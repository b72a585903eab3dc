"""MACE models: load, fit and evaluate them; the committee."""
