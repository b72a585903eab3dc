"""Energies and forces of MACE models, fast and checked."""
