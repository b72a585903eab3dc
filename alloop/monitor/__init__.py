"""Views that follow a running campaign: the terminal, Weights & Biases, the status; rebuilt from the journal."""
