"""Parsl, batch systems and Kubernetes: where tasks run, and what a broken attempt costs."""
