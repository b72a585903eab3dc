"""Where a campaign stands: numbers, words and tables. Pure."""
