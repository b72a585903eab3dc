"""The journal of a campaign: its events, in a SQLite file that one driver writes."""
