"""MACE models: their shapes, their files, their foundations."""
