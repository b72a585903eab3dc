"""Read molecular dynamics of other programs as trajectories, and analyse them as production runs are."""
