"""From trajectories to diffusivity, conductivity and activation energy, with error bars."""
