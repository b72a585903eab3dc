"""MACE: foundations, training, model files and the committee."""
