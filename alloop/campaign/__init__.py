"""The loop of a campaign: opening, running, harvest, repair, labels of other campaigns."""
