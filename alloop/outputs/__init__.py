"""Read and export the outputs of a campaign: models, dataset, committee, trajectories."""
