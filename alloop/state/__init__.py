"""The state of a campaign, and how every event of the journal changes it. Pure."""
