"""What happened in a campaign: events, in a SQLite file that one driver writes."""
