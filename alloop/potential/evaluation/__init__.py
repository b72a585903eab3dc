"""Evaluate MACE models: fast forms, each checked against MACE before it is used."""
