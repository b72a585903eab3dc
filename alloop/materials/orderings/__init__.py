"""Ordered cells of disordered crystals: sublattices, charge balance, Ewald energies, enumeration, Monte Carlo."""
