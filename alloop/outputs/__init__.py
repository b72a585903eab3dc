"""What a campaign leaves behind: models and dataset."""
