"""The state of a campaign, folded from the events of its journal. Pure."""
