"""The status of a campaign: its numbers, words and tables. Pure."""
