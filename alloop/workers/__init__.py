"""Start and end workers (Parsl, batch systems, Kubernetes), and say what a broken attempt costs."""
