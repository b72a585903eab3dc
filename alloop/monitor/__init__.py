"""Views that follow a running campaign: the terminal and Weights & Biases."""
